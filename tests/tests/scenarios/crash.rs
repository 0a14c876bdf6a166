//! Crash proof: many clients post while boxes are killed at random; every acknowledged comment is there, once.

use std::collections::BTreeSet;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use rookery_tests::{
    kubo::{Kubo, Profile},
    process,
    setup::Setup,
    tree::Tree,
    visitors::{Temper, Visitors, assert_all_kept},
};

const CLIENTS: u8 = 8;
/// The moment of a kill is up to so many rounds of the clients after the tree was ready again.
const ROUNDS_BETWEEN: u64 = 12;
/// A tree that is killed all the time: no box may be held for that, and none may wait long.
const HARDENED: &str = "[supervisor]\ndeaths_limit = 1000000\nrestart_cap_ms = 50\n";

/// Posts while `kill` is done again and again at random moments, then checks everything.
///
/// `make soak` does it ten times as often.
fn survive(kills: u32, mut kill: impl FnMut(&mut Tree, &Visitors, &mut StdRng)) {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut tree = Setup::new().with(HARDENED).start();
    let visitors = Visitors::begin(&tree, Temper::Patient, CLIENTS);
    let times = if std::env::var_os("ROOKERY_SOAK").is_some() { 10 } else { 1 };
    for _ in 0..kills * times {
        visitors.await_rounds(random.random_range(0..ROUNDS_BETWEEN));
        kill(&mut tree, &visitors, &mut random);
    }
    visitors.await_rounds(1);
    let acknowledged = visitors.end();
    tree.await_ready();
    assert_all_kept(&tree, &acknowledged);
    assert_sound(&tree);
}

/// The store is sound, and the folders are those of the comments.
fn assert_sound(tree: &Tree) {
    let _ = tree.command(&["store", "check"]).well();
    let Some(kubo) = Kubo::or_skip("crash: the folders are those of the comments", Profile::UnixfsV1) else { return };
    let exported = tree.folder().join("exported");
    let _ = tree.command(&["export", exported.to_str().expect("test paths are text")]).well();
    assert_eq!(tree.web().get("/").text().trim(), kubo.only_hash(&exported));
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_post_worker_is_killed_200_times() {
    survive(200, |tree, _, _| {
        let dead = tree.kill("post-worker.0");
        tree.await_successor("post-worker.0", dead);
    });
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_supervisor_is_killed_30_times() {
    survive(30, |tree, visitors, _| {
        tree.kill_supervisor();
        tree.up();
        visitors.move_to(tree.web().address());
    });
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_every_box_is_killed_at_once_80_times() {
    survive(80, |tree, _, random| {
        let mut all: Vec<_> = tree.status().boxes.into_iter().filter_map(|instance| instance.pid).collect();
        // In another order each time.
        all.sort_by_cached_key(|_| random.random::<u32>());
        all.iter().copied().for_each(process::kill);
        let dead: BTreeSet<_> = all.into_iter().collect();
        rookery_tests::wait::until("every box has a successor", rookery_tests::tree::READY_DEADLINE, || {
            let now = tree.try_status().filter(|status| status.ready)?;
            now.boxes.iter().all(|instance| instance.pid.is_some_and(|pid| !dead.contains(&pid))).then_some(())
        });
    });
}
