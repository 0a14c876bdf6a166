//! `posts`: what `post-worker` is asked to keep.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{CommentId, Epoch, LegacyId, Seq, Topic},
    interface::{attached_messages, interface, plain_messages},
};

/// Who brings a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A visitor, who is told at once when an edit or a deletion names somebody else's comment.
    Visitor,
    /// Another server or an import: such a comment is kept without effect, so that the sets converge.
    Server,
}

/// Asks to keep a comment for ever. Safe to repeat: the store knows its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostComment {
    /// The page.
    pub topic: Topic,
    /// Who brings it.
    pub origin: Origin,
    /// The canonical bytes.
    #[serde(skip)]
    pub blob: Bytes,
}

/// Asks to keep many comments of one page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostComments {
    /// The page.
    pub topic: Topic,
    /// Who brings them.
    pub origin: Origin,
    /// The length of each in bytes; at most 1,024 of them, 1 MiB in all.
    pub lengths: Vec<u32>,
    /// The canonical bytes, one comment after the other.
    #[serde(skip)]
    pub blobs: Bytes,
}

/// Whether a comment was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// It is on disk now.
    New,
    /// It was on disk before.
    Known,
}

/// The comment is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id.
    pub id: CommentId,
    /// Its id in the comntr network.
    pub legacy_id: LegacyId,
    /// Its place in the order of arrival.
    pub seq: Seq,
    /// The life of the arrival log that `seq` belongs to.
    pub epoch: Epoch,
    /// New, or posted twice.
    pub kept: Kept,
}

/// A receipt or a refusal for each of the comments of [`PostComments`], in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipts {
    /// As many as were sent.
    pub each: Vec<Result<Receipt, PostError>>,
}

/// Why a comment was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PostError {
    /// The comment is not as it should be.
    #[error("{what}: {found}; expected {expected}")]
    Refused {
        /// What is wrong, a short stable phrase.
        what: String,
        /// Where, and what stood there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// Too long.
    #[error("the comment has {bytes} bytes; expected at most {limit_bytes}")]
    TooLarge {
        /// What it has.
        bytes: u64,
        /// What is allowed.
        limit_bytes: u64,
    },
    /// The disk is full; comments can still be read.
    #[error("the disk is full; nothing was kept; free space, or ask the operator to")]
    DiskFull,
    /// More is waiting than the writer can take.
    #[error("too many comments are waiting; ask again in a second")]
    Busy,
    /// The store failed.
    #[error("cannot write the comment store: {0}; run `supervisor store check`")]
    Store(String),
}

plain_messages!(Receipt, Receipts);
attached_messages!(PostComment: blob, PostComments: blobs);

interface! {
    /// Writing: asked by `http-front`, `sync-agent` and the operator, answered by `post-worker`.
    Posts = "posts", version 1:
    1 => PostComment  -> Result<Receipt, PostError>,  retry Safe;
    2 => PostComments -> Result<Receipts, PostError>, retry Safe;
}
