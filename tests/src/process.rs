//! Processes by their id: signals, and the search for those that were left behind.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

use crate::wait;

/// Sends a signal. That the process has just ended is no error: some tests kill what is dying anyway.
pub fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a process id is positive"));
    let _ = signal::kill(pid, signal);
}

/// Ends a process at once, as a crash would.
pub fn kill(pid: u32) {
    send(pid, Signal::SIGKILL);
}

/// Whether the process runs; a zombie does not.
#[must_use]
pub fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands behind the name, which is in parentheses and may hold any character.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Waits until a process has ended.
///
/// # Panics
///
/// When it has not within `deadline`.
pub fn await_end(pid: u32, deadline: Duration) {
    wait::until(&format!("process {pid} ends"), deadline, || (!runs(pid)).then_some(()));
}

/// All processes that were started for the tree in `folder`: each names it in its arguments or its environment.
#[must_use]
pub fn of_tree(folder: &Path) -> Vec<(u32, String)> {
    let mark = folder.to_string_lossy().into_owned();
    let pids = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let others = pids.filter(|pid| *pid != std::process::id() && runs(*pid));
    others.filter_map(|pid| Some((pid, names(pid, &mark)?))).collect()
}

fn names(pid: u32, mark: &str) -> Option<String> {
    let text = |file: &str| {
        String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default()).replace('\0', " ")
    };
    let arguments = text("cmdline");
    (arguments.contains(mark) || text("environ").contains(mark)).then_some(arguments)
}

/// The size of a process in memory, in bytes.
#[must_use]
pub fn rss_bytes(pid: u32) -> u64 {
    status_bytes(pid, "VmRSS:")
}

/// The largest size that a process ever had in memory, in bytes.
#[must_use]
pub fn peak_rss_bytes(pid: u32) -> u64 {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Where a process listens on IPv4, as the kernel knows it: for a box that is started by hand, and told to take any port.
#[must_use]
pub fn listens(pid: u32) -> Option<SocketAddr> {
    let sockets = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let sockets: Vec<String> =
        sockets.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned())).collect();
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        // 0A is LISTEN.
        let ours = *state == "0A" && sockets.contains(&format!("socket:[{inode}]"));
        let (address, port) = local.split_once(':').filter(|_| ours)?;
        let address = u32::from_str_radix(address, 16).ok()?.to_le_bytes();
        Some((Ipv4Addr::from(address), u16::from_str_radix(port, 16).ok()?).into())
    })
}
