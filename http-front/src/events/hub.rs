//! All topics that somebody reads live: what wakes them, and what looks for their news.
//!
//! Hints wake at once. Because they may be lost, the version board is looked at several times a second: a lost hint costs
//! that long, and nothing else. News is asked for once for all readers of a topic.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use daemon::{
    Failure, Running,
    board::BoardReader,
    boot::{Audible, ReadsBoard},
    bus::{Asker, Heard, Listener},
    stop::Stop,
};
use proto::{
    Arrived, Seq, Threads, Topic,
    threads::{News, ReadNews},
    wiring::HttpFront,
};
use tokio::{
    sync::Semaphore,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    channel::{Channel, Told},
    measures::{Measures, Waker},
};
use crate::{comments::READERS, front::settle, problem::Problem, settings, sides::Side};

/// How often the version board is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Each reader hears something at least so often, in rounds of a second.
const STILL_HERE_ROUNDS: u64 = 15;
/// Looks at the board in such a round.
const LOOKS_PER_ROUND: u64 = 4;
/// Questions for news that are open at a time.
const OPEN_READS: usize = 16;
/// Changes that are asked for at a time, for all readers of a topic together.
const CHANGES: u16 = 256;
/// The same for one reader who was away: what he does not take waits in our memory, for him alone.
const MISSED_CHANGES: u16 = 32;
/// How long to wait after a question that was not answered; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How live events are to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Readers at a time.
    pub(crate) readers: u32,
    /// How long an answer is waited for.
    pub(crate) answer_wait: Duration,
}

/// Where hints come from.
pub(crate) trait Hints: Send + 'static {
    /// Waits for the next one. Giving up loses nothing.
    fn next(&mut self) -> impl Future<Output = Heard<Arrived>> + Send;
}

impl Hints for Listener<Arrived> {
    fn next(&mut self) -> impl Future<Output = Heard<Arrived>> + Send {
        Listener::next(self)
    }
}

/// All channels. Cheap to clone.
pub(crate) struct Hub<R>(Arc<Shared<R>>);

impl<R> Clone for Hub<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R> fmt::Debug for Hub<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

struct Shared<R> {
    reads: R,
    board: BoardReader,
    limits: Limits,
    topics: Mutex<Topics>,
    next_number: AtomicU64,
    open_reads: Semaphore,
    closed: AtomicBool,
    measures: Measures,
}

#[derive(Debug, Default)]
struct Topics {
    channels: HashMap<Topic, Occupied>,
    readers: u32,
}

#[derive(Debug)]
struct Occupied {
    channel: Arc<Channel>,
    seats: usize,
}

/// A reader's place in the hub; given back when dropped.
pub(super) struct Seat<R: Side<Threads>> {
    pub(super) hub: Hub<R>,
    pub(super) channel: Arc<Channel>,
    pub(super) number: u64,
}

impl Hub<Asker<Threads>> {
    /// Begins to listen for what arrives.
    ///
    /// # Errors
    ///
    /// When the version board cannot be opened.
    pub(crate) fn start(
        running: &Running<HttpFront>,
        reads: Asker<Threads>,
        board: ReadsBoard,
        hints: Audible<Arrived>,
    ) -> Result<Self, Failure> {
        let limits = settings::events(&running.all().http_front);
        let hub = Self::new(reads, running.board_reader(board)?, limits);
        running.register(|registry| hub.0.measures.register(registry));
        tokio::spawn(hub.clone().keep_awake(running.hearer(hints), running.stop()));
        Ok(hub)
    }
}

impl<R: Side<Threads>> Hub<R> {
    pub(crate) fn new(reads: R, board: BoardReader, limits: Limits) -> Self {
        Self(Arc::new(Shared {
            reads,
            board,
            limits,
            topics: Mutex::default(),
            next_number: AtomicU64::new(0),
            open_reads: Semaphore::new(OPEN_READS),
            closed: AtomicBool::new(false),
            measures: Measures::default(),
        }))
    }

