//! Blocks go both ways between our node, Kubo and Helia, over every transport, and through the death of either side.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rookery_tests::{
    javascript::Helia,
    peer::{Peer, Transport},
    process, wait,
};
use tempfile::TempDir;

use super::{is_soak, noise};

const V1: [&str; 4] = ["--cid-version=1", "--raw-leaves", "--chunker=size-1048576", "--max-file-links=1024"];
const DEADLINE: Duration = Duration::from_secs(120);
const MIB: usize = 1 << 20;

/// How much is sent where the size does not matter.
fn large_bytes() -> usize {
    if is_soak() { 256 * MIB } else { 24 * MIB }
}

fn many_files() -> usize {
    if is_soak() { 10_000 } else { 500 }
}

struct Files {
    place: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { place: tempfile::tempdir().expect("the test's files can be used") }
    }

    fn of(&self, name: &str, bytes: usize) -> PathBuf {
        let path = self.place.path().join(name);
        fs::write(&path, noise(bytes, bytes)).expect("the test's files can be used");
        path
    }

    fn many(&self, count: usize) -> PathBuf {
        let folder = self.place.path().join("many");
        fs::create_dir(&folder).expect("the test's files can be used");
        for at in 0..count {
            fs::write(folder.join(format!("{at}.txt")), format!("file {at}\n")).expect("the test's files can be used");
        }
        folder
    }
}

/// One has it, the other pins it and reads the same bytes.
fn assert_travels(from: &Peer, to: &Peer, path: &Path, flags: &[&str]) {
    let cid = from.add(path, flags);
    to.run(&["pin", "add", "--timeout=100s", &cid]);
    let read = to.rpc().post(&format!("/api/v0/cat?arg={cid}&offline=true"), b"").expect(200);
    assert!(
        read.body == fs::read(path).expect("the test's files can be used"),
        "{:?} read other bytes of {cid}",
        to.make()
    );
    to.run(&["pin", "verify", "--quiet"]);
}

fn assert_travels_over(test: &str, transport: Transport) {
    let Some(kubo) = Peer::kubo_or_skip(test) else { return };
    let (kubo, ours) = (kubo.start(), Peer::ours().start());
    ours.connect(&kubo, transport);
    let files = Files::new();
    for (name, bytes, flags) in [("block", 1_000, &V1[..]), ("v1", 5 * MIB + 1, &V1[..]), ("v0", 3 * MIB + 7, &[])] {
        assert_travels(&kubo, &ours, &files.of(name, bytes), flags);
        assert_travels(&ours, &kubo, &files.of(name, bytes + 100_000), flags);
    }
}

#[test]
fn blocks_go_both_ways_with_kubo_over_tcp() {
    assert_travels_over("Bitswap with Kubo over TCP", Transport::Tcp);
}

#[test]
fn blocks_go_both_ways_with_kubo_over_quic() {
    assert_travels_over("Bitswap with Kubo over QUIC", Transport::Quic);
}

#[test]
fn blocks_go_both_ways_with_kubo_over_a_websocket() {
    assert_travels_over("Bitswap with Kubo over a WebSocket", Transport::WebSocket);
}

#[test]
fn who_is_connected_to_by_kubo_gives_and_gets_as_well() {
    let Some(kubo) = Peer::kubo_or_skip("Kubo connects to us") else { return };
    let (kubo, ours) = (kubo.start(), Peer::ours().start());
    let files = Files::new();
    for transport in Transport::ALL {
        kubo.connect(&ours, transport);
        let size = 2 * MIB + transport as usize;
        assert_travels(&ours, &kubo, &files.of("ours", size), &V1);
        assert_travels(&kubo, &ours, &files.of("theirs", size + 10), &V1);
        kubo.run(&["swarm", "disconnect", &format!("/p2p/{}", ours.id())]);
    }
}

#[test]
fn large_files_go_both_ways_with_kubo() {
    let Some(kubo) = Peer::kubo_or_skip("large files with Kubo") else { return };
    let (kubo, ours) = (kubo.start(), Peer::ours().start());
    ours.connect(&kubo, Transport::Tcp);
    let files = Files::new();
    for (at, flags) in [&V1[..], &[]].into_iter().enumerate() {
        let bytes = large_bytes() + 1000 * at;
        assert_travels(&kubo, &ours, &files.of("theirs", bytes), flags);
        assert_travels(&ours, &kubo, &files.of("ours", bytes + 1), flags);
    }
}

#[test]
fn a_folder_of_many_files_goes_both_ways_with_kubo() {
    let Some(kubo) = Peer::kubo_or_skip("a folder of many files with Kubo") else { return };
    let (kubo, ours) = (kubo.start(), Peer::ours().start());
    ours.connect(&kubo, Transport::Tcp);
    let files = Files::new();
    let folder = files.many(many_files());
    for (from, to, flags) in [(&kubo, &ours, &V1[..]), (&ours, &kubo, &[])] {
        let cid = from.add(&folder, flags);
        to.run(&["pin", "add", "--timeout=100s", &cid]);
        let listed = to.run(&["ls", "--offline", &cid]);
        assert_eq!(listed.lines().count(), many_files());
        assert_eq!(to.run(&["cat", "--offline", &format!("/ipfs/{cid}/17.txt")]), "file 17\n");
    }
}

