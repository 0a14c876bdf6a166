//! Garbage collection: marks what the roots keep, deletes the rest from the index, gives the space back.
//!
//! Asked by `repo/gc` and, when the store has grown past its limit, by the node itself. Reads and writes go on.
//! Three things keep a block that somebody still wants: the generation of the oldest open session, a
//! [`Protection`] taken before a walk that ends in a new root, and the set of keys being deleted at this moment.

use std::{
    collections::HashMap,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use unixfs::Cid;

use super::{
    Key, PinKind, Shared, Store, StoreError,
    index::Entry,
    mark::{MarkError, Marks, Missing},
};

/// Entries of the index that are looked at in one step.
const STEP: usize = 2048;
/// How long a walk waits for a collection to take note of it: one step and the marking of one root.
const NOTE_WAIT: Duration = Duration::from_secs(60);

/// What a collection did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Blocks deleted.
    pub blocks: u64,
    /// Bytes of disk given back.
    pub freed_bytes: u64,
}

/// Why a collection stopped early. What it deleted until then was garbage.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// One at a time.
    #[error("a garbage collection is running already; wait for it to end")]
    Running,
    /// Something pinned is not here, so what hangs below it is not known.
    #[error("garbage collection aborted: could not retrieve some links: {0}")]
    Links(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<MarkError> for CollectError {
    fn from(error: MarkError) -> Self {
        match error {
            MarkError::Store(error) => Self::Store(error),
            other => Self::Links(other.to_string()),
        }
    }
}

/// What collections and the rest of the store share.
#[derive(Debug, Default)]
pub(super) struct Collection {
    /// Read while a record is on its way to its segment.
    writes: RwLock<()>,
    notes: Mutex<Notes>,
    noted: Condvar,
    next_id: AtomicU64,
}

/// Where the collection is that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// None runs.
    #[default]
    Idle,
    /// Nothing is deleted yet.
    Marking,
    Sweeping,
}

#[derive(Debug, Default)]
struct Notes {
    phase: Phase,
    /// Roots of walks that are going on.
    protected: HashMap<u64, Cid>,
    /// Those that the running collection has not marked yet. A walk may be over by then, and its root a pin.
    unmarked: Vec<(u64, Cid)>,
}

impl Collection {
    pub(super) fn writing(&self) -> RwLockReadGuard<'_, ()> {
        self.writes.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every record that was on its way has arrived.
    pub(super) fn await_writes(&self) {
        drop(self.pause_writes());
    }

    /// The same, and none is on its way until this is dropped.
    pub(super) fn pause_writes(&self) -> RwLockWriteGuard<'_, ()> {
        self.writes.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, no collection deletes what hangs below its root.
#[derive(Debug)]
pub struct Protection {
    store: Store,
    id: u64,
}

impl Drop for Protection {
    fn drop(&mut self) {
        self.store.shared.collection.notes().protected.remove(&self.id);
    }
}

impl Store {
    /// Keeps what hangs below `root` and is here now, until the protection is dropped: taken before a walk that ends
    /// in a pin or a folder.
    ///
    /// # Errors
    ///
    /// `Failed` when a collection that is running does not take note in time.
    pub fn protect(&self, root: Cid) -> Result<Protection, StoreError> {
        let collection = &self.shared.collection;
        let id = collection.next_id.fetch_add(1, Ordering::Relaxed);
        let protection = Protection { store: self.clone(), id };
        let mut notes = collection.notes();
        notes.protected.insert(id, root);
        if notes.phase == Phase::Idle {
            return Ok(protection);
        }
        notes.unmarked.push((id, root));
        // While marks are made nothing is deleted, and all of `unmarked` is marked before that begins.
        let pending = |notes: &mut Notes| notes.phase == Phase::Sweeping && notes.unmarked.contains(&(id, root));
        let waited = collection.noted.wait_timeout_while(notes, NOTE_WAIT, pending);
        let (notes, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(notes);
        if timeout.timed_out() {
            return Err(StoreError::Failed("the running garbage collection did not take note of a new root".into()));
        }
        Ok(protection)
    }

    /// Deletes every block that no root keeps, telling each key, and gives the space back.
    ///
    /// # Errors
    ///
    /// `Running` when one is; `Links` when something pinned is incomplete, and nothing was deleted then.
    pub fn collect(&self, mut tell: impl FnMut(&Key)) -> Result<Collected, CollectError> {
        let turn = Turn::take(&self.shared)?;
        let keep_from = self.shared.next_generation()?;
        // What was put and never committed is garbage too, but is found only in the index.
        self.session().commit([])?;
        let scratch = self.shared.folder.join("gc");
        let marks = Marks::new(&scratch)?;
        turn.mark_roots(self, &marks)?;
        turn.begin_to_sweep(&marks)?;
        let before = self.size()?;
        let mut collected = Collected::default();
        let mut last = None;
        loop {
            turn.mark_protected(&marks)?;
            let step = self.shared.index.entries_after(last.as_ref(), STEP).map_err(StoreError::from)?;
            let Some((end, _)) = step.last() else { break };
            last = Some(*end);
            let old = step.iter().filter(|(_, entry)| entry.generation < keep_from);
            let garbage = marks.unmarked(old.map(|(key, _)| key))?;
            let entries: HashMap<Key, Entry> = step.into_iter().collect();
            let doomed = garbage.into_iter().map(|key| (key, entries[&key])).collect();
            for key in self.shared.delete(doomed)? {
                collected.blocks += 1;
                tell(&key);
            }
        }
        self.shared.compact(&mut || turn.mark_protected(&marks).map_err(CollectError::from))?;
        marks.discard(&scratch);
        collected.freed_bytes = before.disk_bytes.saturating_sub(self.size()?.disk_bytes);
        Ok(collected)
    }

    /// Deletes these blocks, whatever keeps them; gives those that were here.
    ///
    /// # Errors
    ///
    /// When the index cannot be read or written.
    pub fn delete(&self, keys: &[Key]) -> Result<Vec<Key>, StoreError> {
        // What waits for a commit has to be in the index before it can be deleted from there.
        self.session().commit([])?;
        let txn = self.shared.index.read()?;
        let mut doomed = Vec::new();
        for key in keys {
            doomed.extend(self.shared.index.find(&txn, key)?.map(|entry| (*key, entry)));
        }
        drop(txn);
        self.shared.delete(doomed)
    }
}

/// The one collection that runs; ends with it, however it ends.
struct Turn<'a> {
    shared: &'a Shared,
}

impl<'a> Turn<'a> {
    fn take(shared: &'a Shared) -> Result<Self, CollectError> {
        let mut notes = shared.collection.notes();
        if notes.phase != Phase::Idle {
            return Err(CollectError::Running);
        }
        notes.phase = Phase::Marking;
        notes.unmarked = notes.protected.iter().map(|(id, root)| (*id, *root)).collect();
        Ok(Self { shared })
    }

