//! A box that an operator starts by hand joins the work, and leaves it, unnoticed by visitors.

use std::time::Duration;

use nix::sys::signal::Signal;
use proto::supervision::InstanceState;
use rookery_tests::{
    process,
    programs::program,
    tree::Tree,
    visitors::{Temper, Visitors, assert_all_kept},
    wait,
};

const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn a_worker_started_by_hand_serves_alone_while_the_supervised_ones_are_stopped() {
    let tree = Tree::start();
    let visitors = Visitors::begin(&tree, Temper::Strict, 4);
    visitors.await_rounds(10);
    let mut worker = tree.begin("get-worker", &["--instance", "3"]);
    wait::until("the worker answers", DEADLINE, || tree.folder().join("run/threads.3.sock").exists().then_some(()));
    visitors.await_rounds(10);

    let _ = tree.command(&["stop", "get-worker"]).well();
    for name in ["get-worker.0", "get-worker.1"] {
        let stopped = tree.instance(name);
        assert_eq!((stopped.state, stopped.pid), (InstanceState::Stopped, None), "{stopped:?}");
    }
    visitors.await_rounds(50);

    let _ = tree.command(&["start", "get-worker"]).well();
    process::send(worker.pid(), Signal::SIGTERM);
    assert_eq!(worker.await_end(DEADLINE), Some(0), "{}", worker.err());
    visitors.await_rounds(50);
    assert_all_kept(&tree, &visitors.end());
}

#[test]
fn a_second_copy_of_an_instance_is_refused_with_the_holders_process_id() {
    let tree = Tree::start();
    let holder = tree.pid("get-worker.0").to_string();
    let mut second = tree.begin("get-worker", &["--instance", "0"]);
    assert_eq!(second.await_end(DEADLINE), Some(75), "{}", second.err());
    assert!(second.err().contains(&holder), "{}", second.err());
}

#[test]
fn help_of_every_box_says_what_it_is_and_who_asks_it() {
    for row in proto::wiring::TABLE.iter().filter(|row| row.name != "supervisor") {
        let output = std::process::Command::new(program(row.name)).arg("--help").output().expect("it can be run");
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && help.contains(row.about), "{help}");
        for other in row.asked_by().chain(row.asks_boxes()) {
            assert!(help.contains(other.name), "{help}");
        }
    }
}
