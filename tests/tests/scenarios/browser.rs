//! What people see: a real browser, shown the real tree. Each test is a script of `tests/browser`; the pictures that they
//! take are kept in `target/screenshots`.

use std::time::Duration;

use nix::sys::signal::Signal;
use rookery_tests::{browser::Scenario, process, setup::Setup, tree::Tree, wait};

/// A visit takes seconds in a browser on a busy machine.
const PROGRESS_DEADLINE: Duration = Duration::from_secs(60);

fn show(scenario: &'static str) {
    let tree = Tree::start();
    let Some(scenario) = Scenario::or_skip(scenario, tree.web().address()) else { return };
    scenario.await_success();
}

#[test]
fn what_nobody_should_see_is_noticed() {
    show("watchful");
}

#[test]
fn two_visitors_see_each_others_comments_live() {
    show("live");
}

#[test]
fn hostile_comments_do_nothing_and_break_nothing() {
    show("hostile");
}

#[test]
fn a_server_that_lies_is_shown_as_lying() {
    show("lying");
}

#[test]
fn keys_are_made_once_and_can_be_carried_to_another_browser() {
    show("keys");
}

#[test]
fn drafts_survive_a_reload() {
    show("drafts");
}

#[test]
fn a_link_to_a_comment_leads_to_it() {
    show("deep_link");
}

#[test]
fn nothing_is_in_the_way_of_those_who_see_or_move_differently() {
    show("accessible");
}

#[test]
fn threads_are_read_without_javascript() {
    show("no_script");
}

#[test]
fn a_thread_and_its_count_stand_under_somebody_elses_article() {
    show("embedded");
}

#[test]
fn a_first_visit_is_light_and_a_second_next_to_nothing() {
    show("light");
}

#[test]
fn a_page_over_plain_http_posts_and_verifies_too() {
    show("plain_http");
}

#[test]
fn a_visitor_does_not_notice_that_boxes_are_killed() {
    // Deaths follow each other faster than in life: no box may be held for that.
    let tree = Setup::new().with("[supervisor]\ndeaths_limit = 1000000\nrestart_cap_ms = 100\n").start();
    let Some(scenario) = Scenario::or_skip("killed", tree.web().address()) else { return };
    let rounds = || scenario.said().lines().filter(|line| line.starts_with("round ")).count();
    let boxes = ["http-front.0", "get-worker.0", "get-worker.1", "post-worker.0", "ipfs-shim.0", "ipfs-node.0"];
    for name in boxes.repeat(2) {
        let dead = tree.kill(name);
        let so_far = rounds();
        tree.await_successor(name, dead);
        // Ends too when the visitor has met an error: what it says is the better failure.
        let goes_on = || (rounds() > so_far || !process::runs(scenario.pid())).then_some(());
        wait::until("the visitor goes on", PROGRESS_DEADLINE, goes_on);
    }
    process::send(scenario.pid(), Signal::SIGTERM);
    scenario.await_success();
}
