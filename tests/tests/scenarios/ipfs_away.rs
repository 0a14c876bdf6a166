//! Comments do not need the IPFS daemon; the IPFS daemon gets all of them, soon or when it is back.

use std::time::Duration;

use proto::{CommentId, Topic};
use rookery_tests::{
    comments::{self, Author},
    http::Client,
    process,
    setup::Setup,
    tree::Tree,
    wait,
};

/// What the design promises for a CID that a GET returned.
const SERVED_WITHIN: Duration = Duration::from_secs(2);
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);

/// The bytes of a file or a block, if the daemon has all of it.
fn cat(rpc: &mut Client, path: &str) -> Option<Vec<u8>> {
    let answer = rpc.try_ask("POST", &format!("/api/v0/cat?offline=true&arg={path}"), &[], b"").ok()?;
    let whole = answer.status == 200 && answer.header("x-stream-error").is_empty();
    whole.then(|| answer.body.to_vec())
}

fn folder(web: &mut Client, topic: &Topic) -> String {
    web.get(&format!("/{topic}")).expect(200).text().trim().to_owned()
}

#[test]
fn a_cid_that_a_get_returned_is_served_by_the_daemon_within_two_seconds() {
    let tree = Tree::start();
    let (mut web, mut rpc) = (tree.web(), tree.rpc());
    let (topic, author) = (comments::topic("soon"), Author::number(1));
    for round in 0..5 {
        let blob = author.says(&topic, round, &format!("number {round}"));
        let kept = comments::post(&mut web, &topic, &blob);
        let (folder, root) = (folder(&mut web, &topic), web.get("/").expect(200).text());
        let hex = topic.to_string();
        let in_folder = format!("{folder}/{}", kept.legacy_id);
        let in_root = format!("{}/{}/{}/{}/{}", root.trim(), &hex[..2], &hex[2..4], &hex[4..], kept.legacy_id);
        wait::until(&format!("the daemon serves round {round}"), SERVED_WITHIN, || {
            let paths = [kept.id.to_string(), in_folder.clone(), in_root.clone()];
            paths.iter().all(|path| cat(&mut rpc, path).as_deref() == Some(&blob)).then_some(())
        });
    }
}

#[test]
fn comments_are_written_and_read_while_the_daemon_is_down_and_reach_it_afterwards() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("while it is away"));
    let daemon = tree.daemon();
    let _ = tree.command(&["stop", &daemon]).well();
    let blobs: Vec<_> = (0..50).map(|n| comments::unsigned(&topic, n, &format!("number {n}"))).collect();
    for blob in &blobs {
        comments::post(&mut web, &topic, blob);
    }
    assert_eq!(comments::page(&mut web, &topic, "")["count"], 50);
    assert_eq!(web.get("/health/ready").status, 200, "readiness asks for reading and writing, not for IPFS");
    let folder = folder(&mut web, &topic);

    let _ = tree.command(&["start", &daemon]).well();
    let mut rpc = tree.rpc();
    wait::until("the daemon serves all of it", CAUGHT_UP_WITHIN, || {
        let listed = rpc.try_ask("POST", &format!("/api/v0/ls?offline=true&arg={folder}"), &[], b"").ok()?;
        let links = (listed.status == 200).then(|| listed.json())?["Objects"][0]["Links"].as_array()?.len();
        let mut all =
            || blobs.iter().all(|blob| cat(&mut rpc, &CommentId::of(blob).to_string()).as_deref() == Some(blob));
        (links == blobs.len() && all()).then_some(())
    });
}

#[test]
fn a_daemon_that_is_killed_again_and_again_gets_everything_in_the_end() {
    let tree = Setup::new().with("[supervisor]\ndeaths_limit = 1000000\nrestart_cap_ms = 100\n").start();
    let (mut web, topic) = (tree.web(), comments::topic("killed"));
    let mut blobs = Vec::new();
    for round in 0..10 {
        let dead = tree.kill(&tree.daemon());
        for n in 0..10 {
            blobs.push(comments::unsigned(&topic, n, &format!("number {n} of round {round}")));
            comments::post(&mut web, &topic, &blobs[blobs.len() - 1]);
        }
        tree.await_successor(&tree.daemon(), dead);
    }
    let (folder, mut rpc) = (folder(&mut web, &topic), tree.rpc());
    wait::until("the daemon serves all of it", CAUGHT_UP_WITHIN, || {
        let paths = blobs.iter().map(|blob| format!("{folder}/{}", proto::LegacyId::of(blob)));
        paths.zip(&blobs).all(|(path, blob)| cat(&mut rpc, &path).as_deref() == Some(blob)).then_some(())
    });
}

#[test]
fn the_root_is_pinned_so_that_collection_keeps_every_comment() {
    let tree = Tree::start();
    let (mut web, mut rpc, topic) = (tree.web(), tree.rpc(), comments::topic("pinned"));
    let blob = comments::unsigned(&topic, 0, "to be kept");
    let kept = comments::post(&mut web, &topic, &blob);
    let root = web.get("/").expect(200).text().trim().to_owned();
    wait::until("the root is pinned", SERVED_WITHIN, || {
        let pins = rpc.post("/api/v0/pin/ls?type=recursive&stream=true", b"").expect(200);
        pins.json_lines().iter().any(|pin| pin["Cid"] == root.as_str()).then_some(())
    });
    let stray = rpc_put(&mut rpc, b"nobody wants this");
    // What is younger than a request that is still open, and be it by a moment, is left to the next collection.
    wait::until("what nobody pinned is collected", CAUGHT_UP_WITHIN, || {
        let _ = rpc.post("/api/v0/repo/gc", b"").expect(200);
        cat(&mut rpc, &stray).is_none().then_some(())
    });
    assert_eq!(cat(&mut rpc, &kept.id.to_string()).as_deref(), Some(&blob[..]));
}

fn rpc_put(rpc: &mut Client, bytes: &[u8]) -> String {
    use rookery_tests::multipart;
    let kind = multipart::content_type();
    let form = multipart::Form::of(bytes);
    let answer = rpc.ask("POST", "/api/v0/block/put", &[("Content-Type", &kind)], &form).expect(200);
    answer.json()["Key"].as_str().expect("a key").to_owned()
}

#[test]
fn a_hung_daemon_does_not_slow_comments_down() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("hung"));
    let daemon = tree.pid(&tree.daemon());
    process::send(daemon, nix::sys::signal::Signal::SIGSTOP);
    for n in 0..20 {
        let blob = comments::unsigned(&topic, n, &format!("number {n}"));
        let answer = web.post(&format!("/{topic}"), &blob).expect(201);
        assert!(answer.took < Duration::from_secs(2), "{:?}", answer.took);
        assert!(web.get(&format!("/{topic}")).expect(200).took < Duration::from_secs(2));
    }
    process::send(daemon, nix::sys::signal::Signal::SIGCONT);
}
