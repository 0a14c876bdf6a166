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

/// Why a read was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ReadError {
    /// No such comment on that page.
    #[error("no comment of that id on this page; GET the topic to see which there are")]
    UnknownComment,
    /// It was deleted by its author.
    #[error("the comment was deleted by its author")]
    Deleted,
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
    ReadChanges,
    Changes
);
attached_messages!(ThreadPage: json, CommentBlob: blob, FolderFiles: blobs);

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
}
