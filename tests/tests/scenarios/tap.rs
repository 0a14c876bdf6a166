//! `supervisor tap` shows the messages between boxes as they pass, decoded.

use std::time::Duration;

use nix::sys::signal::Signal;
use rookery_tests::{comments, process, setup::Setup, tree::Tree, wait};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn a_tap_shows_a_question_and_its_answer_decoded() {
    // A front that keeps nothing asks each time.
    let tree = Setup::new().with("[http-front]\ncache_mib = 0\n").start();
    let (mut web, topic) = (tree.web(), comments::topic("tapped"));
    comments::post(&mut web, &topic, &comments::unsigned(&topic, 0, "Hello"));
    for (name, request, marks) in
        [("get-worker", "GET", ["FindFolder", "bafy"]), ("post-worker", "POST", ["PostComment", "legacy_id"])]
    {
        let mut tap = tree.begin("supervisor", &["tap", name]);
        let shown = wait::within(DEADLINE, || {
            let _ = web.ask(request, &format!("/{topic}"), &[], &comments::unsigned(&topic, 1, "Again"));
            let complete = tap.out().contains(&topic.to_string()) && marks.iter().all(|mark| tap.out().contains(mark));
            complete.then_some(())
        });
        assert!(shown.is_some(), "{name}: {}{}", tap.out(), tap.err());
        // Not SIGINT: whoever starts tests in the background may have them ignore it.
        process::send(tap.pid(), Signal::SIGTERM);
        tap.await_end(DEADLINE);
    }
}

#[test]
fn a_tap_that_nobody_reads_holds_nobody_up() {
    let tree = Tree::start();
    let tap = tree.begin("supervisor", &["tap", "get-worker"]);
    let (mut web, topic) = (tree.web(), comments::topic("stuck"));
    comments::post(&mut web, &topic, &comments::unsigned(&topic, 0, "Hello"));
    wait::until("the tap shows something", DEADLINE, || {
        // The front keeps nothing of this answer: each time it asks.
        let _ = web.get("/").expect(200);
        (!tap.out().is_empty()).then_some(())
    });
    process::send(tap.pid(), Signal::SIGSTOP);
    for _ in 0..2_000 {
        let answer = web.get("/").expect(200);
        assert!(answer.took < Duration::from_secs(2), "{:?}", answer.took);
    }
}
