//! Tells the swarm which blocks have come, so that peers who wait for one are served.
//!
//! Told by the store's writers, on any thread; the swarm is told by a task of its own, many at a time.

use std::sync::{Mutex, PoisonError};

use swarm::Swarm;
use tokio::sync::Notify;
use unixfs::Cid;

/// Blocks that wait to be told. Beyond that they are not: who waits for one asks again in its time.
const WAITING: usize = 1 << 16;

/// What has come and was not told yet.
#[derive(Debug, Default)]
pub(super) struct News {
    waiting: Mutex<Vec<Cid>>,
    rung: Notify,
}

impl News {
    /// A block has come.
    pub(super) fn came(&self, cid: &Cid) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING {
            waiting.push(*cid);
        }
        let is_first = waiting.len() == 1;
        drop(waiting);
        if is_first {
            self.rung.notify_one();
        }
    }

    fn take(&self) -> Vec<Cid> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the swarm, until it is dropped.
    pub(super) async fn tell(&self, swarm: &Swarm) {
        loop {
            self.rung.notified().await;
            let came = self.take();
            if !came.is_empty() {
                // A swarm that has stopped serves nobody.
                let _ = swarm.has(&came).await;
            }
        }
    }
}
