//! One peer, as seen by who wants blocks: what its list of our wants holds, what it is yet to be told, how it does.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use cid::Cid;

use crate::message::{Extent, WantKind};
use crate::{Entry, Moment, Wantlist};

/// The most entries of one message.
const MAX_ENTRIES: usize = 1_024;
/// How many wants that ended are remembered, to tell a late block from a wrong one.
const RECENT: usize = 4_096;
/// What a block takes a peer of which nothing is known.
const FIRST_PACE_MS: f64 = 1.0;
/// Below this all peers are equally quick.
const BEST_PACE_MS: f64 = 0.05;

/// A connected peer.
#[derive(Debug)]
pub(super) struct Peer {
    /// What its list of our wants holds, or will when it has been told.
    list: HashMap<Cid, Listed>,
    /// Entries of the list that ask for blocks.
    asked: usize,
    /// What it is yet to be told.
    news: News,
    /// Hashes of wants that ended.
    recent: Recent,
    /// When it last sent anything, or was first asked after a pause.
    pub(super) progress_at: Moment,
    /// Whether it is passed over, because it does not answer.
    pub(super) stalled: bool,
    /// Blocks that it sent and nobody had asked for.
    pub(super) wrong_blocks: u32,
    pace_ms: f64,
}

/// An entry of the peer's list.
#[derive(Debug, Clone, Copy)]
struct Listed {
    entry: Entry,
    at: Moment,
}

/// What a peer is yet to be told.
#[derive(Debug)]
struct News {
    order: VecDeque<Cid>,
    entries: HashMap<Cid, Entry>,
    extent: Extent,
}

