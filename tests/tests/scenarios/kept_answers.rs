//! Fronts keep answers, and yet nobody misses a comment that was acknowledged before he asked: not on another connection,
//! not through another front, not when the writer dies between keeping a comment and saying so.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use comment_store::{Incoming, Options, Writer};
use proto::{posts::Origin, record::Limits};
use rookery_tests::{begun::Begun, comments, process, setup::Setup, tree::Tree, wait, watchers::Watched};

const DEADLINE: Duration = Duration::from_secs(30);
const HARDENED: &str = "[supervisor]\ndeaths_limit = 1000000\nrestart_cap_ms = 50\n";

/// A second front, and where it listens.
fn second_front(tree: &Tree) -> (Begun, SocketAddr) {
    let front = tree.begin("http-front", &["--instance", "1"]);
    let address = wait::until("the second front listens", DEADLINE, || process::listens(front.pid()));
    (front, address)
}

#[test]
fn no_reader_misses_an_acknowledged_comment_through_two_fronts() {
    let tree = Tree::start();
    let (_front, second) = second_front(&tree);
    let watched = Watched::pages(2);
    watched.hammer(&[tree.web().address(), second], 60, || {});
    let (looks, unchanged) = watched.looks();
    // How many more there are is the machine's affair.
    assert!(looks >= 60, "{looks} looks");
    assert!(unchanged > 0, "304 was never the answer");
    let kept = hits(&tree);
    assert!(kept > 0, "nothing came from what is kept");
}

#[test]
fn no_reader_misses_an_acknowledged_comment_while_the_writer_is_killed() {
    let tree = Setup::new().with(HARDENED).start();
    let (_front, second) = second_front(&tree);
    let watched = Watched::pages(2);
    let mut kills = 0;
    watched.hammer(&[tree.web().address(), second], 60, || {
        let dead = tree.kill("post-worker.0");
        tree.await_successor("post-worker.0", dead);
        kills += 1;
    });
    assert!(kills > 0);
    println!("{kills} kills, {:?} looks", watched.looks());
}

/// What the store and the board are like when a writer dies between its commit and its bump.
#[test]
fn what_a_dead_writer_kept_in_silence_is_seen_when_its_successor_acknowledges_it() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("silence"));
    let _ = comments::post(&mut web, &topic, &comments::unsigned(&topic, 1, "first"));
    let counts = format!("/counts?topics={topic}");
    assert_eq!(
        (comments::page(&mut web, &topic, "")["count"].as_u64(), web.get(&counts).text()),
        (Some(1), "[1]".to_owned())
    );

    let _ = tree.command(&["stop", "post-worker"]).well();
    let blob = comments::unsigned(&topic, 2, "in silence");
    {
        let mut writer =
            Writer::open(&tree.folder().join("data/comments"), &Options::default()).expect("nobody has it");
        let comment = Incoming::read(topic, Origin::Visitor, Bytes::from(blob.clone()), Limits::NONE).expect("ours");
        let mut batch = writer.batch().expect("there is room");
        batch.insert(&comment).expect("it is new");
        batch.commit().expect("the disk takes it");
    }
    let _ = tree.command(&["start", "post-worker"]).well();

    let _ = web.post(&format!("/{topic}"), &blob).expect(200);
    assert_eq!(comments::page(&mut web, &topic, "")["count"], 2);
    assert_eq!(web.get(&counts).text(), "[2]");
}

/// How many answers of the first front came from what it keeps.
fn hits(tree: &Tree) -> u64 {
    let text = tree.web().get("/metrics").expect(200).text();
    let lines = text.lines().filter(|line| line.contains("cache_lookups_total") && line.contains(r#"found="hit""#));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}
