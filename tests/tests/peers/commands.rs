//! The command line says what Kubo's says, with a daemon and without one.

use std::{fs, path::Path};

use rookery_tests::peer::Peer;
use tempfile::TempDir;

/// A small tree of files.
fn tree() -> TempDir {
    let place = tempfile::tempdir().expect("the test's files can be used");
    fs::create_dir(place.path().join("folder")).expect("the test's files can be used");
    fs::write(place.path().join("a"), "a\n").expect("the test's files can be used");
    fs::write(place.path().join("folder/b"), "b\n").expect("the test's files can be used");
    fs::write(place.path().join("folder/large"), vec![7; 600_000]).expect("the test's files can be used");
    place
}

/// Kubo's answer and ours.
fn both<'a>(kubo: &'a Peer, ours: &'a Peer, line: &str) -> [Result<String, String>; 2] {
    let arguments: Vec<_> = line.split(' ').collect();
    [kubo, ours].map(|peer| peer.try_run(&arguments))
}

fn assert_same(kubo: &Peer, ours: &Peer, line: &str) {
    let [kubos, mine] = both(kubo, ours, line);
    assert_eq!(mine, kubos, "ipfs {line}");
}

/// Where the order is the repository's own.
fn assert_same_lines(kubo: &Peer, ours: &Peer, line: &str) {
    let sorted = |said: Result<String, String>| {
        let mut lines: Vec<_> = said.expect("it is well").lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let [kubos, mine] = both(kubo, ours, line).map(sorted);
    assert_eq!(mine, kubos, "ipfs {line}");
}

fn compare(kubo: &Peer, ours: &Peer, place: &Path) {
    let place = place.to_str().expect("test paths are text");
    let name = place.rsplit('/').next().expect("a path has a last name");
    assert_same(kubo, ours, &format!("add -r --progress=false {place}"));
    assert_same(kubo, ours, &format!("add -r -q {place}"));
    assert_same(kubo, ours, &format!("add -w -Q --cid-version=1 {place}/a"));
    let root = ours.run(&["add", "-r", "-Q", place]).trim().to_owned();
    for line in [
        "ls ROOT",
        "ls ROOT/folder",
        "ls --headers ROOT",
        "cat ROOT/a",
        "cat --offset=1 --length=1 ROOT/folder/b",
        "refs ROOT",
        "refs -r ROOT",
        "refs -r -u ROOT",
        "refs -r -e ROOT",
        "refs -r --max-depth=1 ROOT",
        "refs --format=<linkname>:<src>:<dst> ROOT",
        "block stat ROOT",
        "pin ls --type=recursive ROOT",
        "pin rm ROOT",
        "pin ls --type=recursive ROOT",
        "pin add ROOT",
        "pin add -r=false ROOT/a",
        "pin verify --verbose --quiet",
        "resolve /ipfs/ROOT/folder",
        "files mkdir -p /x/y",
        "files cp /ipfs/ROOT/a /x/a",
        "files ls /x",
        "files stat /x/a",
        "files read /x/a",
        "files rm -r /x",
        "dag stat --progress=false ROOT",
        "version -n",
        "cat QmNope",
        "cat ROOT/nothing",
        "block get",
    ] {
        // What is wrong is said in the same words by both; Kubo may add how its command is used.
        let line = line.replace("ROOT", &root);
        match both(kubo, ours, &line) {
            [Err(_), mine] => assert!(mine.is_err(), "ipfs {line} of {name}: {mine:?}"),
            [Ok(kubos), mine] => assert_eq!(mine, Ok(kubos), "ipfs {line} of {name}"),
        }
    }
}

#[test]
fn what_is_said_is_what_kubo_says_with_a_daemon_and_without() {
    let Some(kubo) = Peer::kubo_or_skip("the command line beside Kubo's") else { return };
    let (place, ours) = (tree(), Peer::ours());
    compare(&kubo, &ours, place.path());
    let (kubo, ours) = (kubo.start(), ours.start());
    compare(&kubo, &ours, place.path());
}

#[test]
fn what_is_kept_is_checked_in_kubos_words() {
    let Some(kubo) = Peer::kubo_or_skip("pin verify beside Kubo's") else { return };
    let (place, ours) = (tree(), Peer::ours());
    let roots = [&kubo, &ours].map(|peer| peer.add(place.path(), &[]));
    assert_eq!(roots[0], roots[1]);
    let leaf = ours.run(&["refs", &format!("/ipfs/{}/folder/large", roots[0])]).lines().next().unwrap().to_owned();
    for peer in [&kubo, &ours] {
        peer.run(&["pin", "rm", &roots[0]]);
        peer.run(&["block", "rm", &leaf]);
        // A pin of what is not whole cannot be made, but what is pinned may be broken later.
        assert!(peer.try_run(&["pin", "add", "--offline", &roots[0]]).is_err());
    }
    assert_same_lines(&kubo, &ours, &format!("refs -r {}/a", roots[0]));
}

#[test]
fn what_get_writes_is_what_was_added() {
    let (place, out, ours) = (tree(), tempfile::tempdir().unwrap(), Peer::ours().start());
    let root = ours.add(place.path(), &[]);
    let output = out.path().join("back");
    ours.run(&["get", "-o", output.to_str().unwrap(), &root]);
    for name in ["a", "folder/b", "folder/large"] {
        assert!(fs::read(output.join(name)).unwrap() == fs::read(place.path().join(name)).unwrap(), "{name}");
    }
    ours.run(&["get", "-a", "-o", out.path().join("x.tar").to_str().unwrap(), &root]);
    assert!(fs::metadata(out.path().join("x.tar")).unwrap().len() > 600_000);
}

#[test]
fn the_configuration_is_kept_in_kubos_shape() {
    let ours = Peer::ours();
    assert_eq!(ours.run(&["config", "Addresses.API"]).trim(), "/ip4/127.0.0.1/tcp/0");
    ours.run(&["config", "--json", "Swarm.ConnMgr.HighWater", "77"]);
    assert_eq!(ours.run(&["config", "Swarm.ConnMgr.HighWater"]).trim(), "77");
    let peer = "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWGzh2eUqKBhG4AqjSZ8FNhYbKbxSgKAXgYhYYxsNkrkqM";
    ours.run(&["bootstrap", "add", peer]);
    assert_eq!(ours.run(&["bootstrap", "list"]).trim(), peer);
    ours.run(&["bootstrap", "rm", "--all"]);
    assert_eq!(ours.run(&["bootstrap", "list"]).trim(), "");
    assert!(ours.try_run(&["init"]).unwrap_err().contains("already exists"));
}
