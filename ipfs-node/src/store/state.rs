//! What the store keeps in memory: blocks that wait for a commit, sessions that are open, keys about to be deleted.
//!
//! Asked by sessions, the committer and the collection. One mutex; nothing slow happens under it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use super::{
    index::{BlockChange, Entry},
    record::Key,
    roots::RootChange,
};

#[derive(Debug)]
pub(super) struct State {
    inner: Mutex<Inner>,
    /// Rung when the committer has something to do.
    pub(super) work: Condvar,
    /// Rung when a commit is over.
    pub(super) committed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    /// Written or wanted, but not yet in the index.
    pub(super) waiting: HashMap<Key, BlockChange>,
    /// Bytes written since the last commit began.
    pub(super) waiting_bytes: u64,
    /// Root changes for the next commit.
    pub(super) roots: Vec<RootChange>,
    /// Commits that were asked for, and those that are over.
    pub(super) asked: u64,
    pub(super) over: u64,
    /// Commits that failed: a session that was open during one must not be acknowledged.
    pub(super) failures: u64,
    pub(super) last_failure: String,
    /// A disk that loses writes takes no more.
    pub(super) broken: Option<String>,
    /// The generation of sessions that begin now; one more with every collection.
    pub(super) generation: u32,
    /// Open sessions by the generation they began in.
    pub(super) sessions: BTreeMap<u32, usize>,
    /// Keys that a collection is deleting at this moment: whoever wants one writes it anew.
    pub(super) doomed: HashSet<Key>,
    pub(super) stopping: bool,
}

impl State {
    pub(super) fn new(generation: u32) -> Self {
        let inner = Inner { generation, ..Inner::default() };
        Self { inner: Mutex::new(inner), work: Condvar::new(), committed: Condvar::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a block stands that waits for a commit.
    pub(super) fn waiting(&self, key: &Key) -> Option<Entry> {
        match self.lock().waiting.get(key) {
            Some(BlockChange::Put(entry)) => Some(*entry),
            _ => None,
        }
    }
}

impl Inner {
    /// The generation that collections must not touch: of the oldest open session, or of those to come.
    pub(super) fn oldest_generation(&self) -> u32 {
        self.sessions.keys().next().copied().unwrap_or(self.generation)
    }

    pub(super) fn begin_session(&mut self) -> u32 {
        *self.sessions.entry(self.generation).or_default() += 1;
        self.generation
    }

    pub(super) fn end_session(&mut self, generation: u32) {
        if let Some(open) = self.sessions.get_mut(&generation) {
            *open -= 1;
            if *open == 0 {
                self.sessions.remove(&generation);
            }
        }
    }
}
