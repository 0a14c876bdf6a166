//! The front's own memory: answers that are as good as new, and nothing that is not.
//!
//! Asked by whoever shows something of a topic, through [`Front::kept`]; keeps at most `[http-front] cache_mib`. An entry
//! remembers what stood on the version board before its question was sent to a worker. A hit compares that with what
//! stands there now, so everyone reads every acknowledged comment at once, through any front.

mod counts;
mod fixed;
mod flight;
mod kept;
mod key;

use std::{future::Future, num::NonZeroU64, sync::Arc};

use hyper::HeaderMap;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use proto::Topic;
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter, sync::DefaultLifecycle};

use self::{
    counts::{Counted, Counts},
    flight::{Flights, Outcome},
    kept::Kept,
    key::Key,
};
pub(crate) use self::{
    fixed::Fixed,
    kept::{Made, Tag},
    key::Subject,
};
use crate::{
    answer::{Answer, Answered},
    coding::{
        self, Coding,
        press::{self, Effort},
        wish::{self, Plain, Wish},
    },
    front::{Front, Visit},
    problem::Problem,
    sides::Sides,
};

/// A page of 25 comments as it is sent most often: by this the library guesses how many entries there will be.
const USUAL_BYTES: u64 = 12 * 1024;
/// Each part of the cache has a lock of its own; smaller ones could not hold the largest page.
const PART_BYTES: u64 = 2 * 1024 * 1024;

/// Of the memory, this part is for counts: some of them for each answer.
const COUNTS_SHARE: u64 = 16;

type Entries = quick_cache::sync::Cache<Key, Arc<Kept>, ByBytes>;

/// Kept answers.
#[derive(Debug)]
pub(crate) struct Cache {
    /// None: nothing is kept.
    entries: Option<Entries>,
    counts: Counts,
    flights: Flights,
    counted: Counted,
    bytes: Gauge,
    lookups: Family<Lookup, Counter>,
}

/// What was looked for, and how that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lookup {
    what: &'static str,
    found: &'static str,
}

impl Counted {
    /// The three counters, found once: looking them up for each answer would take longer than the answer.
    fn of(lookups: &Family<Lookup, Counter>, what: &'static str) -> Self {
        let [hits, misses, stale] =
            ["hit", "miss", "stale"].map(|found| lookups.get_or_create(&Lookup { what, found }).clone());
        Self { hits, misses, stale }
    }
}

/// An entry weighs what it takes in memory.
#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<Key, Arc<Kept>> for ByBytes {
    fn weight(&self, key: &Key, kept: &Arc<Kept>) -> u64 {
        (kept.bytes() + key.more_bytes()) as u64
    }
}

impl Cache {
    /// A cache of so many bytes; 0 keeps nothing.
    pub(crate) fn new(bytes: u64) -> Self {
        let lookups = Family::default();
        let [answers, numbers] = ["answers", "counts"].map(|what| Counted::of(&lookups, what));
        Self {
            entries: NonZeroU64::new(bytes - bytes / COUNTS_SHARE).map(entries),
            counts: Counts::new(bytes / COUNTS_SHARE, numbers),
            flights: Flights::default(),
            counted: answers,
            bytes: Gauge::default(),
            lookups,
        }
    }

