//! What the publisher keeps on disk: the cursor and the ledger of roots, in a folder of its own.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use proto::Cid;
use tokio::task::spawn_blocking;

use super::{cursor::CursorFile, ledger::Ledger, plan::Cursor};

/// The two files. Writes wait for the disk on a thread of their own.
#[derive(Debug)]
pub(super) struct Records {
    cursor: Arc<CursorFile>,
    ledger: Arc<Mutex<Ledger>>,
    keep: Duration,
}

impl Records {
    /// Opens, or begins anew in an empty folder, which is made. Roots of the past are kept for `keep`.
    pub(super) fn open(folder: &Path, keep: Duration) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let cursor = Arc::new(CursorFile::within(folder));
        let ledger = Arc::new(Mutex::new(Ledger::within(folder, now_s())));
        Ok(Self { cursor, ledger, keep })
    }

    pub(super) fn load_cursor(&self) -> Option<Cursor> {
        self.cursor.load()
    }

    pub(super) async fn save_cursor(&self, cursor: Cursor) -> io::Result<()> {
        let file = self.cursor.clone();
        spawn_blocking(move || file.save(&cursor)).await?
    }

    /// To be called before a root is pinned, or its pin could be forgotten.
    pub(super) async fn enter(&self, root: Cid) -> io::Result<()> {
        let ledger = self.ledger.clone();
        spawn_blocking(move || lock(&ledger).enter(root, now_s())).await?
    }

    /// A root of the past whose time is over.
    pub(super) fn expired(&self) -> Option<Cid> {
        lock(&self.ledger).expired(now_s(), self.keep)
    }

    /// Whether the expired root must stay pinned all the same.
    pub(super) fn came_back(&self, root: &Cid) -> bool {
        lock(&self.ledger).came_back(root)
    }

    /// Notes that the expired root was given up.
    pub(super) fn strike_oldest(&self) {
        lock(&self.ledger).strike_oldest();
    }
}

fn lock(ledger: &Mutex<Ledger>) -> std::sync::MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clock on the wall: roots are kept across restarts.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
