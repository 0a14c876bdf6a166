//! `process`: one child process, from fork to the proof that it is gone.
//!
//! Spawned only from the main thread: the parent-death signal is sent when the *thread* that forked ends. Signals go
//! through the pidfd, so they never hit a stranger that got the number; a group is killed before its leader is reaped,
//! for the same reason.

use std::{
    ffi::OsString,
    fs, io,
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    path::PathBuf,
    process::{Command, Stdio},
};

use proto::supervision::{BEAT_FD_VARIABLE, LISTEN_VARIABLE, MEMORY_VARIABLE};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    pipe::{PipeFlags, pipe_with},
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, getpid, getppid, kill_process,
        kill_process_group, pidfd_open, pidfd_send_signal, set_parent_process_death_signal, waitid,
    },
};
use tokio::io::unix::AsyncFd;

use crate::{
    beats::Beats,
    descriptor,
    machine::{Action, Exit},
    output::Output,
};

/// Variables by which a service manager speaks to the supervisor alone.
const NOT_INHERITED: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    LISTEN_VARIABLE,
    MEMORY_VARIABLE,
];

/// When the machine runs out of memory, who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sacrifice {
    /// Before all others: it can be started again without anyone noticing.
    First,
    /// As any other process.
    AsAnyOther,
}

/// What to start.
#[derive(Debug)]
pub struct Spec<'a> {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The listeners that it inherits, by purpose.
    pub listeners: Vec<(&'static str, BorrowedFd<'a>)>,
    /// Its rank when memory runs out.
    pub sacrifice: Sacrifice,
    /// Above so many bytes of anonymous memory it is recycled, if it is sampled at all.
    pub memory_bytes: Option<u64>,
}

/// A process that was started, with the ends of what it talks into.
#[derive(Debug)]
pub struct Spawned {
    /// The process.
    pub process: Process,
    /// Its heartbeats.
    pub beats: Beats,
    /// What it writes to stdout and stderr.
    pub output: Output,
}

/// A child that was not reaped yet.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    fd: AsyncFd<OwnedFd>,
}

/// Starts a process. Needs a tokio runtime on the main thread.
///
/// # Errors
///
/// When there is no such program, or the kernel has no room for another process.
pub fn spawn(spec: &Spec<'_>) -> io::Result<Spawned> {
    let (beats, beat_end) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    let (output, output_end) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).process_group(0).stdin(Stdio::null());
    command.stdout(output_end.try_clone()?).stderr(output_end);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    command.env(BEAT_FD_VARIABLE, beat_end.as_raw_fd().to_string());
    if let Some(bytes) = spec.memory_bytes {
        command.env(MEMORY_VARIABLE, bytes.to_string());
    }
    if !spec.listeners.is_empty() {
        command.env(LISTEN_VARIABLE, listen_variable(&spec.listeners));
    }
    let inherited: Vec<_> = spec.listeners.iter().map(|(_, fd)| *fd).chain([beat_end.as_fd()]).collect();
    prepare_child(&mut command, &inherited);
    // All that can fail comes before the fork.
    let (beats, output) = (Beats::new(beats)?, Output::new(output)?);
    let process = start(&mut command)?;
    process.rank(spec.sacrifice);
    Ok(Spawned { process, beats, output })
}

fn start(command: &mut Command) -> io::Result<Process> {
    let mut child = command.spawn()?;
    Process::adopt(child.id()).inspect_err(|_| {
        // A child that cannot be watched must not live: nobody would see it end.
        let _ = child.kill();
        let _ = child.wait();
    })
}

fn listen_variable(listeners: &[(&'static str, BorrowedFd<'_>)]) -> String {
    let pairs: Vec<_> = listeners.iter().map(|(purpose, fd)| format!("{purpose}={}", fd.as_raw_fd())).collect();
    pairs.join(",")
}

/// What the child does between fork and exec: ties its life to ours, and keeps the descriptors that are meant for it.
fn prepare_child(command: &mut Command, inherited: &[BorrowedFd<'_>]) {
    let parent = getpid();
    let inherited: Vec<_> = inherited.iter().map(|fd| fd.as_raw_fd()).collect();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the line above: then nobody would ever send the signal.
        if getppid() != Some(parent) {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()));
        }
        for &fd in &inherited {
            // SAFETY: `spawn` borrows these descriptors until the child has been made, and the child has its own copies.
            fcntl_setfd(unsafe { BorrowedFd::borrow_raw(fd) }, FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: `prepare` makes system calls only (prctl, getppid, fcntl); it neither allocates nor takes a lock.
    unsafe { command.pre_exec(prepare) };
}

impl Process {
    fn adopt(id: u32) -> io::Result<Self> {
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
        // Nobody but us reaps our children, so the number is still that child's, even if it has ended already.
        let fd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self { pid, fd: descriptor::watch(fd)? })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    fn rank(&self, sacrifice: Sacrifice) {
        if sacrifice == Sacrifice::First
            && let Err(error) = fs::write(format!("/proc/{}/oom_score_adj", self.pid()), "500")
        {
            tracing::debug!(pid = self.pid(), %error, "its rank for the out-of-memory killer was not set");
        }
    }

    /// Sends what the machine asks for. A process that has ended meanwhile needs no signal.
    pub fn signal(&self, action: Action) {
        let sent = match action {
            Action::Spawn => Ok(()),
            Action::Terminate => pidfd_send_signal(&self.fd, Signal::TERM),
            Action::Abort => pidfd_send_signal(&self.fd, Signal::ABORT),
            Action::Kill => kill_process_group(self.pid, Signal::KILL),
        };
        if let Err(error) = sent {
            tracing::debug!(pid = self.pid(), ?action, %error, "a signal was not sent");
        }
    }

    /// Waits until it has ended. It stays a zombie until [`Process::reap`].
    ///
    /// # Errors
    ///
    /// When the runtime is ending.
    pub async fn ended(&self) -> io::Result<()> {
        self.fd.readable().await.map(drop)
    }

    /// Ends what is left of its group, then forgets it. To be called once, after [`Process::ended`].
    pub fn reap(&self) -> Exit {
        // The zombie still holds the group's number. Nobody left in the group is the usual case, and an error.
        let _ = kill_process_group(self.pid, Signal::KILL);
        match waitid(WaitId::PidFd(self.fd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(Some(status)) => exit(&status),
            // Cannot be: only we reap it, and it has ended. Saying so beats ending the supervisor.
            Ok(None) | Err(_) => Exit::Signal(0),
        }
    }
}

fn exit(status: &WaitIdStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

/// Children that are not `ours` were left behind by a box that is gone, and came to us as the subreaper: ends them.
///
/// They come one by one (each end is a SIGCHLD, after which this is called again), so nothing is waited for here.
pub fn end_orphans(ours: &[u32]) {
    for pid in children().filter(|pid| !ours.contains(&pid.unsigned_abs())).filter_map(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
        if let Ok(Some(_)) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            tracing::warn!(%pid, "ended a process that a box had left behind");
        }
    }
}

/// All children of this process; an orphan may have come to any of its threads.
fn children() -> impl Iterator<Item = i32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
}
