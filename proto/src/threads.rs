//! `threads`: what `get-worker` is asked about comments.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{AnyId, Cid, CommentId, Epoch, LegacyId, Seq, Topic},
    interface::{attached_messages, interface, plain_messages},
};

/// A page is closed before it grows past this many bytes of JSON, unless its first comment alone is longer.
pub const PAGE_BYTES: usize = 512 * 1024;
/// The most comments that a page can hold.
pub const PAGE_LIMIT: u16 = 1_000;

/// Asks for the folder and one page of a thread, oldest comment first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadThread {
    /// The page.
    pub topic: Topic,
    /// Only comments that arrived after this one.
    pub after: Option<Seq>,
    /// At most so many comments, 1 to [`PAGE_LIMIT`].
    pub limit: u16,
}

/// One page of a thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadPage {
    /// The CID of the topic's folder; none when nobody has commented.
    pub folder: Option<Cid>,
    /// How many comments the thread has, edits and deletions left out.
    pub count: u64,
    /// The newest arrival of this topic, 0 when there is none.
    pub last_seq: Seq,
    /// Where the next page begins (pass it as `after`); none when this is the last.
    pub next: Option<Seq>,
    /// The page as the JSON document that visitors get: rendered where the comments are, and passed on uncopied.
    #[serde(skip)]
    pub json: Bytes,
}

/// Asks for the newest comments of a thread, newest arrival first, as a page that no other follows: what a feed shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadNewest {
    /// The page.
    pub topic: Topic,
    /// At most so many comments, 1 to [`PAGE_LIMIT`].
    pub limit: u16,
}

/// Asks how many comments each of some topics has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CountComments {
    /// At most 1,000.
    pub topics: Vec<Topic>,
}

/// Asks for the CID of a topic's folder; none when nobody has commented.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindFolder {
    /// The page.
    pub topic: Topic,
}

/// Asks for the CID of the folder with all comments of all topics; the empty folder's when there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindRoot {}

/// Asks for the bytes of one comment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadComment {
    /// The page that it is on.
    pub topic: Topic,
    /// Either id.
    pub id: AnyId,
}

/// One comment as it was received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommentBlob {
    /// Its id.
    pub id: CommentId,
    /// Its canonical bytes.
    #[serde(skip)]
    pub blob: Bytes,
}

/// Asks which topics have comments, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListTopics {
    /// Only topics greater than this one.
    pub after: Option<Topic>,
    /// At most so many.
    pub limit: u16,
}

/// Some topics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicList {
    /// In the order of their ids.
    pub topics: Vec<Topic>,
    /// Comments in the whole store, deleted ones left out: what a progress bar counts towards.
    pub stored: u64,
}

/// Asks for the files of a topic's folder (edits and deletions included, deleted comments left out) by arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadFolder {
    /// The page.
    pub topic: Topic,
    /// Only files that arrived after this one.
    pub after: Option<Seq>,
}

/// Some files of a folder, at most [`PAGE_BYTES`] of them unless the first alone is longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FolderFiles {
    /// The name and the length in bytes of each.
    pub files: Vec<(LegacyId, u32)>,
    /// Where to go on; none when this was all.
    pub next: Option<Seq>,
    /// Their bytes, one after the other.
    #[serde(skip)]
    pub blobs: Bytes,
}

/// Asks for a topic's folder as an archive (CAR version 1, depth first, each block once), piece by piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadArchive {
    /// The page.
    pub topic: Topic,
    /// Where to go on; none for the beginning.
    pub from: Option<ArchivePlace>,
}

/// How far an archive has been read, of the folder as it was after one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivePlace {
    /// The life of the store that the commit belongs to.
    pub epoch: Epoch,
    /// The commit.
    pub commit: u64,
    /// How many links of each block, from the root down to the one being read, have been followed.
    pub steps: Vec<u32>,
}

/// A piece of an archive, about [`PAGE_BYTES`] of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchivePiece {
    /// The CID of the folder, the root of the archive.
    pub folder: Cid,
    /// Where the next piece begins; none when this is the last.
    pub next: Option<ArchivePlace>,
    /// The bytes of the archive, ready to be sent: the first piece begins with its header.
    #[serde(skip)]
    pub car: Bytes,
}

/// Asks what has arrived, in the order of arrival: what another server follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadChanges {
    /// Only what arrived after this one.
    pub after: Seq,
    /// At most so many, 1 to [`PAGE_LIMIT`].
    pub limit: u16,
}

/// One arrival. A comment that was deleted meanwhile is left out, so the numbers may have gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its place.
    pub seq: Seq,
    /// Its page.
    pub topic: Topic,
    /// Its id.
    pub id: CommentId,
}

