//! Starting, dying, idling.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use proto::supervision::InstanceState;

use crate::{
    row::{Table, median, round},
    tree::{Tree, pss_kib, wait_until},
};

const STARTS: usize = 7;
const DEATHS: usize = 9;

/// Start to ready, respawn beside a bare fork and exec, memory when idle.
pub fn measure() -> Table {
    let mut table = Table::new("Life of the tree");
    let starts = (0..STARTS).map(|_| Tree::start().start.as_secs_f64() * 1_000.0).collect();
    table.figure("start of the whole tree to ready, median of 7", format!("{} ms", round(median(starts))), "≤ 300 ms");
    respawn(&mut table);
    idle(&mut table);
    table
}

fn respawn(table: &mut Table) {
    // Every death counts as the first: it is the respawn that is measured, not the back-off after the ones before.
    let tree = Tree::start_with("[supervisor]\nstable_ms = 1\ndeaths_limit = 1000\n");
    let deaths = (0..DEATHS).map(|_| one_respawn(&tree)).collect();
    let bare = (0..DEATHS).map(|_| bare_respawn()).collect();
    let (ours, bare): (f64, f64) = (median(deaths), median(bare));
    table.rate(
        "SIGKILL of a worker to the next one's process, median of 9",
        ours,
        "ms",
        ("fork, exec, wait of a program that does nothing", bare),
        "≤ 2 ×",
    );
}

/// From SIGKILL until the kernel shows a new process of that box. The supervisor is not asked: that would cost more
/// than what is measured.
fn one_respawn(tree: &Tree) -> f64 {
    let victim = tree.instance("get-worker").pid.expect("it runs");
    let supervisor = tree.supervisor_pid();
    let before = children(supervisor);
    let began = Instant::now();
    kill(victim);
    wait_for_new_child(supervisor, &before);
    let took = began.elapsed().as_secs_f64() * 1_000.0;
    wait_until(|| tree.status().boxes.iter().all(|instance| instance.state == InstanceState::Running));
    took
}

fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("the process is ours");
}

fn children(parent: u32) -> Vec<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn wait_for_new_child(parent: u32, before: &[u32]) {
    let began = Instant::now();
    while !children(parent).iter().any(|pid| !before.contains(pid)) {
        assert!(began.elapsed().as_secs() < 30, "no new process");
        std::hint::spin_loop();
    }
}

fn bare_respawn() -> f64 {
    let program = std::env::current_exe().expect("this program has a path");
    let began = Instant::now();
    let child = Command::new(program).arg("nothing").stdin(Stdio::null()).spawn();
    child.expect("it can be started").wait().expect("it ends");
    began.elapsed().as_secs_f64() * 1_000.0
}

fn idle(table: &mut Table) {
    let tree = Tree::start();
    let status = tree.status();
    let mut sum = pss_kib(status.pid);
    table.figure("supervisor, idle", memory(status.rss_bytes, sum), "RSS < 8 MB");
    for instance in &status.boxes {
        let pss = instance.pid.map_or(0, pss_kib);
        sum += pss;
        table.figure(format!("{} {}, idle", instance.name, instance.instance), memory(instance.rss_bytes, pss), "");
    }
    table.figure("whole tree, idle, PSS", format!("{} MB", round(sum as f64 / 1_000.0 * 1.024)), "≤ 60 MB");
}

fn memory(rss_bytes: u64, pss_kib: u64) -> String {
    format!("RSS {} MB, PSS {} MB", round(rss_bytes as f64 / 1e6), round(pss_kib as f64 * 1.024 / 1_000.0))
}
