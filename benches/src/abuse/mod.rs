//! How long honest visitors wait while others misbehave, beside a quiet front of the same run.
//!
//! The honest ones ask at a steady pace, as visitors do, so that what is measured is the wait and not how much the machine
//! can do. Those who misbehave run on the same cores, at the lowest priority: what is asked is what they cost the front.

mod attacks;
mod visitors;

use std::time::Duration;

use proto::Topic;

use self::{attacks::ATTACKS, visitors::Waits};
use crate::{
    load::{get, post, run},
    row::Table,
    tree::Tree,
};

const TIME: Duration = Duration::from_secs(4);
/// The front reaches its usual size.
const WARM_UP: Duration = Duration::from_secs(1);

/// Each attack in turn, a quiet time before each.
pub fn measure() -> Table {
    let mut table = Table::new(
        "Abuse: the 99th percentile of 800 GET JSON of 25 comments a second over 8 connections, while others misbehave",
    );
    attacks::open_many_files();
    let tree = Tree::start();
    let (front, topic) = (tree.address("http-front", "http"), Topic::of_address("https://bench.example/"));
    fill(&tree, topic);
    let request = get(&format!("/{topic}"), "application/json");
    let _ = visitors::ask(front, &request, WARM_UP);
    for attack in ATTACKS {
        let quiet = visitors::ask(front, &request, TIME);
        let before_kib = rss_kib(&tree);
        let attacking = attack.begin(front, topic);
        let besieged = visitors::ask(front, &request, TIME);
        let grown_kib = rss_kib(&tree).saturating_sub(before_kib);
        let what = format!("{}; the front grew by {} MiB{}", attack.name, grown_kib / 1024, failures(&besieged));
        drop(attacking);
        table.rate(&what, besieged.p99_ms(), "ms", ("quiet", quiet.p99_ms()), "≤ 3");
    }
    table
}

fn failures(waits: &Waits) -> String {
    if waits.failed == 0 { String::new() } else { format!("; {} requests FAILED", waits.failed) }
}

fn fill(tree: &Tree, topic: Topic) {
    let mut requests = crate::comment::signed(topic, 25).into_iter();
    let (front, path) = (tree.address("http-front", "http"), format!("/{topic}"));
    let load = run(front, 1, Duration::from_secs(60), move || requests.next().map(|blob| post(&path, &blob)));
    assert_eq!(load.bad, 0, "the comments are accepted");
}

fn rss_kib(tree: &Tree) -> u64 {
    let pid = tree.instance("http-front").pid.expect("the front runs");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}
