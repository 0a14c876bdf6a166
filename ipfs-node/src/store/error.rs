//! Why the store did not do what it was asked.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a store cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Somebody has it.
    #[error("{path} is held by {holder}; stop it, or configure another data_dir")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process that holds it.
        holder: String,
    },
    /// Written by other software, or by a later version.
    #[error(
        "{path} says {found:?}, this version reads {expected:?}; use the version that wrote it, or another data_dir"
    )]
    Format {
        /// The file that names the format.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What this version reads.
        expected: &'static str,
    },
    /// A part is missing or cut.
    #[error("the block store at {path} is damaged; restore it from a copy, or move it away and publish again")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What was found.
        #[source]
        cause: io::Error,
    },
    /// The index does not open.
    #[error("cannot open the index of the block store at {path}; check the folder's permissions and the disk")]
    Index {
        /// Where.
        path: PathBuf,
        /// What LMDB says.
        #[source]
        cause: heed::Error,
    },
    /// The file system refuses.
    #[error("cannot open the block store at {path}; check the folder's permissions and the disk")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it says.
        #[source]
        cause: io::Error,
    },
}

/// Why a store that is open did not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Under the reserve. Nothing of this session was kept.
    #[error("no space left on the volume of the block store: free some, or run repo/gc, then try again")]
    Full,
    /// A commit failed that other sessions shared. Nothing that was not acknowledged was kept.
    #[error("the block store could not write: {0}; try again")]
    Failed(String),
    /// A disk that loses writes.
    #[error("the block store takes no more writes since the disk failed ({0}); check the disk and restart")]
    Broken(String),
    /// The index does not answer.
    #[error("cannot read the index of the block store")]
    Index(#[from] heed::Error),
    /// A block cannot be read.
    #[error("cannot read a block; check the disk")]
    Read(#[source] io::Error),
    /// A block cannot be written.
    #[error("cannot write a block; check the disk")]
    Write(#[source] io::Error),
}

impl StoreError {
    pub(crate) fn write(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull { Self::Full } else { Self::Write(error) }
    }
}
