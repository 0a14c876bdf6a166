//! Heartbeats: the loop that does the work says that it still does.
//!
//! A beat goes to the supervisor over an inherited socket; a box started by hand has none and beats into the void.

use std::{
    collections::BTreeMap,
    os::fd::{AsRawFd as _, OwnedFd},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::sys::socket::{MsgFlags, send};
use proto::supervision::{Beat, BoxState};
// The runtime's clock, which a test can let jump; the system's outside a runtime.
use tokio::time::Instant;

/// Beats closer together than this are not sent.
const BETWEEN: Duration = Duration::from_millis(400);
/// Metrics go along with a beat no more often than this.
const BETWEEN_METRICS: Duration = Duration::from_secs(2);

/// Where heartbeats go. Cheap to clone; [`Pulse::beat`] costs one atomic read when it is not yet time.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    supervisor: Option<OwnedFd>,
    began: Instant,
    last_ms: AtomicU64,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    state: BoxState,
    listen: BTreeMap<String, String>,
    metrics: Option<MetricsSource>,
    metrics_sent: Option<Instant>,
    alert: Option<String>,
}

/// Makes the text of all metrics.
pub struct MetricsSource(pub Box<dyn Fn() -> String + Send>);

impl std::fmt::Debug for MetricsSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsSource")
    }
}

impl Pulse {
    /// A pulse that is heard by the other end of `supervisor`, or by nobody.
    #[must_use]
    pub fn new(supervisor: Option<OwnedFd>) -> Self {
        let told =
            Told { state: BoxState::Starting, listen: BTreeMap::new(), metrics: None, metrics_sent: None, alert: None };
        let inner =
            Inner { supervisor, began: Instant::now(), last_ms: AtomicU64::new(u64::MAX), told: Mutex::new(told) };
        Self(Arc::new(inner))
    }

    /// Says that the work goes on. To be called at least once a second, by the loop that does the work.
    pub fn beat(&self) {
        let now_ms = self.now_ms();
        let last_ms = self.0.last_ms.load(Ordering::Relaxed);
        if last_ms == u64::MAX || now_ms.saturating_sub(last_ms) >= BETWEEN.as_millis() as u64 {
            self.send(None);
        }
    }

    /// Changes the state and says so at once.
    pub fn change(&self, state: BoxState) {
        self.told().state = state;
        match state {
            BoxState::Starting => {}
            BoxState::Ready => tracing::info!("ready"),
            BoxState::Draining => tracing::info!("draining"),
        }
        self.send(None);
    }

    /// Says why the box is about to end.
    pub fn last_words(&self, reason: &str) {
        self.send(Some(reason.chars().take(2_000).collect()));
    }

    /// What the operator should know of, though the box works; none when it is over.
    pub fn alert(&self, alert: Option<String>) {
        self.told().alert = alert.map(|text| text.chars().take(500).collect());
    }

    /// Adds an address to what the beats tell.
    pub fn listens(&self, purpose: &str, address: String) {
        self.told().listen.insert(purpose.to_owned(), address);
    }

    /// Says where the metrics come from.
    pub fn measures(&self, source: MetricsSource) {
        self.told().metrics = Some(source);
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn send(&self, reason: Option<String>) {
        self.0.last_ms.store(self.now_ms(), Ordering::Relaxed);
        let Some(supervisor) = &self.0.supervisor else { return };
        let packet = self.next_beat(reason).encode();
        // A full socket means that the supervisor is behind: it has beats enough, and we must not wait for it.
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let _ = send(supervisor.as_raw_fd(), &packet, flags);
    }

    fn next_beat(&self, reason: Option<String>) -> Beat {
        let mut told = self.told();
        let due = told.metrics_sent.is_none_or(|sent| sent.elapsed() >= BETWEEN_METRICS);
        let metrics = told.metrics.as_ref().filter(|_| due && told.state == BoxState::Ready).map(|source| source.0());
        if metrics.is_some() {
            told.metrics_sent = Some(Instant::now());
        }
        Beat { state: told.state, listen: told.listen.clone(), metrics, reason, alert: told.alert.clone() }
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, recv, socketpair};

    use super::*;

    #[test]
    fn a_beat_tells_state_and_addresses_and_is_not_repeated_at_once() {
        let (ours, theirs) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_NONBLOCK).unwrap();
        let pulse = Pulse::new(Some(ours));
        pulse.listens("http", "127.0.0.1:1".to_owned());
        pulse.change(BoxState::Ready);
        pulse.beat();
        let mut packet = [0; 4096];
        let length = recv(theirs.as_raw_fd(), &mut packet, MsgFlags::empty()).unwrap();
        let beat = Beat::decode(&packet[..length]).unwrap();
        assert_eq!(beat.state, BoxState::Ready);
        assert_eq!(beat.listen["http"], "127.0.0.1:1");
        assert!(recv(theirs.as_raw_fd(), &mut packet, MsgFlags::empty()).is_err());
    }
}
