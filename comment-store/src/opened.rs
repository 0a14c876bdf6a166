//! An open store, as the writer and the readers share it.

use std::{io, path::PathBuf};

use heed::{Env, EnvFlags, EnvOpenOptions, RoTxn, WithoutTls};
use proto::{AnyId, Seq, Topic};

use crate::{Options, StoreError, format::failed, keys, row::Row, tables::Tables};

/// Readers at a time, over all processes. A slot is 64 bytes of the lock file.
const READERS: u32 = 512;
const GIB: usize = 1 << 30;
/// More than any commit writes.
const COMMIT_BYTES: u64 = 64 << 20;

/// An open store.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) env: Env<WithoutTls>,
    pub(crate) tables: Tables,
    pub(crate) options: Options,
    pub(crate) dir: PathBuf,
}

/// Says why a commit failed, where so much was left.
pub(crate) fn explain(cause: heed::Error, free_bytes: u64) -> StoreError {
    match StoreError::from(cause) {
        StoreError::Lmdb(heed::Error::Io(io)) if is_short_write(&io) && free_bytes < COMMIT_BYTES => {
            StoreError::DiskFull
        }
        other => other,
    }
}

/// The disk took the first part of what LMDB wrote and then was full: LMDB calls that an input/output error.
fn is_short_write(cause: &io::Error) -> bool {
    cause.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// How LMDB is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Opens the database. The files have been looked at before ([`crate::format::inspect`]).
pub(crate) fn open_env(
    dir: &std::path::Path,
    options: &Options,
    access: Access,
) -> Result<Env<WithoutTls>, StoreError> {
    let mut open = EnvOpenOptions::new().read_txn_without_tls();
    open.map_size(usize::try_from(options.map_gib).unwrap_or(usize::MAX).saturating_mul(GIB));
    open.max_readers(READERS).max_dbs(crate::tables::NAMES.len() as u32 + 7);
    let read_only = if access == Access::Read { EnvFlags::READ_ONLY } else { EnvFlags::empty() };
    // SAFETY: neither flag gives up a guarantee: no read-ahead (threads are read in small pieces), and read-only.
    unsafe { open.flags(EnvFlags::NO_READ_AHEAD | read_only) };
    // SAFETY: the map is changed by LMDB alone: nothing of ours writes or truncates data.mdb, and a file that was cut or
    // replaced by others before is refused by `inspect`.
    Ok(unsafe { open.open(dir) }?)
}

impl Opened {
    /// What is known about a comment, and its blob.
    pub(crate) fn row<'t>(
        &self,
        txn: &'t RoTxn<'_, WithoutTls>,
        topic: &Topic,
        seq: Seq,
    ) -> Result<(Row, &'t [u8]), StoreError> {
        let bytes = self.tables.comments.get(txn, &keys::row(topic, seq))?;
        bytes.and_then(Row::decode).ok_or_else(|| self.damaged("comments", &format!("{topic} {seq}")))
    }

    /// The places of all comments that have this id: of a legacy id there can be several.
    pub(crate) fn places(
        &self,
        txn: &RoTxn<'_, WithoutTls>,
        topic: &Topic,
        id: &AnyId,
    ) -> Result<Vec<Seq>, StoreError> {
        let key = match id {
            AnyId::Comment(id) => keys::by_id(topic, id),
            AnyId::Legacy(id) => keys::by_legacy_id(topic, id),
        };
        Ok(self.tables.names.get(txn, &key)?.map(|bytes| keys::places(bytes).collect()).unwrap_or_default())
    }

    /// The commit that wrote the current version of a node; none when there is no such node.
    pub(crate) fn head(&self, txn: &RoTxn<'_, WithoutTls>, path: &[u8]) -> Result<Option<u64>, StoreError> {
        let Some(commit) = self.tables.heads.get(txn, &keys::path(path))? else { return Ok(None) };
        commit
            .try_into()
            .map(|commit| Some(u64::from_be_bytes(commit)))
            .map_err(|_| self.damaged("heads", "of its length"))
    }

    /// A version of a node, as a commit wrote it.
    pub(crate) fn version<'t>(
        &self,
        txn: &'t RoTxn<'_, WithoutTls>,
        commit: u64,
        path: &[u8],
    ) -> Result<Option<&'t [u8]>, StoreError> {
        Ok(self.tables.nodes.get(txn, &keys::node(commit, path))?)
    }

    /// What the volume has left.
    pub(crate) fn free_bytes(&self) -> Result<u64, StoreError> {
        let volume = rustix::fs::statvfs(&self.dir);
        let volume = volume.map_err(|cause| failed("look at the volume of", &self.dir, cause.into()))?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }

    /// An error about a row that should be there and sound.
    pub(crate) fn damaged(&self, table: &str, row: &str) -> StoreError {
        let found = format!("has no row {row} in its table {table}");
        StoreError::Damaged { path: self.dir.join(crate::format::DATA), found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_write_on_a_full_disk_is_a_full_disk_and_elsewhere_a_failure() {
        let errno = |errno: rustix::io::Errno| heed::Error::Io(io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!(matches!(explain(errno(rustix::io::Errno::IO), 4096), StoreError::DiskFull));
        assert!(matches!(explain(errno(rustix::io::Errno::NOSPC), u64::MAX), StoreError::DiskFull));
        assert!(matches!(explain(errno(rustix::io::Errno::IO), 1 << 40), StoreError::Lmdb(_)));
    }
}
