//! How much of files this box holds at a time, all connections together: so many chunks, and a connection that has none
//! reads nothing, so that its client waits.
//!
//! Asked by uploads and downloads before they take bytes in.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for chunks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Memory {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

/// Room for one chunk; given back when dropped.
#[derive(Debug)]
pub struct Space {
    _one: OwnedSemaphorePermit,
}

impl Memory {
    /// Room for as many chunks as fit in so many bytes; for one at least.
    #[must_use]
    pub fn new(bytes: usize, chunk_bytes: usize) -> Self {
        let chunks = (bytes / chunk_bytes).max(1);
        Self { free: Arc::new(Semaphore::new(chunks)), waiting: Arc::default() }
    }

    /// Room for a chunk, if there is some and nobody waits for it.
    #[must_use]
    pub fn try_take(&self) -> Option<Space> {
        Arc::clone(&self.free).try_acquire_owned().ok().map(|one| Space { _one: one })
    }

    /// Room for a chunk. First come, first served.
    ///
    /// # Panics
    ///
    /// Never: the room is not closed.
    pub async fn take(&self) -> Space {
        let _waiting = Waiting::enter(&self.waiting);
        let one = Arc::clone(&self.free).acquire_owned().await.expect("nobody closes the memory");
        Space { _one: one }
    }

    #[cfg(test)]
    pub(crate) fn free_chunks(&self) -> usize {
        self.free.available_permits()
    }

    /// Whether somebody waits for room: then whoever does not need his should give it back.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_short_while_somebody_waits_and_only_then() {
        let memory = Memory::new(2, 1);
        let spaces = [memory.try_take().unwrap(), memory.try_take().unwrap()];
        assert!(memory.try_take().is_none() && !memory.is_short());
        let other = memory.clone();
        let waits = tokio::spawn(async move { other.take().await });
        while !memory.is_short() {
            tokio::task::yield_now().await;
        }
        drop(spaces);
        drop(waits.await.unwrap());
        assert!(!memory.is_short() && memory.try_take().is_some());
    }

    #[test]
    fn there_is_room_for_one_chunk_at_least() {
        assert!(Memory::new(1, 1 << 20).try_take().is_some());
    }
}
