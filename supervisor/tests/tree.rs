//! The real supervisor with real processes, each box played by `rehearsal`.

mod rig;

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use proto::supervision::InstanceState;
use rig::{Rig, is_alive, kill, pid_at, processes_with, wait_until};

#[test]
fn a_tree_comes_up_tells_its_addresses_and_goes_down() {
    let mut rig = Rig::new("");
    let banner = rig.up();
    let status = rig.status();
    assert!(status.ready);
    let names: Vec<_> = status.boxes.iter().map(|one| format!("{}.{}", one.name, one.instance)).collect();
    assert_eq!(names, ["ipfs-node.0", "post-worker.0", "get-worker.0", "get-worker.1", "ipfs-shim.0", "http-front.0"]);
    let front = &status.boxes[5];
    assert!(banner.contains(&format!("http://{}\n", front.listen["http"])), "{banner}");
    assert_eq!(pid_at(&front.listen["http"]), front.pid.unwrap());
    assert!(front.rss_bytes > 0 && front.heartbeat_age_ms.unwrap() < 5_000);
    rig.done(&["down"]);
    assert_eq!(rig.supervisor().wait().unwrap().code(), Some(0));
    assert!(processes_with(&rig.config()).is_empty());
    assert!(rig.refused(&["status"], 3).contains("supervisor up"));
}
