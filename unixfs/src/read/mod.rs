//! Reading files, folders, paths and whole DAGs: state machines that say which block they need and take it
//! when it comes, so the same code reads from a disk, from peers, or from an archive.
//!
//! Asked by whoever has blocks: `ipfs-node` (cat, ls, gateway, pins, garbage collection) and `ipfs-shim`.
//! A reader keeps what it still has to read, and the blocks supplied ahead of their turn.
//!
//! ```
//! # use unixfs::{Block, ByteRange, Cid, FileReader, Profile, ReadError, Reader, Step, leaf};
//! # fn stored(_: &Cid) -> bytes::Bytes { bytes::Bytes::from_static(b"hello") }
//! # let root = leaf(&Profile::V1_2025.into(), stored(&Cid::default())).0.cid;
//! let mut file = FileReader::new(root, ByteRange::ALL);
//! let mut text = Vec::new();
//! loop {
//!     match file.step()? {
//!         Step::Need(cid) => file.supply(&cid, stored(&cid))?,
//!         Step::Give(bytes) => text.extend_from_slice(&bytes),
//!         Step::Done => break,
//!     }
//! }
//! assert_eq!(text, b"hello");
//! # Ok::<(), ReadError>(())
//! ```

/// Makes a [`Reader`] of what has `pieces` and can `open` a block: all else is the same for every one.
macro_rules! reads_pieces {
    ($reader:ty => $out:ty) => {
        impl $crate::Reader for $reader {
            type Out = $out;

            fn step(&mut self) -> Result<$crate::Step<$out>, $crate::ReadError> {
                loop {
                    let step = self.pieces.step();
                    let $crate::Step::Need(cid) = &step else { return Ok(step) };
                    let Some(bytes) = $crate::inline_block(cid) else { return Ok(step) };
                    self.supply(cid, bytes)?;
                }
            }

            fn supply(&mut self, cid: &$crate::Cid, bytes: bytes::Bytes) -> Result<(), $crate::ReadError> {
                let Some(at) = self.pieces.find(cid) else { return Ok(()) };
                let $crate::read::Piece::Wanted(place) = self.pieces.0[at] else { return Ok(()) };
                let pieces = self.open(place, &bytes)?;
                self.pieces.replace(at, pieces);
                Ok(())
            }

            fn wanted(&self, limit: usize) -> Vec<$crate::Cid> {
                self.pieces.wanted(limit)
            }
        }
    };
}

mod dag;
mod file;
mod folder;
mod resolve;

pub use dag::DagReader;
pub use file::{ByteRange, FileReader};
pub use folder::DirReader;
pub use resolve::{Resolved, Resolver, segments};

use crate::ipld::IpldError;
use crate::{Cid, ItemError, LinksError};
use bytes::Bytes;
use thiserror::Error;

/// What a reader does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// It waits for this block: supply it, or give up.
    Need(Cid),
    /// It has read something.
    Give(T),
    /// It has read everything.
    Done,
}

/// A state machine that reads blocks.
pub trait Reader {
    /// What it reads.
    type Out;

    /// Goes on as far as it can with the blocks it has. After `Done`, `Done` again.
    ///
    /// # Errors
    ///
    /// When what was read cannot be gone on with; drop the reader.
    fn step(&mut self) -> Result<Step<Self::Out>, ReadError>;

    /// Takes a block that it needs or wants. The bytes must be that block ([`crate::verify`]) and are not
    /// checked again. A block that is not wanted (any more) is dropped.
    ///
    /// # Errors
    ///
    /// When the block is not what may stand in its place; drop the reader.
    fn supply(&mut self, cid: &Cid, bytes: Bytes) -> Result<(), ReadError>;

    /// Up to `limit` different blocks that will be needed, the first one first, for asking ahead. What is
    /// supplied ahead is kept, so `limit` also bounds the memory.
    fn wanted(&self, limit: usize) -> Vec<Cid>;
}

