//! The live instances of one interface, as all its askers in this process see them, and the choice between them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use proto::interface::Encoded;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    traffic::Counted,
    window::{Credit, Room, Window},
};
use crate::context::Context;

/// After an instance came or went, questions wait for a credit instead of being turned away.
const RECOVERY: Duration = Duration::from_secs(2);
/// So many questions may wait for a restart.
const ROOM_PLACES: usize = 1_024;

/// What the askers of one interface share.
#[derive(Debug)]
pub struct Pool {
    /// The interface's name.
    pub interface: &'static str,
    /// The interface's version.
    pub version: u16,
    /// The box that asks.
    pub context: Context,
    /// What is counted.
    pub counted: Counted,
    /// Where questions wait while a worker is being restarted.
    pub room: Arc<Room>,
    live: watch::Sender<Vec<Arc<Link>>>,
    turn: AtomicUsize,
    began: Instant,
    recovers_until_ms: AtomicU64,
}

/// A connection to one live instance.
#[derive(Debug)]
pub struct Link {
    /// Which instance.
    pub instance: u16,
    /// What is open there.
    pub window: Window,
    outbox: mpsc::Sender<Errand>,
    next_id: AtomicU64,
}

/// A question on its way to an instance.
#[derive(Debug)]
pub struct Errand {
    /// Names it on its connection.
    pub id: u64,
    /// The first frame.
    pub header: Bytes,
    /// The other frames.
    pub question: Encoded,
    /// When it was asked.
    pub since: Instant,
    /// Its place in the window.
    pub credit: Credit,
    /// Whoever waits for the answer.
    pub reply: Reply,
}

/// Whoever waits for an answer. Dropped before the question was sent, it says so.
#[derive(Debug)]
pub struct Reply(Option<oneshot::Sender<Verdict>>);

impl Reply {
    /// The way back for a verdict.
    pub fn new(to: oneshot::Sender<Verdict>) -> Self {
        Self(Some(to))
    }

    /// The question is being sent; none when nobody waits for its answer any more.
    pub fn sent(mut self) -> Option<oneshot::Sender<Verdict>> {
        self.0.take().filter(|to| !to.is_closed())
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(to) = self.0.take() {
            let _ = to.send(Verdict::NotSent);
        }
    }
}

/// How a question ended at one instance.
#[derive(Debug)]
pub enum Verdict {
    /// The answer.
    Answer(Encoded),
    /// It was not understood, and nothing was done.
    Refused(String),
    /// It was never sent.
    NotSent,
    /// The instance died with it.
    Died,
}

/// Why no instance could be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// None is live.
    Nobody,
    /// All have as much open as they take.
    Full,
}

impl Pool {
    /// A pool without instances.
    pub fn new(interface: &'static str, version: u16, context: Context) -> Self {
        let counted = context.traffic.of(interface);
        Self {
            interface,
            version,
            context,
            counted,
            room: Arc::new(Room::new(ROOM_PLACES)),
            live: watch::Sender::new(Vec::new()),
            turn: AtomicUsize::new(0),
            began: Instant::now(),
            recovers_until_ms: AtomicU64::new(0),
        }
    }

    /// Instances that may be asked now.
    pub fn live(&self) -> usize {
        self.live.borrow().len()
    }

    /// Sees instances come and go.
    pub fn watch(&self) -> watch::Receiver<Vec<Arc<Link>>> {
        self.live.subscribe()
    }

    /// Adds an instance that may be asked.
    pub fn add(&self, link: Arc<Link>) {
        self.recover();
        self.live.send_modify(|live| live.push(link));
    }

    /// Takes an instance out: it dies, or wants no more questions.
    pub fn remove(&self, link: &Arc<Link>) {
        self.recover();
        self.live.send_if_modified(|live| {
            let before = live.len();
            live.retain(|other| !Arc::ptr_eq(other, link));
            live.len() != before
        });
    }

    fn recover(&self) {
        let until = self.began.elapsed() + RECOVERY;
        self.recovers_until_ms.store(millis(until), Ordering::Relaxed);
    }

    /// Whether an instance came or went just now, or none is there.
    pub fn is_recovering(&self) -> bool {
        millis(self.began.elapsed()) < self.recovers_until_ms.load(Ordering::Relaxed)
    }

    /// Chooses the live instance with the least open, and takes a credit for so many bytes there.
    pub fn choose(&self, bytes: usize) -> Result<(Arc<Link>, Credit), Shortage> {
        let live = self.live.borrow();
        // Of several that are equally busy, each has its turn.
        let first = if live.len() > 1 { self.turn.fetch_add(1, Ordering::Relaxed) % live.len() } else { 0 };
        let in_turn = || live[first..].iter().chain(&live[..first]);
        let least = in_turn().min_by_key(|link| link.window.open()).ok_or(Shortage::Nobody)?;
        let taken = [least].into_iter().chain(in_turn()).find_map(|link| Some((link, link.window.take(bytes)?)));
        let (link, credit) = taken.ok_or(Shortage::Full)?;
        Ok((Arc::clone(link), credit))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {}", self.instance)
    }
}

impl Link {
    /// A link whose questions come out of the receiver.
    pub fn new(instance: u16, room: Arc<Room>) -> (Arc<Self>, mpsc::Receiver<Errand>) {
        // As long as the window: who has a credit finds a place.
        let (outbox, errands) = mpsc::channel(proto::bus::WINDOW_QUESTIONS);
        let link = Self { instance, window: Window::new(room), outbox, next_id: AtomicU64::new(1) };
        (Arc::new(link), errands)
    }

    /// A name for a question, unused on this connection.
    pub fn name_question(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Sends a question on its way; its verdict will say whether it got there.
    pub fn send(&self, errand: Errand) {
        // One that comes back is dropped, and says that it was not sent.
        let _ = self.outbox.try_send(errand);
    }
}
