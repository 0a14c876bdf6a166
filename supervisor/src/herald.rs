//! `herald`: tells whoever started the supervisor how it goes: a service manager (`sd_notify`), a terminal, or the
//! command that put it into the background.

use std::{
    fmt, io,
    time::{Duration, Instant},
};

use proto::supervision::Status;
use sd_notify::NotifyState;

/// Without a watchdog the loop still wakes so often, which costs nothing.
const IDLE: Duration = Duration::from_secs(3_600);

/// What the terminal is told when the tree is ready.
pub type Announce = Box<dyn FnOnce(&Status)>;

/// Tells each thing once.
pub struct Herald {
    announce: Option<Announce>,
    settled: bool,
    watchdog: Option<Duration>,
    next_ping: Instant,
}

impl fmt::Debug for Herald {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Herald").field("watchdog", &self.watchdog).finish_non_exhaustive()
    }
}

impl Herald {
    /// `announce` is called when the tree is ready for the first time.
    pub fn new(announce: Announce) -> Self {
        // Half the time that the service manager allows, as it recommends.
        let watchdog = sd_notify::watchdog_enabled().map(|wait| wait / 2);
        Self { announce: Some(announce), settled: false, watchdog, next_ping: Instant::now() }
    }

    /// Whether nobody was told yet that the tree is ready.
    pub fn waits_for_ready(&self) -> bool {
        self.announce.is_some()
    }

    /// The tree is ready.
    pub fn ready(&mut self, status: &Status) {
        if let Some(announce) = self.announce.take() {
            announce(status);
        }
    }

    /// `running` of `all` instances run and the others are held: a service manager need not wait for those, and must not
    /// end the rest because of them.
    pub fn settled(&mut self, running: usize, all: usize) {
        if !self.settled {
            self.settled = true;
            tell(&[NotifyState::Ready, NotifyState::Status(&format!("{running} of {all} processes run"))]);
        }
    }

    /// The tree is ending.
    pub fn closing(&self) {
        tell(&[NotifyState::Stopping]);
    }

    /// When [`Herald::alive`] should be called next.
    pub fn deadline(&self) -> Instant {
        self.next_ping
    }

    /// The loop still turns. Only the loop itself may call this: that is what makes it worth something.
    pub fn alive(&mut self, now: Instant) {
        if now < self.next_ping {
            return;
        }
        self.next_ping = now + self.watchdog.unwrap_or(IDLE);
        if self.watchdog.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    match sd_notify::notify(state) {
        Ok(()) => {}
        // Nobody listens: the usual case.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::debug!(%error, "the service manager was not told"),
    }
}
