//! The readers of one topic, and what has been told to them all.
//!
//! Everything that happens to a channel happens under its lock, and takes microseconds: a batch of news is told to all who
//! are in, and a reader comes in at one place between two batches. So he misses nothing and is told nothing twice.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use proto::{Seq, Topic, threads::News};
use tokio::sync::{Notify, mpsc, mpsc::error::TrySendError};

use super::{
    place::Place,
    recent::Recent,
    text::{Batch, STILL_HERE, State},
};

/// Pieces of news that wait for one reader. Who has more waiting is too slow, and comes back from where he was.
pub(super) const WAITING: usize = 8;

/// Where a reader is handed his news.
pub(super) type Queue = mpsc::Sender<Bytes>;

/// The readers of one topic.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) topic: Topic,
    inner: Mutex<Inner>,
    /// Told when there is a state, or will never be one.
    opened: Notify,
    /// Whether nobody wants it any more.
    abandoned: AtomicBool,
}

#[derive(Debug)]
struct Inner {
    /// None until somebody was asked for it.
    state: Option<State>,
    recent: Recent,
    readers: HashMap<u64, Reader>,
    /// The version of the topic that was seen before it was read last.
    version: u64,
    errand: Errand,
}

#[derive(Debug)]
struct Reader {
    queue: Queue,
    /// Up to here he has been told already.
    after: Seq,
}

/// Whether somebody is on his way to look for news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errand {
    Nobody,
    Somebody,
    /// And he has to look once more: something may have come after he looked.
    Again,
}

/// How a reader came in.
#[derive(Debug)]
pub(super) enum Entry {
    /// He has missed nothing; what he is to be told first.
    In(Vec<u8>),
    /// He is too far back: he has to catch up from here by himself, and try again.
    Behind(Place),
    /// Nobody is let in any more.
    Over,
}

/// How many readers were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Told {
    pub(super) sent: u64,
    pub(super) slow: u64,
}

impl Channel {
    pub(super) fn new(topic: Topic) -> Self {
        let inner = Inner {
            state: None,
            recent: Recent::after(Seq(0)),
            readers: HashMap::new(),
            version: 0,
            errand: Errand::Nobody,
        };
        Self { topic, inner: Mutex::new(inner), opened: Notify::new(), abandoned: AtomicBool::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held is our own bug; the readers are told all the same.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of the topic.
    pub(super) fn state(&self) -> Option<State> {
        self.lock().state
    }

    /// Waits until something is known of the topic; none when that will never be.
    pub(super) async fn opened(&self) -> Option<State> {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            // From here on it is not missed.
            opened.as_mut().enable();
            if let Some(state) = self.state() {
                return Some(state);
            }
            if self.is_abandoned() {
                return None;
            }
            opened.await;
        }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }

    /// Nobody wants it any more: who is in is let go.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.lock().readers.clear();
        self.opened.notify_waiters();
    }

    /// Whether the topic may have changed since it was read.
    pub(super) fn is_older_than(&self, version: u64) -> bool {
        self.lock().version != version
    }

    /// Somebody has to look for news. True when the caller has to go; else somebody is on his way and will look again.
    pub(super) fn wants_errand(&self) -> bool {
        let mut inner = self.lock();
        let first = inner.errand == Errand::Nobody;
        inner.errand = if first { Errand::Somebody } else { Errand::Again };
        first
    }

    /// Whoever looked for news is back. True when he has to go once more.
    pub(super) fn errand_goes_on(&self) -> bool {
        let mut inner = self.lock();
        let again = inner.errand == Errand::Again;
        inner.errand = if again { Errand::Somebody } else { Errand::Nobody };
        again
    }

