//! One message of Bitswap: wants and cancels, blocks, and who has what.
//!
//! Asked by the engines here and by `swarm`, which reads and writes the frames. [`Message::decode`] names each block by
//! the hash of its bytes, so a block that somebody made up has a name that nobody asked for.

mod decode;
mod encode;

use bytes::Bytes;
use cid::Cid;

pub use decode::DecodeError;
pub use encode::{block_bytes, entry_bytes, presence_bytes};

/// The longest message that is read: what Kubo takes, too.
pub const MAX_MESSAGE_BYTES: usize = 4 << 20;
/// The longest message that is written. Kubo drops the stream above 4 MiB, and we would learn of it on the next write.
pub const MAX_SENT_BYTES: usize = 3_900_000;
/// The most entries, blocks or presences of a message that are read. Honest peers stay far below.
pub const MAX_ITEMS: usize = 16_384;

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// What the sender wants, or no longer wants.
    pub wantlist: Wantlist,
    /// Blocks that were asked for.
    pub blocks: Vec<Block>,
    /// Who has what.
    pub presences: Vec<Presence>,
    /// Bytes that wait at the sender for us.
    pub pending_bytes: u32,
    /// Blocks whose hash function cannot be computed here. They were dropped.
    pub unnamed_blocks: usize,
}

/// Wants and cancels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wantlist {
    /// What is asked for, or cancelled.
    pub entries: Vec<Entry>,
    /// Whether this replaces all that was asked for before.
    pub extent: Extent,
}

/// Whether a wantlist adds to the one before or replaces it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Extent {
    /// It adds to what was said before.
    #[default]
    Changes,
    /// It is all that is wanted.
    Full,
}

/// One want, or the end of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The block.
    pub cid: Cid,
    /// Larger is sooner.
    pub priority: i32,
    /// What is asked for.
    pub kind: WantKind,
    /// What to say when the block is not there.
    pub absence: Absence,
}

/// What an entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantKind {
    /// The block itself.
    Block,
    /// Whether the block is there.
    Have,
    /// Nothing any more.
    Cancel,
}

/// What is to be answered when a block is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Nothing; the want waits for the block.
    Silent,
    /// DONT_HAVE; the want waits for the block all the same.
    Tell,
}

/// A block and its name, which was computed from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The name.
    pub cid: Cid,
    /// The bytes.
    pub bytes: Bytes,
}

/// Whether the sender has a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// The block.
    pub cid: Cid,
    /// Whether it is there.
    pub there: There,
}

/// Whether a block is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// HAVE.
    Have,
    /// DONT_HAVE.
    DontHave,
}

impl Message {
    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let says_nothing = self.wantlist.entries.is_empty() && self.wantlist.extent == Extent::Changes;
        says_nothing && self.blocks.is_empty() && self.presences.is_empty()
    }
}

impl Entry {
    /// A want for the block itself, or for news of it; absence is to be told.
    #[must_use]
    pub const fn want(cid: Cid, kind: WantKind, priority: i32) -> Self {
        Self { cid, priority, kind, absence: Absence::Tell }
    }

    /// The end of a want.
    #[must_use]
    pub const fn cancel(cid: Cid) -> Self {
        Self { cid, priority: 0, kind: WantKind::Cancel, absence: Absence::Silent }
    }
}

#[cfg(test)]
mod tests;
