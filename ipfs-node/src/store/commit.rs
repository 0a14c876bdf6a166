//! The committer: one thread that makes what waits durable, all of it at once.
//!
//! Asked by sessions. Order: the segments' bytes, then the index, then whoever waits is told.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{Arc, PoisonError},
    thread::{self, JoinHandle},
};

use super::{
    Shared, StoreError,
    index::BlockChange,
    record::Key,
    roots::RootChange,
    state::{Inner, State},
};

/// The thread; ends when the last [`super::Store`] is dropped.
#[derive(Debug)]
pub(super) struct Committer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What one commit makes durable.
#[derive(Debug, Default)]
struct Batch {
    blocks: HashMap<Key, BlockChange>,
    roots: Vec<RootChange>,
    asked: u64,
}

impl Committer {
    pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let of_thread = Arc::clone(shared);
        let thread = thread::Builder::new().name("commit".to_owned()).spawn(move || run(&of_thread))?;
        Ok(Self { shared: Arc::clone(shared), thread: Some(thread) })
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.shared.state.lock().stopping = true;
        self.shared.state.work.notify_all();
        if let Some(thread) = self.thread.take() {
            // It holds no lock when it ends; a panic in it has already ended the process in release builds.
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared) {
    while let Some(batch) = next_batch(shared) {
        let outcome = shared.write_batch(&batch);
        finish(&shared.state, &batch, outcome);
    }
}

/// Waits for work; `None` when the store is closed and nothing waits.
fn next_batch(shared: &Shared) -> Option<Batch> {
    let limits = &shared.options;
    let idle = |state: &mut Inner| {
        let early = state.waiting_bytes > limits.early_bytes || state.waiting.len() > limits.waiting_blocks / 2;
        let asked = state.asked > state.over;
        !(state.stopping || (state.broken.is_none() && (asked || early)))
    };
    drop(shared.state.work.wait_while(shared.state.lock(), idle).unwrap_or_else(PoisonError::into_inner));
    // What is behind the end that this commit gives a segment is searched after a crash, what is before it is not: so no
    // record may be on its way to a place before one that is committed.
    let _arrived = shared.collection.pause_writes();
    let mut state = shared.state.lock();
    if state.broken.is_some() || (state.stopping && state.asked == state.over) {
        return None;
    }
    state.waiting_bytes = 0;
    // Writers that waited for these bytes fill the next batch while this one is on its way to the disk.
    shared.state.committed.notify_all();
    Some(Batch { blocks: state.waiting.clone(), roots: std::mem::take(&mut state.roots), asked: state.asked })
}

fn finish(state: &State, batch: &Batch, outcome: Result<(), CommitError>) {
    let mut inner = state.lock();
    inner.over = batch.asked;
    match outcome {
        Ok(()) => inner.waiting.retain(|key, change| settle(batch.blocks.get(key), change)),
        Err(error) => {
            // Nobody was told that these are kept. A session that relies on one learns it from the count.
            inner.failures += 1;
            inner.waiting.clear();
            inner.waiting_bytes = 0;
            inner.last_failure = error.to_string();
            if let CommitError::Sync(_) = error {
                inner.broken = Some(error.to_string());
            }
            tracing::error!(%error, "a commit of the block store failed");
        }
    }
    drop(inner);
    state.committed.notify_all();
}

/// What is left to do about a block after a commit of `done`; whether it is anything.
fn settle(done: Option<&BlockChange>, change: &mut BlockChange) -> bool {
    match (done, *change) {
        (Some(done), now) if *done == now => false,
        // Wanted again meanwhile. Where it stands is now the index's to say, for it may be moved.
        (Some(BlockChange::Put(_)), BlockChange::Put(entry)) => {
            *change = BlockChange::Touch(entry.generation);
            true
        }
        _ => true,
    }
}

/// Which half failed.
#[derive(Debug, thiserror::Error)]
enum CommitError {
    /// After a failed sync nobody knows what is on the disk.
    #[error("cannot sync a segment: {0}")]
    Sync(io::Error),
    #[error("cannot commit the index: {0}")]
    Index(#[from] heed::Error),
}

impl State {
    /// Asks for a commit of all that waits, with these root changes, and waits until it is over. `failures` is how many
    /// commits had failed when the caller began to rely on what waits.
    pub(super) fn commit(&self, roots: impl IntoIterator<Item = RootChange>, failures: u64) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if inner.failures != failures {
            return Err(StoreError::Failed(inner.last_failure.clone()));
        }
        inner.roots.extend(roots);
        inner.asked += 1;
        let mine = inner.asked;
        self.work.notify_one();
        let over = self.committed.wait_while(inner, |inner| inner.over < mine && inner.broken.is_none());
        let inner = over.unwrap_or_else(PoisonError::into_inner);
        match &inner.broken {
            Some(broken) => Err(StoreError::Broken(broken.clone())),
            None if inner.failures != failures => Err(StoreError::Failed(inner.last_failure.clone())),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn write_batch(&self, batch: &Batch) -> Result<(), CommitError> {
        self.sync(batch.blocks.values().filter_map(|change| match change {
            BlockChange::Put(entry) => Some(entry.place.segment),
            BlockChange::Touch(_) => None,
        }))
        .map_err(CommitError::Sync)?;
        if batch.blocks.is_empty() && batch.roots.is_empty() {
            return Ok(());
        }
        // In key order the tree's pages are visited once each.
        let mut blocks: Vec<_> = batch.blocks.iter().collect();
        blocks.sort_unstable_by_key(|(key, _)| **key);
        let mut txn = self.index.write()?;
        for (key, change) in blocks {
            self.index.change(&mut txn, key, *change)?;
        }
        for change in &batch.roots {
            self.index.change_root(&mut txn, change)?;
        }
        Ok(txn.commit()?)
    }

    /// Waits until what was written to these segments is on disk.
    pub(super) fn sync(&self, segments: impl Iterator<Item = u32>) -> io::Result<()> {
        let distinct: BTreeSet<u32> = segments.collect();
        for segment in distinct.into_iter().filter_map(|id| self.segments.get(id)) {
            segment.file.sync_data()?;
        }
        Ok(())
    }

    /// Refuses to write into the reserve.
    pub(super) fn check_space(&self) -> Result<(), StoreError> {
        let free = nix::sys::statvfs::statvfs(&self.folder).map_err(|errno| StoreError::Write(errno.into()))?;
        let free_bytes = free.blocks_available() * free.fragment_size();
        if free_bytes < self.options.reserve_bytes { Err(StoreError::Full) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{index::Entry, record::Place};

    fn put(generation: u32) -> BlockChange {
        BlockChange::Put(Entry { place: Place { segment: 1, offset: 0, block_bytes: 5 }, generation })
    }

    #[test]
    fn a_block_that_was_wanted_again_during_its_commit_is_only_touched_by_the_next() {
        let mut same = put(1);
        assert!(!settle(Some(&put(1)), &mut same));
        let mut wanted = put(2);
        assert!(settle(Some(&put(1)), &mut wanted));
        assert_eq!(wanted, BlockChange::Touch(2));
        let mut new = put(1);
        assert!(settle(None, &mut new));
        assert_eq!(new, put(1));
    }
}
