//! Why the store cannot do what it was asked.

use std::{io, path::PathBuf};

use proto::posts::PostError;

/// The store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No store there.
    #[error("no comment store in {}; it is created when post-worker starts", dir.display())]
    Absent {
        /// Where.
        dir: PathBuf,
    },
    /// Another process writes.
    #[error("the comment store in {} is written by {holder}; stop it first", dir.display())]
    Locked {
        /// Where.
        dir: PathBuf,
        /// Who.
        holder: String,
    },
    /// Something else is where the store should be.
    #[error("{} is not a comment store: {found}; move it away, or choose another data_dir", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// The store was damaged; nothing was written to it.
    #[error("the comment store is damaged: {} {found}; save what is left with `supervisor store salvage`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// The folders in the store are not those of its comments.
    #[error("the folders in the comment store are damaged: {found}; build it anew with `supervisor store salvage`")]
    Folders {
        /// What is wrong with them.
        found: String,
    },
    /// Written by a newer Rookery.
    #[error("the comment store in {} has format {found}, this program knows up to {known}; use a newer Rookery", dir.display())]
    Newer {
        /// Where.
        dir: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Written by an older Rookery, and we only read.
    #[error("the comment store in {} has the older format {found}; it is brought up to date when post-worker starts", dir.display())]
    Older {
        /// Where.
        dir: PathBuf,
        /// Its version.
        found: u32,
    },
    /// No space.
    #[error("the disk is full, or less than [comment-store] reserve_mib is left on it; free some space")]
    DiskFull,
    /// The reserved address space is used up.
    #[error("the comment store has grown to its map; raise [comment-store] map_gib and restart all boxes")]
    MapFull,
    /// A file operation failed.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// LMDB failed.
    #[error("the database of the comment store failed; run `supervisor store check`")]
    Lmdb(#[source] heed::Error),
}

impl StoreError {
    /// Whether the store itself is broken, so that a restart of the box cannot help.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use heed::MdbError as M;
        match self {
            Self::Foreign { .. } | Self::Damaged { .. } | Self::Folders { .. } | Self::Newer { .. } => true,
            Self::Lmdb(heed::Error::Mdb(e)) => {
                matches!(e, M::Corrupted | M::PageNotFound | M::Invalid | M::VersionMismatch)
            }
            _ => false,
        }
    }

    /// Whether the writer is of no more use and its process should end: LMDB gave up after a failed write of its own
    /// bookkeeping. What was committed is safe.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.is_damage() || matches!(self, Self::Lmdb(heed::Error::Mdb(heed::MdbError::Panic)))
    }
}

impl From<heed::Error> for StoreError {
    fn from(error: heed::Error) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        match error {
            heed::Error::Io(io) if matches!(io.kind(), StorageFull | QuotaExceeded) => Self::DiskFull,
            heed::Error::Mdb(heed::MdbError::MapFull) => Self::MapFull,
            other => Self::Lmdb(other),
        }
    }
}

impl From<&StoreError> for PostError {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::DiskFull => Self::DiskFull,
            other => Self::Store(with_causes(other)),
        }
    }
}

/// An error and what lies behind it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A comment was not kept.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// The one that it edits or deletes was written by somebody else. The batch goes on.
    #[error("{name}: {target} was not written with this key; expected the id of a comment of the same Public-Key")]
    AnotherAuthor {
        /// `Edits` or `Deletes`.
        name: &'static str,
        /// What it names.
        target: proto::AnyId,
    },
    /// The store failed. The batch is lost.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<heed::Error> for InsertError {
    fn from(error: heed::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<&InsertError> for PostError {
    fn from(error: &InsertError) -> Self {
        match error {
            InsertError::AnotherAuthor { name, target } => Self::Refused {
                what: "a comment of another author".to_owned(),
                found: format!("`{name}: {target}`"),
                expected: "the id of a comment that was signed with the same Public-Key".to_owned(),
            },
            InsertError::Store(store) => store.into(),
        }
    }
}
