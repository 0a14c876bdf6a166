//! kubo-rpc-client, the JavaScript client of Kubo's RPC, does its calls against our node.

use std::process::Stdio;

use rookery_tests::{javascript, peer::Peer};

fn assert_all_is_well(test: &str, peer: &Peer) {
    let Some(mut command) = javascript::program_or_skip(test, "calls.mjs") else { return };
    let output = command.arg(format!("http://{}", peer.rpc_address())).stdin(Stdio::null()).output();
    let output = output.expect("node can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim_end().ends_with("all is well"), "{:?}:\n{said}", peer.make());
}

#[test]
fn kubo_rpc_client_does_all_its_calls_against_our_node() {
    assert_all_is_well("kubo-rpc-client with our node", &Peer::ours().start());
}

#[test]
fn the_calls_of_kubo_rpc_client_are_such_as_kubo_answers() {
    let test = "kubo-rpc-client with Kubo";
    let Some(kubo) = Peer::kubo_or_skip(test) else { return };
    assert_all_is_well(test, &kubo.start());
}