    fn mark_roots(&self, store: &Store, marks: &Marks) -> Result<(), CollectError> {
        if let Some(root) = store.mfs_root()? {
            marks.mark(self.shared, root, Missing::Skip)?;
        }
        for pin in store.pins() {
            let pin = pin?;
            match pin.kind {
                PinKind::Recursive => marks.mark(self.shared, pin.cid, Missing::Refuse)?,
                PinKind::Direct => marks.mark_alone(&pin.cid)?,
            }
        }
        Ok(())
    }

    /// From here on a walk that begins waits until its root is marked.
    fn begin_to_sweep(&self, marks: &Marks) -> Result<(), MarkError> {
        loop {
            self.mark_protected(marks)?;
            let mut notes = self.shared.collection.notes();
            if notes.unmarked.is_empty() {
                notes.phase = Phase::Sweeping;
                return Ok(());
            }
        }
    }

    /// Marks the roots of walks that began since, and lets them go on.
    fn mark_protected(&self, marks: &Marks) -> Result<(), MarkError> {
        let unmarked = self.shared.collection.notes().unmarked.clone();
        for (_, root) in &unmarked {
            marks.mark(self.shared, *root, Missing::Skip)?;
        }
        self.shared.collection.notes().unmarked.retain(|root| !unmarked.contains(root));
        self.shared.collection.noted.notify_all();
        Ok(())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut notes = self.shared.collection.notes();
        notes.phase = Phase::Idle;
        notes.unmarked.clear();
        drop(notes);
        self.shared.collection.noted.notify_all();
    }
}

impl Shared {
    /// Begins a generation; gives the oldest one whose blocks an open session may rely on.
    fn next_generation(&self) -> Result<u32, StoreError> {
        let generation = self.state.lock().generation + 1;
        let mut txn = self.index.write()?;
        self.index.put_generation(&mut txn, generation)?;
        txn.commit()?;
        let mut state = self.state.lock();
        state.generation = generation;
        Ok(state.oldest_generation())
    }

    /// Deletes entries that nobody wants at this moment and that did not change since they were seen.
    fn delete(&self, seen: Vec<(Key, Entry)>) -> Result<Vec<Key>, StoreError> {
        if seen.is_empty() {
            return Ok(Vec::new());
        }
        let mut state = self.state.lock();
        let doomed: Vec<_> = seen.into_iter().filter(|(key, _)| !state.waiting.contains_key(key)).collect();
        state.doomed.extend(doomed.iter().map(|(key, _)| *key));
        drop(state);
        let deleted = self.delete_doomed(&doomed);
        let mut state = self.state.lock();
        doomed.iter().for_each(|(key, _)| _ = state.doomed.remove(key));
        deleted
    }

    fn delete_doomed(&self, doomed: &[(Key, Entry)]) -> Result<Vec<Key>, StoreError> {
        let mut txn = self.index.write()?;
        let mut deleted = Vec::new();
        for (key, entry) in doomed {
            if self.index.forget(&mut txn, key, entry)? {
                deleted.push(*key);
            }
        }
        txn.commit()?;
        Ok(deleted)
    }
}
