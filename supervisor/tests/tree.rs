//! The real supervisor with real processes, each box played by `rehearsal`.

mod rig;

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use proto::supervision::InstanceState;
use rig::{Rig, freeze, is_alive, kill, pid_at, pid_of, processes_with, wait_until};

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

#[test]
fn a_killed_box_is_replaced_and_its_port_and_waiting_connections_survive() {
    let mut rig = Rig::new("");
    rig.up();
    let front = rig.instance("http-front.0");
    let (address, old) = (front.listen["http"].clone(), front.pid.unwrap());
    for _ in 0..3 {
        let pid = rig.instance("http-front.0").pid.unwrap();
        freeze(pid);
        let visitor = std::net::TcpStream::connect(&address).unwrap();
        kill(pid, Signal::SIGKILL);
        // It was waiting while its box died.
        assert_ne!(pid_of(visitor), pid);
    }
    let front = rig.wait_for("http-front.0", |one| one.state == InstanceState::Running);
    assert_eq!(front.restarts, 3);
    assert_eq!(front.listen["http"], address);
    assert!(!is_alive(old));
}

#[test]
fn a_killed_supervisor_takes_its_boxes_along_and_the_next_one_has_one_tree() {
    let mut rig = Rig::new("");
    rig.up();
    for _ in 0..3 {
        let old: Vec<_> = rig.status().boxes.iter().filter_map(|one| one.pid).collect();
        rig.supervisor().kill().unwrap();
        // At once, while the old boxes may still be ending.
        rig.up();
        let status = rig.status();
        assert_eq!(old.len(), status.boxes.len());
        assert!(old.iter().all(|&pid| !is_alive(pid)));
        assert_eq!(processes_with(&rig.config()).len(), status.boxes.len());
    }
}

#[test]
fn a_second_supervisor_is_refused_and_told_who_runs() {
    let mut rig = Rig::new("");
    rig.up();
    let pid = rig.supervisor().id();
    let said = rig.refused(&["up"], 75);
    assert!(said.contains(&format!("process {pid}")), "{said}");
    assert!(rig.status().ready);
}

#[test]
fn a_runtime_directory_that_others_may_enter_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let rig = Rig::new("");
    fs::create_dir(rig.path("run")).unwrap();
    fs::set_permissions(rig.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(rig.refused(&["up"], 78).contains("chmod 700"));
}

#[test]
fn a_detached_tree_is_ready_when_the_command_ends_and_down_ends_it() {
    let rig = Rig::new("");
    let banner = rig.done(&["up", "--detach"]);
    assert!(banner.contains("http://127.0.0.1:"), "{banner}");
    let status = rig.status();
    assert!(status.ready);
    rig.done(&["down"]);
    assert!(!is_alive(status.pid), "down returns when the supervisor itself is gone");
    assert!(processes_with(&rig.config()).is_empty());
    // Everything is free at once.
    rig.done(&["up", "--detach"]);
    assert!(rig.refused(&["up", "--detach"], 75).contains("a supervisor runs here already"));
}

#[test]
fn a_detached_tree_with_a_refused_configuration_exits_78_and_says_why() {
    let rig = Rig::new("");
    rig.part("post-worker.0", "refuse [post-worker] is not to my taste");
    let said = rig.refused(&["up", "--detach"], 78);
    assert!(said.contains("not to my taste") && said.contains("supervisor down"), "{said}");
    rig.done(&["down"]);
    fs::write(rig.config(), "[comon]\n").unwrap();
    let said = rig.refused(&["up", "--detach"], 78);
    assert!(said.contains("rookery.toml") && said.contains("line 1") && said.contains("common"), "{said}");
}

