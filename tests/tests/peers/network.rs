//! A private network of Kubo's nodes and ours, which find each other's blocks, peers and names through the DHT alone.

use std::{fs, time::Duration};

use rookery_tests::{
    peer::{Peer, Transport},
    wait,
};

/// A lookup of Kubo may ask all there are, one after the other.
const DEADLINE: Duration = Duration::from_secs(60);

/// Three of each, connected to the first of all.
struct Network {
    kubos: Vec<Peer>,
    ours: Vec<Peer>,
}

impl Network {
    fn or_skip(test: &str) -> Option<Self> {
        let mut kubos = Vec::new();
        for _ in 0..3 {
            kubos.push(Peer::kubo_or_skip(test)?.start());
        }
        let ours: Vec<_> = (0..3).map(|_| Peer::ours().start()).collect();
        let first = &kubos[0];
        // A line of acquaintances, so that nobody is connected to all.
        let line: Vec<_> = ours.iter().chain(&kubos[1..]).collect();
        line.iter().for_each(|peer| peer.connect(first, Transport::Tcp));
        line.windows(2).for_each(|pair| pair[0].connect(pair[1], Transport::Tcp));
        Some(Self { kubos, ours })
    }
}

/// Adds a text of one's own.
fn add(peer: &Peer, text: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("the test's files can be used");
    fs::write(file.path(), text).expect("the test's files can be used");
    peer.add(file.path(), &["--cid-version=1"])
}

fn assert_provided(from: &Peer, to: &Peer) {
    let cid = add(from, &format!("only {} has this", from.id()));
    from.run(&["routing", "provide", &cid]);
    let found = wait::within(DEADLINE, || {
        let found = to.try_run(&["routing", "findprovs", "--timeout=10s", &cid]).unwrap_or_default();
        found.contains(&from.id()).then_some(())
    });
    assert!(found.is_some(), "{:?} does not find what {:?} provides", to.make(), from.make());
    let read = to.run(&["cat", "--timeout=60s", &cid]);
    assert!(read.contains(&from.id()));
}

fn assert_found(peer: &Peer, by: &Peer) {
    let found = wait::within(DEADLINE, || {
        let found = by.try_run(&["routing", "findpeer", "--timeout=10s", &peer.id()]).unwrap_or_default();
        found.contains("/ip4/127.0.0.1/").then_some(())
    });
    assert!(found.is_some(), "{:?} does not find {:?}", by.make(), peer.make());
}

fn assert_resolved(from: &Peer, to: &Peer) {
    let cid = add(from, &format!("named by {}", from.id()));
    let name = from.run(&["name", "publish", "--quieter", "--timeout=60s", &format!("/ipfs/{cid}")]).trim().to_owned();
    let resolved = wait::within(DEADLINE, || {
        let said = to.try_run(&["name", "resolve", "--nocache", "--timeout=20s", &name]).unwrap_or_default();
        said.contains(&cid).then_some(())
    });
    assert!(resolved.is_some(), "{:?} does not resolve a name of {:?}", to.make(), from.make());
}

#[test]
fn blocks_peers_and_names_are_found_across_a_network_of_both_kinds() {
    let Some(Network { kubos, ours }) = Network::or_skip("a network of three Kubos and three of ours") else { return };
    assert_provided(&ours[1], &kubos[2]);
    assert_provided(&kubos[2], &ours[1]);
    assert_provided(&ours[0], &ours[2]);
    assert_found(&ours[2], &kubos[2]);
    assert_found(&kubos[1], &ours[0]);
    assert_resolved(&ours[2], &kubos[1]);
    assert_resolved(&kubos[2], &ours[0]);
}
