//! Our node is killed, starved and crowded: nothing that was pinned is lost, and it goes on.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use nix::sys::resource::{Resource, setrlimit};
use rookery_tests::{
    peer::{Peer, Transport},
    process, wait,
};

use super::{is_soak, noise};

const DEADLINE: Duration = Duration::from_secs(60);
const CONNECTIONS: usize = 1_000;
/// Beside what it takes idle; far below what a megabyte for each connection would be.
const MORE_MEMORY_BYTES: u64 = 128 << 20;

fn kills() -> usize {
    if is_soak() { 50 } else { 4 }
}

/// All that is pinned is whole, and as it was.
fn assert_whole(peer: &Peer, pinned: &[String]) {
    assert_eq!(peer.run(&["pin", "verify", "--quiet"]), "");
    peer.run(&["repo", "verify"]);
    let listed = peer.run(&["pin", "ls", "--type=recursive", "--quiet"]);
    for cid in pinned {
        assert!(listed.contains(cid), "{cid} was pinned, and is not");
    }
}

/// Ends the daemon as soon as the repository has grown: in the middle of what goes on.
fn kill_in_the_middle(peer: &mut Peer, arguments: &[&str]) {
    let before = size_bytes(&peer.repository());
    let mut begun = peer.begin(arguments);
    let _ = wait::within(Duration::from_secs(5), || {
        let grown = size_bytes(&peer.repository()) != before;
        (grown || begun.try_wait().is_ok_and(|ended| ended.is_some())).then_some(())
    });
    peer.kill();
    let _ = begun.wait();
}

fn size_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder.join("segments")).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

#[test]
fn nothing_pinned_is_lost_when_an_add_a_collection_or_a_fetch_is_killed() {
    let place = tempfile::tempdir().unwrap();
    let (mut shaken, giver) = (Peer::ours().start(), Peer::ours().start());
    let mut pinned = Vec::new();
    for round in 0..kills() {
        let file = |name: &str, seed: usize| {
            let path = place.path().join(name);
            fs::write(&path, noise(6 << 20, seed)).unwrap();
            path
        };
        let [kept, rubbish, half] = ["kept", "rubbish", "half"].map(|name| file(name, round * 10 + name.len()));
        pinned.push(shaken.add(&kept, &[]));
        let _ = shaken.add(&rubbish, &["--pin=false"]);
        let half = half.to_str().unwrap();
        kill_in_the_middle(&mut shaken, &["add", half]);
        shaken.restart(&[]);
        assert_whole(&shaken, &pinned);
        kill_in_the_middle(&mut shaken, &["repo", "gc"]);
        shaken.restart(&[]);
        assert_whole(&shaken, &pinned);
        let far = giver.add(&file("far", round * 10 + 1), &[]);
        shaken.connect(&giver, Transport::Tcp);
        kill_in_the_middle(&mut shaken, &["pin", "add", &far]);
        shaken.restart(&[]);
        assert_whole(&shaken, &pinned);
    }
}

#[test]
fn a_thousand_connections_at_once_are_taken_or_refused_and_memory_stays_bounded() {
    let ours = Peer::ours().start();
    let address = ours.address(Transport::Tcp);
    let port = address.split('/').nth(4).and_then(|port| port.parse().ok()).expect("a TCP address has a port");
    // The test's own end of each.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, 4_096, 4_096);
    let before = process::rss_bytes(ours.pid());
    let crowd: Vec<_> = (0..CONNECTIONS).filter_map(|_| connect(port)).collect();
    assert!(crowd.len() > CONNECTIONS / 2, "{} connections could be made", crowd.len());
    let other = Peer::ours().start();
    let more = process::rss_bytes(ours.pid()).saturating_sub(before);
    assert!(more < MORE_MEMORY_BYTES, "{more} bytes more for {} connections", crowd.len());
    assert!(ours.run(&["version", "-n"]).starts_with("0."));
    drop(crowd);
    wait::until("others may connect again", DEADLINE, || {
        other.try_run(&["swarm", "connect", "--timeout=5s", &address]).ok()
    });
}

/// Says nothing but what every peer says first.
fn connect(port: u16) -> Option<TcpStream> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(2)).ok()?;
    stream.write_all(b"\x13/multistream/1.0.0\n").ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(1))).ok()?;
    let _ = stream.read(&mut [0; 64]);
    Some(stream)
}
