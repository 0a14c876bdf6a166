//! `signals`: what the world outside asks of the supervisor by signal.

use std::{fs, io};

use nix::sys::signal::SigSet;
use tokio::signal::unix::{self, SignalKind, signal};

/// What a signal means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stop everything and end: SIGTERM, SIGINT (Ctrl-C), SIGHUP (the terminal is gone; not under `nohup`).
    End,
    /// Some child has ended; those that the tree knows have a pidfd of their own.
    ChildEnded,
}

/// The signals that are listened to.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hang_up: Option<unix::Signal>,
    child: unix::Signal,
}

impl Signals {
    /// Starts to listen. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the kernel refuses a handler.
    pub fn new() -> io::Result<Self> {
        // Whoever started us may have blocked signals: for us, and for all children that inherit it.
        SigSet::empty().thread_set_mask()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) },
            child: signal(SignalKind::child())?,
        })
    }

    /// Waits for the next.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            () = received(self.hang_up.as_mut()) => Signal::End,
            _ = self.child.recv() => Signal::ChildEnded,
        }
    }
}

async fn received(signal: Option<&mut unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whoever started us by `nohup` wants us to outlive the terminal.
fn ignores_hang_up() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & HANG_UP != 0)
}

/// SIGHUP is signal 1, the lowest bit.
const HANG_UP: u64 = 1;
