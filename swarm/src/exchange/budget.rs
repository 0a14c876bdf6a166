//! The memory for messages that are being read, shared by all connections.
//!
//! Asked by the reading tasks, each time a buffer grows. Messages that grow into the same memory could wait for each
//! other for ever: so one message's worth is kept apart, and one of those that wait may use it to its end.

use std::sync::Arc;

use bitswap::message::MAX_MESSAGE_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all connections may hold of messages.
#[derive(Debug)]
pub(crate) struct Budget {
    growing: Arc<Semaphore>,
    /// One permit: to hold as much as a message can have, whatever else is held.
    last: Arc<Semaphore>,
}

/// What one message holds; dropping it gives it back.
#[derive(Debug, Default)]
pub(super) struct Share {
    grown: Option<OwnedSemaphorePermit>,
    last: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// So many bytes in all; at least five quarters of the longest message.
    pub(super) fn new(bytes: usize) -> Self {
        let growing = bytes.saturating_sub(MAX_MESSAGE_BYTES).max(MAX_MESSAGE_BYTES / 4);
        Self { growing: Arc::new(Semaphore::new(growing)), last: Arc::new(Semaphore::new(1)) }
    }

    /// Adds so many bytes to a share, waiting for them when others have them. The caller gives the wait an end.
    pub(super) async fn grow(&self, share: &mut Share, bytes: usize) {
        if share.last.is_some() {
            return;
        }
        let bytes = u32::try_from(bytes).expect("a message has at most 4 MiB");
        tokio::select! {
            biased;
            more = self.growing.clone().acquire_many_owned(bytes) => share.add(more.expect(OPEN)),
            last = self.last.clone().acquire_owned() => share.last = Some(last.expect(OPEN)),
        }
    }
}

/// Why permits always come.
const OPEN: &str = "the semaphores of the budget are never closed";

impl Share {
    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.grown {
            Some(grown) => grown.merge(more),
            None => self.grown = Some(more),
        }
    }
}
