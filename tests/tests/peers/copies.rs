//! A whole tree in front of a real IPFS Cluster: comments are on as many of its peers as configured, and the operator is told
//! when they are not.

use std::time::Duration;

use rookery_tests::{
    comments,
    peer::{Peer, Transport},
    setup::Setup,
    wait,
};
use serde_json::Value;

use crate::cluster::{Member, or_skip};

const DEADLINE: Duration = Duration::from_secs(90);

#[test]
fn comments_are_copied_to_a_cluster_and_the_operator_is_told_when_a_peer_of_it_is_lost() {
    let test = "a tree in front of an IPFS Cluster";
    let Some(()) = or_skip(test) else { return };
    let daemons: Option<Vec<_>> = (0..2).map(|_| Peer::kubo_or_skip(test).map(Peer::start)).collect();
    let Some(mut daemons) = daemons else { return };
    daemons[1].connect(&daemons[0], Transport::Tcp);
    let first = Member::start("first", &daemons[0], None);
    let mut second = Member::start("second", &daemons[1], Some(&first.address()));
    wait::until("two members know each other", DEADLINE, || {
        [&first, &second].iter().all(|one| one.get("/peers").is_some_and(|all| all.len() == 2)).then_some(())
    });
    let rest = first.rest;
    let config = format!("[ipfs]\ncluster = \"http://{rest}\"\nreplication_min = 2\nreplication_max = 2\n");
    let tree = Setup::new().with(&config).start();
    let topic = comments::topic("kept twice");
    let kept: Vec<_> = (0..3).map(|n| (n, comments::unsigned(&topic, n, &format!("number {n}")))).collect();
    for (_, blob) in &kept {
        let receipt = comments::post(&mut tree.web(), &topic, blob);
        let cid = receipt.id.to_string();
        wait::until("both daemons of the Cluster have the comment", DEADLINE, || {
            let has =
                |daemon: &Peer| daemon.try_run(&["cat", "--offline", &cid]).is_ok_and(|out| out.as_bytes() == blob);
            daemons.iter().all(has).then_some(())
        });
    }
    let root = tree.web().get("/").expect(200).text().trim().to_owned();
    wait::until("the root is pinned twice", DEADLINE, || (first.holders(&root).len() == 2).then_some(()));
    wait::until("the operator sees it", DEADLINE, || {
        let said = tree.command(&["ipfs", "--json"]).well().out;
        let shown: Value = serde_json::from_str(&said).expect("JSON");
        let cluster = &shown["state"]["cluster"];
        // An earlier root may still be shown.
        (cluster["replicas"]["pinned"] == 2 && cluster["root"] == root.as_str()).then_some(())
    });
    let unalarmed = tree.command(&["status"]).well().out;
    assert!(!unalarmed.contains("ATTENTION"), "{unalarmed}");

    second.end();
    daemons[1].kill();
    wait::until("the operator is told", DEADLINE, || {
        let status = tree.command(&["status"]).well().out;
        status.contains("ATTENTION: the published root is on 1 of 2 peers").then_some(())
    });
    let topic = comments::topic("still open");
    let _ = comments::post(&mut tree.web(), &topic, &comments::unsigned(&topic, 1, "a Cluster in need stops nobody"));
}
