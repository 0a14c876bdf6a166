//! The marks of a collection: every block that a root keeps, on disk, so that memory does not grow with the store.
//!
//! Asked by the collection. Keeps a scratch LMDB file that is made anew each time and never synced.

use std::{fs, path::Path};

use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RwTxn, WithoutTls, types::Bytes};
use unixfs::{CODEC_RAW, Cid};

use super::{Shared, StoreError, record::Key};

const MAP_BYTES: usize = 64 << 30;
/// Marks per transaction of the scratch file.
const BATCH: usize = 8 << 10;
/// Marked, but what is below it was not visited: the CID that led there was raw.
const ALONE: &[u8] = &[0];
/// Marked, and all below it.
const WHOLE: &[u8] = &[1];

/// The set of marked blocks.
#[derive(Debug)]
pub(super) struct Marks {
    env: Env<WithoutTls>,
    table: Database<'static, Bytes, Bytes>,
}

/// What to do about a block that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Say so: without it nobody knows what else is to be kept.
    Refuse,
    /// Go on: nobody promised that it is here.
    Skip,
}

/// Why marking stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum MarkError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0} is pinned but was not found locally, so what is below it is not known")]
    Missing(Cid),
    #[error("{0} is pinned but its links cannot be read: {1}")]
    Links(Cid, unixfs::LinksError),
}

impl From<heed::Error> for MarkError {
    fn from(error: heed::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Marks {
    /// An empty set in `folder`, which is emptied first.
    pub(super) fn new(folder: &Path) -> Result<Self, StoreError> {
        // What an earlier collection left behind.
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(StoreError::write)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES).max_dbs(1);
        // SAFETY: the flags only give up durability, and nobody reads this file after a crash; the repository's lock
        // is held and each collection has this folder for itself, so nobody else opens it.
        let env = unsafe {
            options.flags(EnvFlags::WRITE_MAP | EnvFlags::NO_SYNC | EnvFlags::NO_LOCK | EnvFlags::NO_MEM_INIT);
            options.open(folder)?
        };
        let txn = env.write_txn()?;
        let made = env.create_databases_and_commit(txn, |opener, txn| -> Result<_, heed::Error> {
            Ok(CommitOrAbort::<_, ()>::Commit((opener.create_database::<Bytes, Bytes>(txn, Some("marks"))?,)))
        })?;
        let (table,) = made.commit().expect("the closure above always commits");
        Ok(Self { env, table })
    }

    /// Removes the scratch file.
    pub(super) fn discard(self, folder: &Path) {
        drop(self);
        // What stays is emptied by the next collection.
        let _ = fs::remove_dir_all(folder);
    }

    /// Which of these keys are not marked.
    pub(super) fn unmarked<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Result<Vec<Key>, StoreError> {
        let txn = self.env.read_txn()?;
        let mut unmarked = Vec::new();
        for key in keys {
            if self.table.get(&txn, key.as_bytes())?.is_none() {
                unmarked.push(*key);
            }
        }
        Ok(unmarked)
    }

    /// Marks one block and nothing below it.
    pub(super) fn mark_alone(&self, cid: &Cid) -> Result<(), StoreError> {
        let mut txn = self.env.write_txn()?;
        let key = Key::of(cid);
        if self.table.get(&txn, key.as_bytes())?.is_none() {
            self.table.put(&mut txn, key.as_bytes(), ALONE)?;
        }
        Ok(txn.commit()?)
    }

    /// Marks a block and everything below it.
    pub(super) fn mark(&self, shared: &Shared, root: Cid, missing: Missing) -> Result<(), MarkError> {
        let mut txn = self.env.write_txn()?;
        let mut in_txn = 0;
        let mut open = vec![root];
        while let Some(cid) = open.pop() {
            if !self.mark_one(&mut txn, &cid)? {
                continue;
            }
            if cid.codec() != CODEC_RAW {
                below(shared, &cid, missing, &mut open)?;
            } else if missing == Missing::Refuse && shared.find(&Key::of(&cid))?.is_none() {
                return Err(MarkError::Missing(cid));
            }
            in_txn += 1;
            if in_txn == BATCH {
                txn.commit()?;
                (txn, in_txn) = (self.env.write_txn()?, 0);
            }
        }
        Ok(txn.commit()?)
    }

    /// Whether the block has to be visited.
    fn mark_one(&self, txn: &mut RwTxn<'_>, cid: &Cid) -> Result<bool, heed::Error> {
        if unixfs::inline_block(cid).is_some() && cid.codec() == CODEC_RAW {
            return Ok(false);
        }
        let (key, want) = (Key::of(cid), if cid.codec() == CODEC_RAW { ALONE } else { WHOLE });
        let has = self.table.get(txn, key.as_bytes())?;
        if has.is_some_and(|has| has >= want) {
            return Ok(false);
        }
        self.table.put(txn, key.as_bytes(), want)?;
        Ok(true)
    }
}

fn below(shared: &Shared, cid: &Cid, missing: Missing, open: &mut Vec<Cid>) -> Result<(), MarkError> {
    let bytes = match unixfs::inline_block(cid) {
        Some(bytes) => Some(bytes),
        None => shared.read(&Key::of(cid), usize::MAX)?,
    };
    let Some(bytes) = bytes else {
        return if missing == Missing::Skip { Ok(()) } else { Err(MarkError::Missing(*cid)) };
    };
    match unixfs::links(cid, &bytes) {
        Ok(links) => open.extend(links.into_iter().rev()),
        // A codec that nobody here reads has no links that anybody here could follow.
        Err(unixfs::LinksError::Codec(_)) => {}
        Err(error) if missing == Missing::Refuse => return Err(MarkError::Links(*cid, error)),
        Err(_) => {}
    }
    Ok(())
}