#[test]
fn a_box_that_says_nothing_before_it_fails_is_quoted_with_its_last_line() {
    let mut rig = Rig::new("deaths_limit = 2");
    rig.part("ipfs-shim.0", "print error: cannot find libmoon.so\nexit 3");
    let _stdout = rig.start();
    let held = wait_until(
        || rig.log("supervisor.log"),
        || {
            let output = rig.run(&["status", "--json"]);
            let status: proto::supervision::Status = serde_json::from_slice(&output.stdout).ok()?;
            status.boxes.into_iter().find(|one| one.state == InstanceState::Held)
        },
    );
    assert_eq!(held.name, "ipfs-shim");
    assert!(held.reason.unwrap().contains("error: cannot find libmoon.so"));
    let whole = || {
        let log = rig.log("ipfs-shim.0.log");
        (log.matches("process ended").count() == 2).then_some(log)
    };
    let log = wait_until(|| rig.log("ipfs-shim.0.log"), whole);
    let messages: Vec<_> =
        log.lines().map(|line| line.split("\"message\":\"").last().unwrap().split('"').next().unwrap()).collect();
    assert_eq!(messages, ["process started", "error: cannot find libmoon.so", "process ended"].repeat(2));
}

#[test]
fn deaths_on_the_store_hold_a_box_and_name_the_salvage() {
    let mut rig = Rig::new("");
    rig.up();
    rig.part("get-worker.1", "then bus");
    kill(rig.instance("get-worker.1").pid.unwrap(), Signal::SIGKILL);
    let held = rig.wait_for("get-worker.1", |one| one.state == InstanceState::Held);
    assert!(held.reason.unwrap().contains("supervisor store salvage"));
    assert!(rig.instance("get-worker.0").state == InstanceState::Running, "its sibling works on");
    rig.behave("get-worker.1");
    rig.done(&["start", "get-worker.1"]);
    assert_eq!(rig.instance("get-worker.1").state, InstanceState::Running);
}

#[test]
fn a_hung_box_writes_its_stack_and_is_replaced() {
    let mut rig = Rig::new("heartbeat_wait_ms = 500");
    rig.up();
    rig.part("ipfs-shim.0", "then hang");
    kill(rig.instance("ipfs-shim.0").pid.unwrap(), Signal::SIGKILL);
    rig.wait_for("ipfs-shim.0", |one| one.state == InstanceState::Draining);
    rig.behave("ipfs-shim.0");
    rig.wait_for("ipfs-shim.0", |one| one.restarts >= 2 && one.state == InstanceState::Running);
    rig.wait_for_log("supervisor.log", "hung: no heartbeat for 500 ms");
    let stack = rig.wait_for_log("ipfs-shim.0.log", "\"aborted\"");
    assert!(stack.contains("rehearsal::"), "{stack}");
}

#[test]
fn a_box_that_never_becomes_ready_is_started_again() {
    let mut rig = Rig::new("start_wait_ms = 500\ndeaths_limit = 2");
    rig.up();
    rig.part("ipfs-shim.0", "never-ready");
    let said = rig.refused(&["restart", "ipfs-shim"], 1);
    assert!(said.contains("ipfs-shim.0") && said.contains("not ready within 500 ms"), "{said}");
}

#[test]
fn stop_escalates_to_the_whole_group_and_leaves_nothing_behind() {
    let mut rig = Rig::new("stop_wait_ms = 300");
    rig.part("ipfs-shim.0", "stubborn\norphan");
    rig.up();
    let pid = rig.instance("ipfs-shim.0").pid.unwrap();
    let orphan = wait_until(
        || rig.log("ipfs-shim.0.log"),
        || rig.log("ipfs-shim.0.log").lines().find_map(|line| line.strip_prefix("orphan ")?.parse::<u32>().ok()),
    );
    assert!(is_alive(orphan));
    let began = Instant::now();
    rig.done(&["stop", "ipfs-shim"]);
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(!is_alive(pid));
    wait_until(|| format!("orphan {orphan}"), || (!is_alive(orphan)).then_some(()));
    let stopped = rig.instance("ipfs-shim.0");
    assert_eq!((stopped.state, stopped.pid), (InstanceState::Stopped, None));
}

