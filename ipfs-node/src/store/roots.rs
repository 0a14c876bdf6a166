//! What keeps blocks from collection: pins, and the root of the writable folder.
//!
//! Asked by the store, which commits a change of roots together with the blocks that it needs.

use unixfs::Cid;

/// How far a pin reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinKind {
    /// The block and everything below it.
    Recursive,
    /// The block alone.
    Direct,
}

/// One pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// What is kept.
    pub cid: Cid,
    /// How far.
    pub kind: PinKind,
    /// The operator's name for it; may be empty.
    pub name: String,
}

/// A change of what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootChange {
    /// Keep this; replaces an earlier pin of the same CID.
    Pin(Pin),
    /// Keep it no longer.
    Unpin(Cid),
    /// The writable folder is this now.
    MfsRoot(Cid),
}
