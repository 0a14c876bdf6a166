//! The path gateway: files, folders and values of IPFS as the web knows them, under `/ipfs/<cid>` and `/ipns/<name>`, and
//! under names of their own (`<cid>.ipfs.<gateway>`, or any domain with a DNSLink).
//!
//! Asked by `ipfs-node` for each request, on a thread that may wait; asks a [`Source`] for blocks and names. Sans I/O like
//! all of this crate. Long answers are told as a [`Reply`] whose body the caller reads block by block.

mod codec;
mod content_type;
mod file;
mod folder;
mod hosts;
mod listing;
mod names;
mod preview;
mod record;
mod redirects;
mod resolve;
mod rules;
mod step;
mod tar;
mod trouble;
mod visit;

use bytes::Bytes;
use http::{Response, request::Parts};
use unixfs::{Cid, DirReader, FileReader};

use crate::Walk;

pub use hosts::Hosts;
pub use listing::Listing;
pub use names::peer_cid;
pub use redirects::RulesError;

use visit::Visit;

/// Where a block may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// From here alone.
    Here,
    /// From wherever it can be had.
    Everywhere,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// `/ipfs/<cid>`, or a path below.
    pub path: String,
    /// How long that may be believed, where known.
    pub ttl_s: Option<u64>,
}

/// A signed record of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// As it was signed.
    pub bytes: Bytes,
    /// How long it may be believed: its own wish, and not beyond its end.
    pub ttl_s: Option<u64>,
}

/// Where blocks and names come from.
pub trait Source {
    /// What can go wrong with it.
    type Fault;

    /// A block, checked; none when it cannot be had.
    ///
    /// # Errors
    ///
    /// When it is not known whether it can be had.
    fn block(&self, cid: &Cid, look: Look) -> Result<Option<Bytes>, Self::Fault>;

    /// What a name leads to: the CID of a key, or a domain with a DNSLink.
    ///
    /// # Errors
    ///
    /// When it is not known where it leads.
    fn name(&self, name: &str, look: Look) -> Result<Option<Named>, Self::Fault>;

    /// The newest record of the name of a key.
    ///
    /// # Errors
    ///
    /// When it is not known whether there is one.
    fn record(&self, key: &Cid, look: Look) -> Result<Option<Record>, Self::Fault>;
}

/// An answer. To a `HEAD`, only its head is sent.
#[derive(Debug)]
pub enum Reply {
    /// All of it.
    Whole(Response<Bytes>),
    /// An archive, whose blocks are still to be walked.
    Archive(Response<()>, Box<Walk>),
    /// A file, or a part of it, whose bytes are still to be read.
    File(Response<()>, Box<FileReader>),
    /// The list of a folder, whose entries are still to be read.
    Folder(Response<()>, Box<Listing>, Box<DirReader>),
    /// A tar archive of the file or folder that begins at this block, under this name.
    Tar(Response<()>, Cid),
}

/// Answers a `GET` or `HEAD`; other methods are the caller's to refuse.
///
/// # Errors
///
/// When the source failed.
pub fn answer<S: Source>(hosts: &Hosts, source: &S, head: &Parts) -> Result<Reply, S::Fault> {
    Visit::answer(hosts, source, head)
}