    /// Wakes topics until the box should end; then lets all readers go, who will come back to its successor.
    pub(crate) async fn keep_awake(self, mut hints: impl Hints, stop: Stop) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0;
        loop {
            tokio::select! {
                biased;
                () = stop.asked() => break,
                _ = looks.tick() => {
                    self.look();
                    round += 1;
                    if round % LOOKS_PER_ROUND == 0 {
                        self.say_still_here(round / LOOKS_PER_ROUND);
                    }
                }
                heard = hints.next() => match heard {
                    Heard::Hint(hint) => self.arrived(&hint),
                    Heard::Lost(_) => self.look(),
                },
            }
        }
        self.close();
    }

    /// Something arrived in these topics.
    pub(super) fn arrived(&self, hint: &Arrived) {
        let found: Vec<Arc<Channel>> = {
            let topics = self.topics();
            hint.topics.iter().filter_map(|topic| Some(Arc::clone(&topics.channels.get(topic)?.channel))).collect()
        };
        found.iter().for_each(|channel| self.wake(channel, Waker::Hint));
    }

    /// Looks whether anything arrived of which no hint came.
    pub(super) fn look(&self) {
        for channel in self.channels() {
            if channel.is_older_than(self.0.board.count(&channel.topic)) {
                self.wake(&channel, Waker::Board);
            }
        }
    }

    pub(super) fn say_still_here(&self, round: u64) {
        for channel in self.channels() {
            self.count(channel.say_still_here(round, STILL_HERE_ROUNDS));
        }
    }

    /// Lets all readers go, and nobody in.
    pub(super) fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.channels().iter().for_each(|channel| channel.abandon());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    /// Gives a reader a place.
    ///
    /// # Errors
    ///
    /// 503 when there is none, or the box ends.
    pub(super) fn seat(&self, topic: Topic) -> Result<Seat<R>, Problem> {
        let (channel, is_new) = self.occupy(topic)?;
        let number = self.0.next_number.fetch_add(1, Ordering::Relaxed);
        self.0.measures.readers.inc();
        if is_new {
            self.go_look(&channel);
        }
        Ok(Seat { hub: self.clone(), channel, number })
    }

    fn occupy(&self, topic: Topic) -> Result<(Arc<Channel>, bool), Problem> {
        let mut topics = self.topics();
        if topics.readers >= self.0.limits.readers || self.is_closed() {
            self.0.measures.turned_away.inc();
            return Err(Problem::too_many_readers());
        }
        topics.readers += 1;
        let mut is_new = false;
        let occupied = topics.channels.entry(topic).or_insert_with(|| {
            is_new = true;
            Occupied { channel: Arc::new(Channel::new(topic)), seats: 0 }
        });
        occupied.seats += 1;
        Ok((Arc::clone(&occupied.channel), is_new))
    }

    fn vacate(&self, topic: &Topic) {
        self.0.measures.readers.dec();
        let mut topics = self.topics();
        topics.readers -= 1;
        let Some(occupied) = topics.channels.get_mut(topic) else { return };
        occupied.seats -= 1;
        if occupied.seats == 0
            && let Some(empty) = topics.channels.remove(topic)
        {
            empty.channel.abandon();
        }
    }

    fn wake(&self, channel: &Arc<Channel>, by: Waker) {
        self.0.measures.woken(by);
        self.go_look(channel);
    }

    fn go_look(&self, channel: &Arc<Channel>) {
        if channel.wants_errand() {
            tokio::spawn(self.clone().run_errand(Arc::clone(channel)));
        }
    }

    /// Looks for news until there is none, or until nobody wants any.
    async fn run_errand(self, channel: Arc<Channel>) {
        let mut pause = FIRST_PAUSE;
        while !channel.is_abandoned() {
            // The version first: what is bumped while we read is looked at again.
            let version = self.0.board.count(&channel.topic);
            let after = channel.state().map_or(Seq(u64::MAX), |state| state.place.seq);
            self.0.measures.reads.inc();
            let Ok(news) = self.news(channel.topic, after, CHANGES).await else {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            };
            pause = FIRST_PAUSE;
            self.count(channel.tell(&news, version));
            if news.next.is_none() && !channel.errand_goes_on() {
                return;
            }
        }
    }

    /// What is new, for one reader who is too far back.
    pub(super) async fn catch_up(&self, topic: Topic, after: Seq) -> Result<News, Problem> {
        self.0.measures.caught_up.inc();
        self.news(topic, after, MISSED_CHANGES).await
    }

    async fn news(&self, topic: Topic, after: Seq, limit: u16) -> Result<News, Problem> {
        let _open = self.0.open_reads.acquire().await.expect("the semaphore is never closed");
        let question = ReadNews { topic, after, limit };
        let reply = self.0.reads.ask(question, daemon::request_id(), self.0.limits.answer_wait).await;
        settle(reply, READERS)
    }

    fn count(&self, told: Told) {
        self.0.measures.sent.inc_by(told.sent);
        self.0.measures.slow.inc_by(told.slow);
    }

    fn channels(&self) -> Vec<Arc<Channel>> {
        self.topics().channels.values().map(|occupied| Arc::clone(&occupied.channel)).collect()
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Side<Threads>> Drop for Seat<R> {
    fn drop(&mut self) {
        self.channel.leave(self.number);
        self.hub.vacate(&self.channel.topic);
    }
}
