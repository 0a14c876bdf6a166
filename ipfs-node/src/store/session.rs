//! A session: what one request writes, acknowledged at once with the roots that need it.
//!
//! Asked by whoever imports, puts or pins. While it is open no collection takes what it put or found there.

use std::sync::{Arc, PoisonError};

use unixfs::{Block, Cid, Sink};

use super::{
    Key, RootChange, Shared, StoreError,
    index::{BlockChange, Entry},
};

/// Whether a block was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// It was written.
    Written,
    /// It was there.
    Known,
}

/// Writes blocks. Any number of threads may share one.
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
    generation: u32,
    failures: u64,
}

impl Session {
    pub(super) fn begin(shared: Arc<Shared>) -> Self {
        let mut state = shared.state.lock();
        let (generation, failures) = (state.begin_session(), state.failures);
        drop(state);
        Self { shared, generation, failures }
    }

    /// Puts a block whose bytes are what its CID says. It can be read at once; it is durable after [`Self::commit`].
    ///
    /// Waits while too much is waiting for the disk.
    ///
    /// # Errors
    ///
    /// `Full` when the volume is; `Broken` or `Failed` when the disk is; `Index` when the index does not answer.
    pub fn put(&self, block: &Block) -> Result<PutOutcome, StoreError> {
        if unixfs::inline_block(&block.cid).is_some() {
            return Ok(PutOutcome::Known);
        }
        let key = Key::of(&block.cid);
        if self.want(&key)? {
            return Ok(PutOutcome::Known);
        }
        self.shared.check_space()?;
        // Held until the block is in the state: a segment is not deleted while a write to it is on its way.
        let writing = self.shared.collection.writing();
        let place = self.shared.segments.append(&key, &block.bytes).map_err(StoreError::write)?;
        let mut state = self.shared.state.lock();
        // Another session may have been quicker: the second copy is lost space until the segment is compacted.
        if !matches!(state.waiting.get(&key), Some(BlockChange::Put(_))) {
            let entry = Entry { place, generation: self.generation };
            state.waiting.insert(key, BlockChange::Put(entry));
        }
        state.waiting_bytes += place.record_bytes(&key);
        drop(writing);
        if state.waiting_bytes > self.shared.options.early_bytes {
            self.shared.state.work.notify_one();
        }
        drop(state);
        if let Some(news) = self.shared.news.get() {
            (news.0)(&block.cid);
        }
        Ok(PutOutcome::Written)
    }

    /// Keeps a block that is here from the collections that this session outlives; false when it is not here.
    ///
    /// # Errors
    ///
    /// `Broken` when the disk is; `Index` when the index does not answer.
    pub fn keep(&self, cid: &Cid) -> Result<bool, StoreError> {
        if unixfs::inline_block(cid).is_some() {
            return Ok(true);
        }
        self.want(&Key::of(cid))
    }

    /// Whether the block is there already; if so, it is kept from the collections that this session outlives.
    fn want(&self, key: &Key) -> Result<bool, StoreError> {
        let limits = &self.shared.options;
        let too_much = |state: &mut super::state::Inner| {
            state.broken.is_none()
                && (state.waiting_bytes > limits.waiting_bytes || state.waiting.len() > limits.waiting_blocks)
        };
        let mut state = self.shared.state.lock();
        if too_much(&mut state) {
            self.shared.state.work.notify_one();
            let waited = self.shared.state.committed.wait_while(state, too_much);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(broken) = &state.broken {
            return Err(StoreError::Broken(broken.clone()));
        }
        match state.waiting.get_mut(key) {
            Some(BlockChange::Put(entry)) => {
                entry.generation = entry.generation.max(self.generation);
                return Ok(true);
            }
            Some(BlockChange::Touch(generation)) => {
                *generation = self.generation.max(*generation);
                return Ok(true);
            }
            None => {}
        }
        if state.doomed.contains(key) {
            return Ok(false);
        }
        let index = &self.shared.index;
        let Some(entry) = index.find(&*index.read()?, key)? else { return Ok(false) };
        if entry.generation < self.generation {
            state.waiting.insert(*key, BlockChange::Touch(self.generation));
        }
        Ok(true)
    }

    /// Makes all that was put durable, and changes the roots in the same moment. Returns when it is on disk.
    ///
    /// # Errors
    ///
    /// When nothing of it, or not all of it, is durable: the caller must not acknowledge anything.
    pub fn commit(&self, roots: impl IntoIterator<Item = RootChange>) -> Result<(), StoreError> {
        let mut pinned = Vec::new();
        let roots = roots.into_iter().inspect(|change| {
            if let RootChange::Pin(pin) = change {
                pinned.push(pin.cid);
            }
        });
        self.shared.state.commit(roots, self.failures)?;
        if let Some(told) = self.shared.pinned.get() {
            pinned.iter().for_each(|cid| (told.0)(cid));
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.state.lock().end_session(self.generation);
    }
}

impl Sink for &Session {
    type Error = StoreError;

    fn put(&mut self, block: Block) -> Result<(), StoreError> {
        Session::put(self, &block).map(|_| ())
    }
}