#[derive(Debug, Default)]
struct Recent {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Peer {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            list: HashMap::new(),
            asked: 0,
            news: News { order: VecDeque::new(), entries: HashMap::new(), extent: Extent::Full },
            recent: Recent::default(),
            progress_at: now,
            stalled: false,
            wrong_blocks: 0,
            pace_ms: FIRST_PACE_MS,
        }
    }

    /// Puts a want into its list, or changes it. What it was told already it is not told again: it would send it twice.
    pub(super) fn put(&mut self, entry: Entry, now: Moment) {
        if let Some(listed) = self.list.get_mut(&entry.cid)
            && listed.entry.kind == entry.kind
        {
            listed.at = now;
            return;
        }
        if self.asked == 0 && entry.kind == WantKind::Block {
            self.progress_at = self.progress_at.max(now);
        }
        let before = self.list.insert(entry.cid, Listed { entry, at: now });
        let was_block = before.is_some_and(|listed| listed.entry.kind == WantKind::Block);
        self.asked = self.asked + usize::from(entry.kind == WantKind::Block) - usize::from(was_block);
        self.news.put(entry);
    }

    /// Takes a want out of its list: it answered, or it is to be told that we want it no longer.
    pub(super) fn take(&mut self, cid: &Cid, end: End) {
        let Some(listed) = self.list.remove(cid) else { return };
        if listed.entry.kind == WantKind::Block {
            self.asked -= 1;
        }
        self.recent.add(cid);
        let untold = self.news.entries.remove(cid).is_some();
        if end == End::Cancel && !untold {
            self.news.put(Entry::cancel(*cid));
        }
    }

    /// Says a want of its list again.
    pub(super) fn repeat(&mut self, cid: &Cid, now: Moment) {
        if let Some(listed) = self.list.get_mut(cid) {
            listed.at = now;
            self.news.put(listed.entry);
        }
    }

    /// Says all of its list again, in place of what it knows.
    pub(super) fn repeat_all(&mut self) {
        let mut entries: Vec<Entry> = self.list.values().map(|listed| listed.entry).collect();
        entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.priority));
        self.news = News { order: VecDeque::new(), entries: HashMap::new(), extent: Extent::Full };
        entries.into_iter().for_each(|entry| self.news.put(entry));
    }

    pub(super) fn has_news(&self) -> bool {
        !self.news.entries.is_empty()
    }

    /// The next message; wants count from when they are told.
    pub(super) fn next_wantlist(&mut self, now: Moment) -> Option<Wantlist> {
        let wantlist = self.news.next()?;
        for entry in &wantlist.entries {
            if let Some(listed) = self.list.get_mut(&entry.cid) {
                listed.at = now;
            }
        }
        Some(wantlist)
    }

    pub(super) fn list_entries(&self) -> usize {
        self.list.len()
    }

    /// All that its list names.
    pub(super) fn entries(&self) -> Vec<Cid> {
        self.list.keys().copied().collect()
    }

    /// Blocks that were asked of it, and that it neither sent nor denied for `ms`, in which it did nothing else either.
    pub(super) fn silent_on(&self, now: Moment, ms: u64) -> Vec<Cid> {
        self.blocks_since(|listed| now.since_ms(listed.at.max(self.progress_at)) >= ms)
    }

    /// Blocks that were asked of it longer than `ms` ago.
    pub(super) fn overdue(&self, now: Moment, ms: u64) -> Vec<Cid> {
        self.blocks_since(|listed| now.since_ms(listed.at) >= ms)
    }

    fn blocks_since(&self, which: impl Fn(&Listed) -> bool) -> Vec<Cid> {
        if self.asked == 0 {
            return Vec::new();
        }
        let blocks = self.list.values().filter(|listed| listed.entry.kind == WantKind::Block);
        blocks.filter(|listed| which(listed)).map(|listed| listed.entry.cid).collect()
    }

    /// It sent `blocks` that were wanted; says how quick it is.
    pub(super) fn delivered(&mut self, blocks: usize, now: Moment) {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds and counts are small")]
        let each_ms = now.since_ms(self.progress_at) as f64 / blocks.max(1) as f64;
        self.pace_ms = (self.pace_ms * 0.8 + each_ms * 0.2).max(BEST_PACE_MS);
        self.progress_at = now;
        self.stalled = false;
    }

    /// What one more block costs here: the time until it would be its turn.
    pub(super) fn cost(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        let turn = (self.asked + 1) as f64;
        turn * self.pace_ms
    }

    /// Whether its list asks for this block itself.
    pub(super) fn owes(&self, cid: &Cid) -> bool {
        self.list.get(cid).is_some_and(|listed| listed.entry.kind == WantKind::Block)
    }

    /// Whether a block was asked of it, now or a while ago.
    pub(super) fn was_asked(&self, cid: &Cid) -> bool {
        self.list.contains_key(cid) || self.recent.contains(cid)
    }
}

/// How an entry leaves a peer's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The peer took it out by itself.
    Answered,
    /// It is to be told.
    Cancel,
}

impl News {
    fn put(&mut self, entry: Entry) {
        if self.entries.insert(entry.cid, entry).is_none() {
            self.order.push_back(entry.cid);
        }
        // What was taken back leaves its place in the order.
        if self.order.len() > 2 * self.entries.len() + MAX_ENTRIES {
            let mut seen = HashSet::new();
            self.order.retain(|cid| self.entries.contains_key(cid) && seen.insert(*cid));
        }
    }

    fn next(&mut self) -> Option<Wantlist> {
        if self.entries.is_empty() {
            return None;
        }
        let mut entries = Vec::with_capacity(self.entries.len().min(MAX_ENTRIES));
        while entries.len() < MAX_ENTRIES
            && let Some(cid) = self.order.pop_front()
        {
            entries.extend(self.entries.remove(&cid));
        }
        Some(Wantlist { entries, extent: std::mem::take(&mut self.extent) })
    }
}

impl Recent {
    fn add(&mut self, cid: &Cid) {
        let hash = hash(cid);
        if self.known.insert(hash) {
            self.order.push_back(hash);
        }
        if self.order.len() > RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn contains(&self, cid: &Cid) -> bool {
        self.known.contains(&hash(cid))
    }
}

fn hash(cid: &Cid) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(cid)
}