    /// Lets a reader in who was told everything up to `from`, or who wants to be told what comes from now on.
    pub(super) fn enter(&self, number: u64, from: Option<Place>, queue: Queue) -> Entry {
        let mut inner = self.lock();
        let Some(state) = inner.state.filter(|_| !self.is_abandoned()) else { return Entry::Over };
        let (first, after) = match from {
            None => (state.first(state.place), state.place.seq),
            Some(from) if from.epoch != state.place.epoch => {
                ([state.first(state.place), state.reset()].concat(), state.place.seq)
            }
            Some(from) => match inner.recent.since(from.seq).filter(|_| from.seq <= state.place.seq) {
                Some(missed) => ([state.first(from), missed.to_vec()].concat(), state.place.seq),
                None => return Entry::Behind(from),
            },
        };
        inner.readers.insert(number, Reader { queue, after });
        Entry::In(first)
    }

    /// Lets a reader in who was told everything up to `from` just now, and knows how the stream begins.
    pub(super) fn rejoin(&self, number: u64, from: Place, queue: Queue) -> Entry {
        let mut inner = self.lock();
        let Some(state) = inner.state.filter(|_| !self.is_abandoned()) else { return Entry::Over };
        let missed = inner.recent.since(from.seq).filter(|_| state.place.epoch == from.epoch);
        let Some(missed) = missed else { return Entry::Behind(from) };
        // He may be ahead of the others: then he is not told again what they will be.
        let after = state.place.seq.max(from.seq);
        inner.readers.insert(number, Reader { queue, after });
        Entry::In(missed.to_vec())
    }

    /// Lets a reader in whose numbers mean nothing: he is told to begin anew.
    pub(super) fn restart(&self, number: u64, queue: Queue) -> Entry {
        let mut inner = self.lock();
        let Some(state) = inner.state.filter(|_| !self.is_abandoned()) else { return Entry::Over };
        inner.readers.insert(number, Reader { queue, after: state.place.seq });
        Entry::In(state.reset())
    }

    /// A reader has gone.
    pub(super) fn leave(&self, number: u64) {
        self.lock().readers.remove(&number);
    }

    /// Tells everybody what is new. `version` is the topic's from before it was read.
    pub(super) fn tell(&self, news: &News, version: u64) -> Told {
        let (state, batch) = (State::of(self.topic, news), Batch::of(news));
        let mut inner = self.lock();
        inner.version = version;
        let before = inner.state.replace(state);
        let Some(before) = before else {
            inner.recent = Recent::after(state.place.seq);
            self.opened.notify_waiters();
            return Told::default();
        };
        if before.place.epoch != state.place.epoch {
            inner.recent = Recent::after(state.place.seq);
            let reset = Bytes::from(state.reset());
            inner.readers.values_mut().for_each(|reader| reader.after = state.place.seq);
            return inner.hand_out(|_| reset.clone());
        }
        if batch.bytes.is_empty() {
            return Told::default();
        }
        inner.recent.keep(&batch);
        inner.hand_out(|after| batch.after(after))
    }

    /// Says to some of the readers that the stream lives: each has his turn once in so many rounds.
    pub(super) fn say_still_here(&self, round: u64, rounds: u64) -> Told {
        self.lock().hand_out_to(|number| number % rounds == round % rounds, |_| STILL_HERE)
    }
}

impl Inner {
    fn hand_out(&mut self, piece: impl Fn(Seq) -> Bytes) -> Told {
        self.hand_out_to(|_| true, piece)
    }

    /// Hands a piece to each reader who is meant, and lets those go who are too slow to take it.
    fn hand_out_to(&mut self, is_meant: impl Fn(u64) -> bool, piece: impl Fn(Seq) -> Bytes) -> Told {
        let mut told = Told::default();
        self.readers.retain(|number, reader| {
            let piece = if is_meant(*number) { piece(reader.after) } else { Bytes::new() };
            if piece.is_empty() {
                return true;
            }
            match reader.queue.try_send(piece) {
                Ok(()) => told.sent += 1,
                Err(TrySendError::Full(_)) => {
                    told.slow += 1;
                    return false;
                }
                Err(TrySendError::Closed(_)) => return false,
            }
            true
        });
        told
    }
}
