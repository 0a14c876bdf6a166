//! `comment-store`: comments on disk, for one writer process and many reader processes.
//!
//! A library of layer 2. `post-worker` opens a [`Writer`]; `get-worker`, `ipfs-shim` and `sync-agent` open a [`Reader`];
//! nobody else opens it. It knows bytes and ids, not IPFS: CIDs and folder nodes are bytes that the writer was given.
//!
//! What is decided here, once:
//!
//! * **Everything is per topic.** The same bytes posted to two pages are two comments.
//! * **Convergence.** What a topic shows, what its folder holds and its XOR are a pure function of the set of blobs that
//!   ever came in, whatever their order: [`model`] is that function written down, [`Batch::insert`] is the same result
//!   kept up to date one comment at a time, and `store check` compares the two.
//! * **A comment is never lost and never doubled.** [`Batch::commit`] returns after one fsync for all that is in it.
//! * **Damage is found, not spread.** What LMDB does not check (a cut file, a foreign file, a flipped bit) is checked
//!   here, before it opens the file and when a blob is read. A store that looks wrong is never written to.
//!
//! The files of a store: `FORMAT` (name and version, as text), `data.mdb` and `lock.mdb` (LMDB; readers write into the
//! latter too, so they need write access to it), `LOCK` (held by the writer, names its process).

mod batch;
mod check;
mod converge;
mod error;
mod folders;
mod format;
mod incoming;
mod keys;
mod lock;
mod migrate;
pub mod model;
mod news;
mod nodes;
mod opened;
mod options;
mod pages;
mod past;
mod reader;
mod row;
mod salvage;
mod snapshot;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

pub use batch::{Batch, Committed};
pub use check::{Report, check};
pub use error::{InsertError, StoreError};
pub use folders::{File, FolderChanges};
pub use incoming::{Group, Incoming, Kind};
pub use news::{Event, News, NewsPage};
pub use nodes::{Change, Changes, NodeChange};
pub use options::Options;
pub use past::Past;
pub use reader::Reader;
pub use salvage::Salvage;
pub use snapshot::{Arrival, Edit, FilesPage, Found, Page, Shown, Snapshot, StoredFile, StoredNode};
pub use tables::Summary;
pub use writer::Writer;
