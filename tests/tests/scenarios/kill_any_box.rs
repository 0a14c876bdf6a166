//! Any one box but the front can be killed at any time, and nobody who posts or reads notices.

use std::time::Duration;

use rookery_tests::{
    http::Client,
    process,
    setup::Setup,
    tree::Tree,
    visitors::{Temper, Visitors, assert_all_kept},
};

/// Deaths follow each other faster than in life: no box may be held for that.
const NEVER_HELD: &str = "[supervisor]\ndeaths_limit = 1000000\nrestart_cap_ms = 100\n";

fn tree() -> Tree {
    Setup::new().with(NEVER_HELD).start()
}

#[test]
fn no_request_fails_while_any_one_box_but_the_front_is_killed() {
    let tree = tree();
    let visitors = Visitors::begin(&tree, Temper::Strict, 4);
    visitors.await_rounds(20);
    let daemon = tree.daemon();
    for name in ["get-worker.0", "get-worker.1", "post-worker.0", "ipfs-shim.0", &daemon].repeat(3) {
        let dead = tree.kill(name);
        tree.await_successor(name, dead);
        visitors.await_rounds(20);
    }
    assert_all_kept(&tree, &visitors.end());
}

#[test]
fn no_request_fails_while_all_workers_are_killed_at_once() {
    let tree = tree();
    let visitors = Visitors::begin(&tree, Temper::Strict, 4);
    for _ in 0..5 {
        visitors.await_rounds(20);
        let workers = ["get-worker.0", "get-worker.1", "post-worker.0"];
        let dead = workers.map(|name| tree.pid(name));
        dead.into_iter().for_each(process::kill);
        for (name, dead) in workers.into_iter().zip(dead) {
            tree.await_successor(name, dead);
        }
    }
    visitors.await_rounds(20);
    assert_all_kept(&tree, &visitors.end());
}

#[test]
fn the_fronts_port_survives_its_death_and_connections_that_wait_are_served() {
    let tree = tree();
    let address = tree.address("http-front.0", "http");
    for _ in 0..5 {
        let dead = tree.kill("http-front.0");
        // The new connection waits in the listener that the supervisor holds, until the successor takes it.
        assert_eq!(Client::new(address).get("/health/live").status, 200);
        tree.await_successor("http-front.0", dead);
        assert_eq!(tree.address("http-front.0", "http"), address);
    }
}

#[test]
fn after_the_supervisors_death_one_up_gives_one_tree_with_everything_acknowledged() {
    let mut tree = tree();
    let visitors = Visitors::begin(&tree, Temper::Patient, 4);
    for _ in 0..3 {
        visitors.await_rounds(20);
        tree.kill_supervisor();
        tree.up();
        visitors.move_to(tree.web().address());
    }
    visitors.await_rounds(20);
    let acknowledged = visitors.end();
    // The supervisor is no box, and Kubo is a process of its keeper's.
    let kubo = usize::from(tree.daemon() == "kubo-keeper.0");
    let expected = tree.status().boxes.iter().filter_map(|instance| instance.pid).count() + 1 + kubo;
    let found = process::of_tree(tree.folder());
    assert_eq!(found.len(), expected, "{found:?}");
    assert_all_kept(&tree, &acknowledged);
}

#[test]
fn a_dead_box_is_replaced_at_once_and_the_status_says_why_it_died() {
    let tree = tree();
    let dead = tree.kill("ipfs-shim.0");
    tree.await_successor("ipfs-shim.0", dead);
    let after = tree.await_instance("ipfs-shim.0", Duration::from_secs(10), |now| now.restarts == 1);
    assert!(after.uptime_ms < 10_000 && after.reason.is_none(), "{after:?}");
    assert!(tree.logs().contains("SIGKILL"), "{}", tree.logs());
}