#[test]
fn a_second_interrupt_ends_a_stubborn_tree_at_once() {
    let mut rig = Rig::new("stop_wait_ms = 600000");
    rig.part("http-front.0", "stubborn");
    rig.up();
    let pid = rig.supervisor().id();
    kill(pid, Signal::SIGINT);
    rig.wait_for("http-front.0", |one| one.state == InstanceState::Draining);
    let ended = wait_until(
        || "it goes on".to_owned(),
        || {
            kill(pid, Signal::SIGINT);
            rig.supervisor().try_wait().unwrap()
        },
    );
    assert_eq!(ended.code(), Some(0));
    assert!(processes_with(&rig.config()).is_empty());
}

#[test]
fn boxes_are_stopped_in_reverse_order() {
    let mut rig = Rig::new("");
    rig.up();
    kill(rig.supervisor().id(), Signal::SIGTERM);
    assert_eq!(rig.supervisor().wait().unwrap().code(), Some(0));
    let log = rig.log("supervisor.log");
    let stopped: Vec<_> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|event| event["message"] == "stopped")
        .map(|event| event["name"].as_str().unwrap().split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(stopped, ["http-front", "ipfs-shim", "get-worker", "get-worker", "post-worker", "ipfs-node"]);
}

#[test]
fn a_leaking_ipfs_daemon_is_recycled_and_then_killed() {
    let limits = "[ipfs]\nmemory_soft_mib = 60\nmemory_hard_mib = 4000";
    let mut rig = Rig::with("memory_sample_ms = 20\nstable_ms = 100", limits);
    rig.part("ipfs-node.0", "then leak");
    rig.up();
    rig.wait_for("ipfs-node.0", |one| one.restarts >= 2);
    let log = rig.wait_for_log("supervisor.log", "above the soft limit of 60 MiB");
    assert!(!log.contains("\"waiting\""), "{log}");
    rig.done(&["down"]);

    let mut rig = Rig::with("memory_sample_ms = 20", "[ipfs]\nmemory_soft_mib = 60\nmemory_hard_mib = 60");
    rig.part("ipfs-node.0", "then leak");
    rig.up();
    rig.wait_for("ipfs-node.0", |one| one.restarts >= 1);
    rig.wait_for_log("supervisor.log", "above the hard limit of 60 MiB");
}

#[test]
fn a_box_that_shouts_is_neither_held_up_nor_kept_beyond_its_limit() {
    let mut rig = Rig::new("log_bytes = 100000\nlog_files = 2");
    rig.part("ipfs-shim.0", "then shout");
    rig.up();
    wait_until(|| "no rotation".to_owned(), || rig.path("data/logs/ipfs-shim.0.log.1").exists().then_some(()));
    let old = rig.log("ipfs-shim.0.log.1");
    wait_until(|| "no second rotation".to_owned(), || (rig.log("ipfs-shim.0.log.1") != old).then_some(()));
    assert!(rig.instance("ipfs-shim.0").state == InstanceState::Running);
    for name in ["ipfs-shim.0.log", "ipfs-shim.0.log.1"] {
        assert!(fs::metadata(rig.path("data/logs").join(name)).unwrap().len() <= 100_000);
    }
    assert!(!rig.path("data/logs/ipfs-shim.0.log.2").exists());
}

