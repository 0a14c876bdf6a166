//! Collection by itself: when more is stored than the configuration allows.
//!
//! Asked by the accept loop, now and then.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Node;
use crate::store::CollectError;

/// The size is looked at so often.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// When the next collection is due.
#[derive(Debug)]
pub(crate) struct Upkeep {
    next_look: Instant,
    /// What the last collection left: another one makes sense only when more has come.
    left_bytes: u64,
}

impl Upkeep {
    pub(crate) fn new() -> Self {
        Self { next_look: Instant::now() + LOOK_EVERY, left_bytes: 0 }
    }

    /// Starts a collection on a thread of its own if one is due.
    pub(crate) fn look(&mut self, node: &Arc<Node>) {
        let max_bytes = node.limits.storage_max_bytes;
        if Instant::now() < self.next_look || max_bytes == 0 {
            return;
        }
        self.next_look = Instant::now() + LOOK_EVERY;
        let Ok(size) = node.store.size() else { return };
        if !is_due(size.disk_bytes, self.left_bytes, max_bytes) {
            return;
        }
        self.left_bytes = size.disk_bytes;
        let node = Arc::clone(node);
        tokio::task::spawn_blocking(move || collect(&node));
    }
}

/// Over the limit, and by a sixteenth of it more than the last collection found.
fn is_due(disk_bytes: u64, left_bytes: u64, max_bytes: u64) -> bool {
    disk_bytes > max_bytes && disk_bytes.saturating_sub(left_bytes) > max_bytes / 16
}

fn collect(node: &Node) {
    match node.store.collect(|_| {}) {
        Ok(collected) => {
            tracing::info!(
                blocks = collected.blocks,
                freed_bytes = collected.freed_bytes,
                "storage_max_gib was passed, garbage was collected"
            );
        }
        Err(CollectError::Running) => {}
        Err(error) => tracing::warn!(%error, "storage_max_gib was passed, but garbage could not be collected"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_due_when_the_limit_is_passed_by_something_new() {
        assert!(!is_due(100, 0, 100));
        assert!(is_due(110, 0, 100));
        assert!(!is_due(112, 110, 100));
        assert!(is_due(117, 110, 100));
    }
}
