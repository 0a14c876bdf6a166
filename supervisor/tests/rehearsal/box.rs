//! `rehearsal`: plays any box in the tests of the supervisor, badly on demand.
//!
//! The name by which it was started is its part. What it does wrong stands in `<data_dir>/parts/<box>.<instance>`, one
//! line each; without such a file it behaves. On its inherited listeners it tells its process id to whoever connects.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    net::TcpListener,
    os::{
        fd::{FromRawFd as _, OwnedFd, RawFd},
        unix::process::CommandExt as _,
    },
    path::Path,
    process::{Command, ExitCode},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::sys::{
    prctl,
    signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction},
    socket::{MsgFlags, send},
};
use proto::{
    config::Rookery,
    supervision::{BEAT_FD_VARIABLE, Beat, BoxState, LISTEN_VARIABLE},
};

/// Well under what a supervisor in a test waits for.
const BETWEEN_BEATS: Duration = Duration::from_millis(20);

static STOP: AtomicBool = AtomicBool::new(false);

extern "C" fn on_terminate(_: i32) {
    STOP.store(true, Ordering::SeqCst);
}

struct Part {
    beat: Option<OwnedFd>,
    lines: Vec<String>,
}

impl Part {
    fn has(&self, word: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(word)).map(str::trim)
    }

    fn say(&self, state: BoxState, reason: Option<&str>) {
        let metrics = Some(format!("rehearsal_pid {}\n", std::process::id()));
        let beat = Beat { state, listen: BTreeMap::new(), metrics, reason: reason.map(str::to_owned) };
        if let Some(fd) = &self.beat {
            let fd = std::os::fd::AsRawFd::as_raw_fd(fd);
            let _ = send(fd, &beat.encode(), MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL);
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<_> = env::args().collect();
    let flag = |name: &str| args.iter().position(|arg| arg == name).map(|at| args[at + 1].clone());
    let name = Path::new(&args[0]).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let config = fs::read_to_string(flag("--config").unwrap_or_default()).unwrap_or_default();
    let data_dir = Rookery::parse(&config).unwrap_or_default().common.data_dir.unwrap_or_default();
    let script = data_dir.join("parts").join(format!("{name}.{}", flag("--instance").unwrap_or_default()));
    let lines = fs::read_to_string(script).unwrap_or_default().lines().map(str::to_owned).collect();
    let handler = SigAction::new(SigHandler::Handler(on_terminate), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler stores into an atomic and does nothing else.
    unsafe { sigaction(Signal::SIGTERM, &handler) }.ok();
    listen();
    play(&Part { beat: inherited_beat(), lines })
}

fn inherited_beat() -> Option<OwnedFd> {
    let fd: RawFd = env::var(BEAT_FD_VARIABLE).ok()?.parse().ok()?;
    // SAFETY: the supervisor made this descriptor for us, and nothing else here uses it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn listen() {
    let doors = env::var(LISTEN_VARIABLE).unwrap_or_default();
    let fds = doors.split(',').filter_map(|pair| pair.split_once('=')?.1.parse::<RawFd>().ok());
    for fd in fds {
        // SAFETY: as above.
        let listener = unsafe { TcpListener::from_raw_fd(fd) };
        thread::spawn(move || tell_pid(&listener));
    }
}

fn tell_pid(listener: &TcpListener) {
    loop {
        match listener.accept() {
            Ok((mut visitor, _)) => drop(writeln!(visitor, "{}", std::process::id())),
            // The supervisor made it non-blocking.
            Err(_) => thread::sleep(BETWEEN_BEATS),
        }
    }
}

fn play(part: &Part) -> ExitCode {
    if part.has("orphan").is_some() {
        // In a group and a session of its own: only the subreaper finds it.
        let mut orphan = Command::new("/bin/sleep");
        orphan.arg("1000").process_group(0).stdout(std::process::Stdio::null());
        let _ = orphan.spawn().map(|child| eprintln!("orphan {}", child.id()));
    }
    if let Some(text) = part.has("print") {
        eprintln!("{text}");
    }
    if let Some(words) = part.has("words") {
        part.say(BoxState::Starting, Some(words));
    }
    if let Some(code) = part.has("exit") {
        return ExitCode::from(code.parse().unwrap_or(1));
    }
    if part.has("slow").is_some() {
        loop {
            thread::sleep(BETWEEN_BEATS);
        }
    }
    part.say(BoxState::Ready, None);
    work(part)
}

fn work(part: &Part) -> ExitCode {
    let mut leaked: Vec<Vec<u8>> = Vec::new();
    if part.has("free").is_some() {
        // A process whose parent died would otherwise be gone before a test could see it.
        let _ = prctl::set_pdeathsig(None);
    }
    for beat in 0_u64.. {
        thread::sleep(BETWEEN_BEATS);
        match part.has("ready-then") {
            Some("abort") => drop(raise(Signal::SIGABRT)),
            Some("bus") => drop(raise(Signal::SIGBUS)),
            Some("exit") => return ExitCode::FAILURE,
            Some("hang") => continue,
            Some("leak") => leaked.push(vec![1; 4 * 1024 * 1024]),
            Some("shout") => (0..200).for_each(|line| eprintln!("shout {beat} {line} {}", "x".repeat(80))),
            _ => {}
        }
        if STOP.load(Ordering::SeqCst) && part.has("stubborn").is_none() {
            part.say(BoxState::Draining, None);
            return ExitCode::SUCCESS;
        }
        part.say(BoxState::Ready, None);
    }
    ExitCode::SUCCESS
}