#[test]
fn a_client_that_is_stuck_harms_nobody() {
    use std::{io::Write as _, os::unix::net::UnixStream};
    let mut rig = Rig::new("");
    rig.up();
    let stuck: Vec<_> = (0..20).map(|_| UnixStream::connect(rig.path("run/supervisor.sock")).unwrap()).collect();
    let mut half = &stuck[0];
    half.write_all(b"{\"command\"").unwrap();
    let began = Instant::now();
    assert!(rig.status().ready);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_long_command_is_acknowledged_within_a_second_and_nonsense_is_refused() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut rig = Rig::new("stop_wait_ms = 1500");
    rig.part("ipfs-shim.0", "stubborn");
    rig.up();
    let mut stream = std::os::unix::net::UnixStream::connect(rig.path("run/supervisor.sock")).unwrap();
    let mut replies = BufReader::new(stream.try_clone().unwrap()).lines();
    stream.write_all(b"what?\n").unwrap();
    assert!(replies.next().unwrap().unwrap().contains("refused"));
    let began = Instant::now();
    stream.write_all(b"{\"command\":\"stop\",\"box\":\"ipfs-shim\"}\n").unwrap();
    assert_eq!(replies.next().unwrap().unwrap(), r#"{"reply":"working"}"#);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(replies.next().unwrap().unwrap(), r#"{"reply":"done"}"#);
    assert!(began.elapsed() >= Duration::from_millis(1_500));
}

#[test]
fn whoever_connects_to_the_status_socket_gets_the_metrics_of_all_boxes() {
    let mut rig = Rig::new("");
    rig.up();
    let status = wait_until(
        || "no metrics".to_owned(),
        || {
            let mut stream = std::os::unix::net::UnixStream::connect(rig.path("run/status.sock")).unwrap();
            let mut text = String::new();
            std::io::Read::read_to_string(&mut stream, &mut text).unwrap();
            let status: proto::supervision::Status = serde_json::from_str(&text).unwrap();
            (status.metrics.len() == status.boxes.len() + 1).then_some(status)
        },
    );
    assert!(status.metrics["supervisor.0"].contains("rookery_box_restarts_total{box=\"get-worker\""));
    assert!(status.metrics["get-worker.1"].contains("instance=\"1\""));
}

#[test]
fn a_service_manager_is_told_when_the_tree_is_ready_and_that_it_lives() {
    use std::os::unix::net::UnixDatagram;
    let mut rig = Rig::new("");
    let socket = UnixDatagram::bind(rig.path("notify")).unwrap();
    socket.set_read_timeout(Some(rig::WAIT)).unwrap();
    let mut command = rig.command(&["up"]);
    command.env("NOTIFY_SOCKET", rig.path("notify")).env("WATCHDOG_USEC", "200000");
    rig.adopt(command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap());
    let mut told = String::new();
    wait_until(
        || "never told".to_owned(),
        || {
            let mut text = [0; 256];
            let bytes = socket.recv(&mut text).unwrap();
            told += &String::from_utf8_lossy(&text[..bytes]);
            (told.contains("READY=1\nSTATUS=6 of 6 processes run") && told.matches("WATCHDOG=1").count() > 3)
                .then_some(())
        },
    );
    let front = rig.instance("http-front.0").pid.unwrap();
    let environment = fs::read(format!("/proc/{front}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("NOTIFY_SOCKET"), "only the supervisor speaks to it");
}

#[test]
fn only_the_ipfs_daemon_is_first_to_go_when_memory_runs_out() {
    let mut rig = Rig::new("");
    rig.up();
    let rank = |name: &str| {
        let pid = rig.instance(name).pid.unwrap();
        fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse::<i32>().unwrap()
    };
    assert_eq!(rank("ipfs-node.0"), 500);
    assert!(rank("http-front.0") < 500);
}

#[test]
fn a_missing_program_holds_its_box_and_names_the_place() {
    let mut rig = Rig::new("");
    fs::remove_file(rig.program("ipfs-shim")).unwrap();
    let mut command = rig.command(&["up"]);
    command.env("PATH", "/nowhere").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    rig.adopt(command.spawn().unwrap());
    let held = wait_until(
        || rig.log("supervisor.log"),
        || {
            let status: proto::supervision::Status =
                serde_json::from_slice(&rig.run(&["status", "--json"]).stdout).ok()?;
            status.boxes.into_iter().find(|one| one.state == InstanceState::Held)
        },
    );
    assert!(held.reason.unwrap().contains(rig.program("").display().to_string().trim_end_matches('/')));
}

#[test]
fn logs_are_shown_in_the_order_of_their_times_and_followed() {
    use std::io::BufRead as _;
    let mut rig = Rig::new("");
    rig.part("ipfs-shim.0", "print plain words");
    rig.up();
    rig.wait_for_log("supervisor.log", "ready_ms");
    rig.wait_for_log("ipfs-shim.0.log", "plain words");
    let all = rig.done(&["logs"]);
    assert!(all.contains(" supervisor     INFO  ready ready_ms="), "{all}");
    assert_eq!(rig.instance("ipfs-shim.0").reason, None);
    let one = rig.done(&["logs", "ipfs-shim"]);
    assert!(one.contains(" ipfs-shim.0    INFO  process started pid="), "{one}");
    assert!(one.lines().any(|line| line.ends_with(" ipfs-shim.0    plain words")), "{one}");
    assert_eq!(rig.done(&["logs", "supervisor", "-n", "2"]).lines().count(), 2);
    assert!(rig.refused(&["logs", "nobody"], 1).contains("get-worker.1"));
    let mut follower = rig.command(&["logs", "-f", "ipfs-shim"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufReader::new(follower.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("plain words")));
    rig.part("ipfs-shim.0", "print other words");
    rig.done(&["restart", "ipfs-shim"]);
    assert!(lines.any(|line| line.unwrap().contains("process ended")));
    assert!(lines.any(|line| line.unwrap().contains("other words")));
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn commands_that_ask_boxes_say_when_nobody_is_there() {
    let rig = Rig::new("");
    for args in [["export", "out"], ["import", "."], ["tap", "get-wurker"]] {
        let mut command = rig.command(&args);
        let output = command.current_dir(rig.path("data")).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("supervisor up") || said.contains("get-worker"), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(if args[0] == "tap" { 1 } else { 3 }), "{args:?}");
    }
}

#[test]
fn a_hundred_deaths_leave_no_descriptor_and_no_memory_behind() {
    let mut rig = Rig::new("deaths_limit = 100000\nrestart_base_ms = 1\nrestart_cap_ms = 1");
    // So that its log is open.
    rig.part("ipfs-shim.0", "print hello");
    rig.up();
    rig.wait_for_log("ipfs-shim.0.log", "hello");
    let supervisor = rig.supervisor().id();
    let descriptors = || fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().count();
    let before = (descriptors(), rig.status().rss_bytes);
    rig.part("ipfs-shim.0", "then fail");
    kill(rig.instance("ipfs-shim.0").pid.unwrap(), Signal::SIGKILL);
    rig.wait_for("ipfs-shim.0", |one| one.restarts >= 100);
    rig.behave("ipfs-shim.0");
    rig.wait_for("ipfs-shim.0", |one| one.state == InstanceState::Running);
    wait_until(|| format!("{before:?} {}", descriptors()), || (descriptors() == before.0).then_some(()));
    let grown = rig.status().rss_bytes.saturating_sub(before.1);
    assert!(grown < 1024 * 1024, "{grown}");
}

#[test]
fn a_supervisor_that_shall_survive_its_terminal_does() {
    use std::os::unix::process::CommandExt as _;
    let mut rig = Rig::new("");
    // As `nohup` does it.
    let mut command = std::process::Command::new("/usr/bin/env");
    command.args(["--ignore-signal=HUP"]).arg(rig.program("supervisor")).arg("up").arg("--config").arg(rig.config());
    command.process_group(0).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    rig.adopt(command.spawn().unwrap());
    wait_until(|| rig.log("supervisor.log"), || rig.log("supervisor.log").contains("\"ready\"").then_some(()));
    let pid = rig.supervisor().id();
    kill(pid, Signal::SIGHUP);
    assert!(rig.status().ready);
    kill(pid, Signal::SIGTERM);
    assert_eq!(rig.supervisor().wait().unwrap().code(), Some(0));
}
