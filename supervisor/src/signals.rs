//! `signals`: what the world outside asks of the supervisor by signal.

use std::io;

use nix::sys::signal::SigSet;
use tokio::signal::unix::{self, SignalKind, signal};

/// What a signal means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Stop everything and end: SIGTERM, SIGINT (Ctrl-C), SIGHUP (the terminal is gone).
    End,
    /// Some child has ended; those that the tree knows have a pidfd of their own.
    ChildEnded,
}

/// The signals that are listened to.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hang_up: unix::Signal,
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
            hang_up: signal(SignalKind::hangup())?,
            child: signal(SignalKind::child())?,
        })
    }

    /// Waits for the next.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
            _ = self.hang_up.recv() => Signal::End,
            _ = self.child.recv() => Signal::ChildEnded,
        }
    }
}