/// Some arrivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// The life of the arrival log that the numbers belong to.
    pub epoch: Epoch,
    /// The newest arrival of the whole store.
    pub last_seq: Seq,
    /// Where to go on: everything up to and including this one has been told.
    pub told_seq: Seq,
    /// In the order of arrival.
    pub changes: Vec<Change>,
}

/// Asks what changed in a thread by what arrived after a place: what keeps a page that was read before up to date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadNews {
    /// The page.
    pub topic: Topic,
    /// Only what arrived after this one.
    pub after: Seq,
    /// At most about so many changes, 1 to [`PAGE_LIMIT`].
    pub limit: u16,
}

/// What an arrival did to a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// There is another comment.
    Comment,
    /// A comment has another text.
    Edit,
    /// A comment was deleted.
    Deletion,
}

/// One change of a thread. An arrival without an effect makes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadChange {
    /// The arrival that made it.
    pub seq: Seq,
    /// What it did.
    pub event: Event,
    /// The comment that is no longer shown, because this one is shown in its place.
    pub replaces: Option<CommentId>,
    /// The length in [`News::comments`] of the comment that it was done to.
    pub comment_bytes: u32,
}

/// Some changes of a thread, in the order of arrival. Whoever applies them after a page has what a page now shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct News {
    /// The life of the arrival log that the numbers belong to.
    pub epoch: Epoch,
    /// The newest arrival of this topic, 0 when there is none.
    pub last_seq: Seq,
    /// How many comments the thread has now.
    pub count: u64,
    /// The CID of the topic's folder now; none when nobody has commented.
    pub folder: Option<Cid>,
    /// Where to go on (pass it as `after`); none when everything up to `last_seq` has been told.
    pub next: Option<Seq>,
    /// The changes.
    pub changes: Vec<ThreadChange>,
    /// The comments that they concern, as they are now and as they stand in the JSON page, one after the other; at most
    /// [`PAGE_BYTES`] unless those of the first arrival alone are longer.
    #[serde(skip)]
    pub comments: Bytes,
}

impl News {
    /// The changes, each with its comment as JSON.
    pub fn iter(&self) -> impl Iterator<Item = (&ThreadChange, Bytes)> {
        let mut rest = self.comments.clone();
        self.changes.iter().map(move |change| {
            let bytes = usize::try_from(change.comment_bytes).unwrap_or(usize::MAX).min(rest.len());
            (change, rest.split_to(bytes))
        })
    }
}

/// Why a read was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    /// No such comment on that page.
    #[error("no comment of that id on this page; GET the topic to see which there are")]
    UnknownComment,
    /// It was deleted by its author.
    #[error("the comment was deleted by its author")]
    Deleted,
    /// An archive cannot be gone on with: a comment of it was deleted meanwhile, or it began too long ago.
    #[error("the folder has changed since this archive began; ask for it again")]
    Moved,
    /// The store failed.
    #[error("cannot read the comment store: {0}; run `supervisor store check`")]
    Store(String),
}

plain_messages!(
    ReadThread,
    ReadNewest,
    CountComments,
    FindFolder,
    FindRoot,
    ReadComment,
    ListTopics,
    TopicList,
    ReadFolder,
    ReadArchive,
    ReadChanges,
    Changes,
    ReadNews
);
attached_messages!(ThreadPage: json, CommentBlob: blob, FolderFiles: blobs, ArchivePiece: car, News: comments);

interface! {
    /// Reading: asked by `http-front` and the operator, answered by `get-worker`.
    Threads = "threads", version 1:
    1 => ReadThread    -> Result<ThreadPage, ReadError>,  retry Safe;
    2 => CountComments -> Result<Vec<u64>, ReadError>,    retry Safe;
    3 => FindFolder    -> Result<Option<Cid>, ReadError>, retry Safe;
    4 => FindRoot      -> Result<Cid, ReadError>,         retry Safe;
    5 => ReadComment   -> Result<CommentBlob, ReadError>, retry Safe;
    6 => ListTopics    -> Result<TopicList, ReadError>,   retry Safe;
    7 => ReadFolder    -> Result<FolderFiles, ReadError>, retry Safe;
    8 => ReadChanges   -> Result<Changes, ReadError>,     retry Safe;
    9 => ReadNewest    -> Result<ThreadPage, ReadError>,  retry Safe;
    10 => ReadNews     -> Result<News, ReadError>,        retry Safe;
    11 => ReadArchive  -> Result<Option<ArchivePiece>, ReadError>, retry Safe;
}