#[test]
fn two_of_ours_give_each_other_what_they_have() {
    let (one, other) = (Peer::ours().start(), Peer::ours().start());
    let files = Files::new();
    for transport in Transport::ALL {
        one.connect(&other, transport);
        assert_travels(&one, &other, &files.of("one", 3 * MIB + transport as usize), &V1);
        assert_travels(&other, &one, &files.of("other", 2 * MIB + transport as usize), &[]);
        one.run(&["swarm", "disconnect", &format!("/p2p/{}", other.id())]);
    }
}

/// A fetch that was begun before its giver died goes on when the giver is back.
fn assert_survives_the_giver(mut giver: Peer, taker: &Peer) {
    let files = Files::new();
    let cid = giver.add(&files.of("large", 2 * large_bytes()), &[]);
    taker.connect(&giver, Transport::Tcp);
    let mut pinning = taker.begin(&["pin", "add", &cid]);
    await_blocks(taker, 8);
    giver.kill();
    giver.restart(&[]);
    taker.connect(&giver, Transport::Tcp);
    let ended = wait::until("the fetch goes on", DEADLINE, || pinning.try_wait().ok().flatten());
    assert!(ended.success(), "{:?} gave up", taker.make());
}

/// Until a peer has got some blocks of what it fetches.
fn await_blocks(peer: &Peer, more: usize) {
    let count = || peer.run(&["refs", "local"]).lines().count();
    let before = count();
    wait::until("blocks arrive", DEADLINE, || (count() >= before + more).then_some(()));
}

#[test]
fn a_fetch_survives_the_death_of_the_kubo_that_gives() {
    let Some(kubo) = Peer::kubo_or_skip("a fetch survives the death of Kubo") else { return };
    assert_survives_the_giver(kubo.start(), &Peer::ours().start());
}

#[test]
fn a_fetch_of_kubo_survives_our_death() {
    let Some(kubo) = Peer::kubo_or_skip("a fetch of Kubo survives our death") else { return };
    assert_survives_the_giver(Peer::ours().start(), &kubo.start());
}

#[test]
fn a_taker_that_dies_goes_on_with_what_it_has() {
    let Some(kubo) = Peer::kubo_or_skip("our death while we fetch") else { return };
    let (kubo, mut ours) = (kubo.start(), Peer::ours().start());
    let files = Files::new();
    let path = files.of("large", 2 * large_bytes());
    let cid = kubo.add(&path, &V1);
    ours.connect(&kubo, Transport::Tcp);
    let mut pinning = ours.begin(&["pin", "add", &cid]);
    await_blocks(&ours, 2);
    ours.kill();
    let _ = pinning.wait();
    ours.restart(&[]);
    ours.connect(&kubo, Transport::Tcp);
    ours.run(&["pin", "add", "--timeout=100s", &cid]);
    ours.run(&["repo", "verify"]);
    assert_eq!(ours.run(&["refs", "-r", "--offline", &cid]).lines().count(), large_bytes() * 2 / MIB);
}

#[test]
fn nobody_is_kept_waiting_by_a_peer_that_is_stopped() {
    let Some(kubo) = Peer::kubo_or_skip("a stopped peer") else { return };
    let (silent, kubo, ours) = (Peer::ours().start(), kubo.start(), Peer::ours().start());
    let files = Files::new();
    let path = files.of("file", 4 * MIB);
    let cid = kubo.add(&path, &V1);
    assert_eq!(silent.add(&path, &V1), cid);
    ours.connect(&silent, Transport::Tcp);
    ours.connect(&kubo, Transport::Tcp);
    process::send(silent.pid(), nix::sys::signal::Signal::SIGSTOP);
    let pinned = ours.try_run(&["pin", "add", "--timeout=90s", &cid]);
    process::send(silent.pid(), nix::sys::signal::Signal::SIGCONT);
    assert!(pinned.is_ok(), "{pinned:?}");
}

#[test]
fn helia_gets_from_us_and_gives_over_tcp_and_websocket() {
    let test = "Helia over TCP and WebSocket";
    let ours = Peer::ours().start();
    let files = Files::new();
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let Some(mut helia) = Helia::or_skip(test) else { return };
        helia.connect(&ours.address(transport));
        let path = files.of("file", 3 * MIB + transport as usize);
        let cid = ours.add(&path, &V1);
        let (bytes, sum) = helia.cat(&cid);
        assert_eq!((bytes, sum), (fs::metadata(&path).unwrap().len(), sha256(&path)));
        let folder = files.many(100);
        assert_eq!(helia.ls(&ours.add(&folder, &V1)).len(), 100);
        fs::remove_dir_all(folder).unwrap();
        let given = helia.add(&format!("given by Helia over {transport:?}"), 100_000);
        assert!(ours.run(&["cat", "--timeout=60s", &given]).starts_with("given by Helia"));
    }
}

#[test]
fn helia_that_is_connected_to_gives_too() {
    let Some(mut helia) = Helia::or_skip("we connect to Helia") else { return };
    let ours = Peer::ours().start();
    for transport in [Transport::Tcp, Transport::WebSocket] {
        ours.run(&["swarm", "connect", helia.address(transport)]);
        let given = helia.add(&format!("over {transport:?}"), 50_000);
        assert!(ours.run(&["cat", "--timeout=60s", &given]).starts_with("over "));
    }
}

fn sha256(path: &Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(path).output().expect("sha256sum is there");
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap_or_default().to_owned()
}
