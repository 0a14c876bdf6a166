//! Keys and records that travel between Kubo and ours: what the one keeps, signs and publishes is good to the other.

use std::fs;

use rookery_tests::{
    http::Client,
    multipart::{self, Form},
    peer::Peer,
};

/// Content that needs no block.
const CONTENT: &str = "/ipfs/bafkqac3jobxhgidsn5rww4yk";

fn upload(rpc: &mut Client, command: &str, bytes: &[u8]) -> serde_json::Value {
    let kind = multipart::content_type();
    let path = format!("/api/v0/{command}");
    rpc.ask("POST", &path, &[("content-type", &kind)], &Form::of(bytes)).expect(200).json()
}

fn post(rpc: &mut Client, command: &str) -> Vec<u8> {
    rpc.post(&format!("/api/v0/{command}"), b"").expect(200).body.to_vec()
}

/// The file in which a peer keeps the key `k`.
fn kept(peer: &Peer) -> Vec<u8> {
    fs::read(peer.repository().join("keystore/key_nm")).expect("the test's files can be used")
}

/// Publishes with the key `k`, and returns the record.
fn publish(peer: &Peer, name: &str, value: &str) -> Vec<u8> {
    peer.run(&["name", "publish", "--key=k", "--allow-offline", "--resolve=false", value]);
    post(&mut peer.rpc(), &format!("name/get?arg={name}"))
}

/// Has a record checked and kept by a peer that did not make it, and resolved there.
fn assert_good(record: &[u8], name: &str, value: &str, to: &Peer) {
    let mut rpc = to.rpc();
    let shown = upload(&mut rpc, &format!("name/inspect?verify={name}"), record);
    assert_eq!((&shown["Validation"]["Valid"], &shown["Entry"]["Value"]), (&true.into(), &value.into()), "{shown}");
    upload(&mut rpc, &format!("routing/put?arg=/ipns/{name}&allow-offline=true"), record);
    assert_eq!(post(&mut rpc, &format!("name/get?arg={name}")), record);
    let resolved = to.run(&["name", "resolve", "--nocache", name]);
    assert_eq!(resolved.trim(), value, "{:?}", to.make());
}

#[test]
fn keys_and_records_of_every_kind_are_good_to_both() {
    let test = "keys and records of every kind are good to both";
    let Some(kubo) = Peer::kubo_or_skip(test) else { return };
    let (kubo, ours) = (kubo.start(), Peer::ours().start());
    for kind in ["ed25519", "rsa", "secp256k1"] {
        let name = kubo.run(&["key", "gen", &format!("--type={kind}"), "k"]).trim().to_owned();
        let imported = upload(&mut ours.rpc(), "key/import?arg=k", &kept(&kubo));
        assert_eq!(imported["Id"], name.as_str(), "{kind}");
        assert_eq!(kept(&ours), kept(&kubo), "a {kind} key is kept as Kubo keeps it");

        let theirs = publish(&kubo, &name, CONTENT);
        assert_good(&theirs, &name, CONTENT, &ours);
        // Ours goes on from the sequence number of the record that it was handed.
        let below = format!("{CONTENT}/{kind}");
        let own = publish(&ours, &name, &below);
        assert_good(&own, &name, &below, &kubo);

        for peer in [&kubo, &ours] {
            peer.run(&["key", "rm", "k"]);
        }
    }
}