/// Why reading cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReadError {
    /// A block cannot be read as a file or folder.
    #[error("block {cid} cannot be read")]
    Item {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        #[source]
        cause: Box<ItemError>,
    },
    /// A block's links cannot be read.
    #[error("links of block {cid} cannot be read")]
    Links {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        #[source]
        cause: Box<LinksError>,
    },
    /// A block is not the value that its codec says.
    #[error("value in block {cid} cannot be read")]
    Value {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        #[source]
        cause: Box<IpldError>,
    },
    /// A path ends within a block, at something that is no block of its own.
    #[error("path ends within block {cid}: read that block as a value")]
    Within {
        /// The block.
        cid: Cid,
        /// The way within it.
        path: Box<Vec<Bytes>>,
    },
    /// A file was asked for.
    #[error("{0} is not a file: list it as a folder")]
    NotAFile(Cid),
    /// A folder was asked for.
    #[error("{0} is not a folder: read it as a file")]
    NotAFolder(Cid),
    /// A symbolic link was met; where it leads is the caller's to decide.
    #[error("{cid} is a symbolic link to {target:?}: follow it or show it")]
    Symlink {
        /// The link.
        cid: Cid,
        /// Its target.
        target: Box<Bytes>,
    },
    /// A folder has no such entry.
    #[error("folder {folder} has no entry {name:?}: check the path")]
    NotFound {
        /// The folder, or the shard of it where the entry would be.
        folder: Cid,
        /// The segment of the path.
        name: Box<Bytes>,
    },
    /// Blocks that cannot be made by any importer: too deep, linked twice within one folder, or sizes that lie.
    #[error("block {0} does not fit in the DAG that links it: treat the whole as damaged")]
    Misfit(Cid),
}

impl ReadError {
    fn item(cid: &Cid, cause: ItemError) -> Self {
        Self::Item { cid: *cid, cause: Box::new(cause) }
    }

    fn value(cid: &Cid, cause: IpldError) -> Self {
        Self::Value { cid: *cid, cause: Box::new(cause) }
    }
}

/// Something that waits for its turn to be given, or for its block.
#[derive(Debug, Clone)]
enum Piece<T, W> {
    Ready(T),
    Wanted(W),
}

/// A block to come.
trait Wanted {
    fn cid(&self) -> &Cid;
}

/// The pieces still to be given, in order; the first one is the last of the vector.
#[derive(Debug, Clone)]
struct Pieces<T, W>(Vec<Piece<T, W>>);

impl<T, W: Wanted> Pieces<T, W> {
    fn starting_with(first: W) -> Self {
        Self(vec![Piece::Wanted(first)])
    }

    fn step(&mut self) -> Step<T> {
        match self.0.pop() {
            None => Step::Done,
            Some(Piece::Ready(piece)) => Step::Give(piece),
            Some(Piece::Wanted(wanted)) => {
                let need = Step::Need(*wanted.cid());
                self.0.push(Piece::Wanted(wanted));
                need
            }
        }
    }

    /// Where the first piece that waits for this block stands.
    fn find(&self, cid: &Cid) -> Option<usize> {
        self.0.iter().rposition(|piece| matches!(piece, Piece::Wanted(wanted) if wanted.cid() == cid))
    }

    /// Puts what a block turned out to be, in order, in the place of the block.
    fn replace(&mut self, at: usize, pieces: Vec<Piece<T, W>>) {
        self.0.splice(at..=at, pieces.into_iter().rev());
    }

    fn wanted(&self, limit: usize) -> Vec<Cid> {
        let mut cids = Vec::new();
        let waiting = self.0.iter().rev().filter_map(|piece| match piece {
            Piece::Wanted(wanted) => Some(*wanted.cid()),
            Piece::Ready(_) => None,
        });
        for cid in waiting {
            if cids.len() == limit {
                break;
            }
            if !cids.contains(&cid) {
                cids.push(cid);
            }
        }
        cids
    }
}