    /// Makes its counters part of the box's metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let told =
            "Answers and counts looked for: kept and as good as new (hit), not kept (miss), kept but old (stale)";
        registry.register("cache_lookups", told, self.lookups.clone());
        registry.register_with_unit("cache", "Memory of kept answers and counts", Unit::Bytes, self.bytes.clone());
    }

    /// How many comments a topic has, if that is kept and nothing changed since this version.
    pub(crate) fn count(&self, topic: &Topic, version: u64) -> Option<u64> {
        self.counts.find(topic, version)
    }

    /// Keeps what was asked for after this version stood on the board.
    pub(crate) fn keep_count(&self, topic: Topic, version: u64, count: u64) {
        self.counts.keep(topic, version, count);
        self.weigh();
    }

    /// What is kept under this key, if nothing changed since this version.
    fn find(&self, key: &Key, version: u64) -> Option<Arc<Kept>> {
        let found = self.entries.as_ref().and_then(|entries| entries.get(key));
        match found {
            Some(kept) if kept.version() >= version => {
                self.counted.hits.inc();
                Some(kept)
            }
            found => {
                if found.is_some() { &self.counted.stale } else { &self.counted.misses }.inc();
                None
            }
        }
    }

    /// The same without counting: what another answer can be made of.
    fn peek(&self, key: &Key, version: u64) -> Option<Arc<Kept>> {
        self.entries.as_ref()?.peek(key).filter(|kept| kept.version() >= version)
    }

    fn keep(&self, key: Key, kept: &Arc<Kept>) {
        if let Some(entries) = &self.entries {
            entries.insert(key, Arc::clone(kept));
            self.weigh();
        }
    }

    fn weigh(&self) {
        let bytes = self.entries.as_ref().map_or(0, Entries::weight) + self.counts.bytes();
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

fn entries(bytes: NonZeroU64) -> Entries {
    let bytes = bytes.get();
    let parts = usize::try_from(bytes / PART_BYTES).unwrap_or(usize::MAX).clamp(1, 64);
    let items = usize::try_from(bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(1);
    let mut options = OptionsBuilder::new();
    options.weight_capacity(bytes).estimated_items_capacity(items).shards(1 << parts.ilog2());
    let options = options.build().expect("a weight and a number are given");
    Entries::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

impl<S: Sides> Front<S> {
    /// Shows something of a topic: as it is kept, or else as `make` makes it, which then is kept.
    ///
    /// This is the way of everything that is a function of one topic's comments (and of the subject, where it has a base
    /// address). `make` is only begun when nothing good is kept and nobody else is just making the same; it must ask the
    /// workers itself, and keep nothing from before it was begun. Coding, tag, 304, 406 and `Vary` are done here.
    ///
    /// ```text
    /// let subject = Subject::feed(topic, &base);
    /// self.kept(subject, visit, async {
    ///     let page = …ask get-worker…;
    ///     Ok(Made::text(Tag::of_topic(page.folder.as_ref(), "atom"), render(&page)).of_kind(ATOM))
    /// }).await
    /// ```
    ///
    /// # Errors
    ///
    /// What `make` refuses; 406 when the visitor takes no coding that there is.
    pub(crate) async fn kept(
        &self,
        subject: Subject,
        visit: &Visit,
        make: impl Future<Output = Result<Made, Problem>> + Send,
    ) -> Answered {
        let wish = wish::read(&visit.headers)?;
        // Before the question: what is committed while it is asked makes the answer too old, never too new.
        let version = self.board.count(&subject.topic);
        let key = subject.coded(wish.coding);
        let kept = match self.cache.find(&key, version) {
            Some(kept) => kept,
            None => Box::pin(self.missed(key, version, make)).await?,
        };
        Ok(served(&kept, wish, &visit.headers))
    }

    async fn missed(
        &self,
        key: Key,
        version: u64,
        make: impl Future<Output = Result<Made, Problem>> + Send,
    ) -> Outcome {
        // Longer than the one who makes it waits for a worker himself, so that he can tell what went wrong.
        let within = 2 * self.limits.answer_wait;
        self.cache.flights.join(&key, version, within, self.make(&key, version, make)).await
    }

    async fn make(&self, key: &Key, version: u64, make: impl Future<Output = Result<Made, Problem>> + Send) -> Outcome {
        let plain = (key.coding != Coding::Identity).then(|| self.cache.peek(&key.plain(), version)).flatten();
        let made = match plain {
            Some(plain) => plain.made().clone(),
            None => make.await?,
        };
        let kept = Arc::new(code(version, made, key.coding, Effort::Quick).await);
        // Somebody commented meanwhile: it is good for this visitor, who asked before, but for nobody after him.
        if self.board.count(&key.subject.topic) == version {
            self.cache.keep(key.clone(), &kept);
        }
        Ok(kept)
    }

    /// Answers with what is not kept: coded as the visitor wishes, with its tag, or without its content.
    ///
    /// # Errors
    ///
    /// 406 when the visitor takes no coding that there is.
    pub(crate) async fn fresh(&self, visit: &Visit, made: Made) -> Answered {
        let wish = wish::read(&visit.headers)?;
        let kept = code(0, made, wish.coding, Effort::Quick).await;
        Ok(served(&kept, wish, &visit.headers))
    }
}

/// The answer in the coding, or as it is where coding is not worthwhile.
async fn code(version: u64, made: Made, coding: Coding, effort: Effort) -> Kept {
    let worthwhile = coding::is_worthwhile(&made.kind, made.body.len());
    let coded = if worthwhile { press::press(made.body.clone(), coding, effort).await } else { None };
    match coded {
        Some(body) => Kept::new(version, Made { body, ..made }, coding),
        None => Kept::new(version, made, Coding::Identity),
    }
}

fn served(kept: &Kept, wish: Wish, asked: &HeaderMap) -> Answer {
    match (wish.plain, kept.coding()) {
        // Small or already dense: coded nevertheless, for who would else get nothing.
        (Plain::Refused, Coding::Identity) => kept.coded(wish.coding).answer(asked),
        _ => kept.answer(asked),
    }
}
