//! CAR archives: blocks one after the other, with the roots in front.
//!
//! Asked by `ipfs-node` (dag export and import, the gateway) and `ipfs-shim` (import in batches). Version 1 is
//! written and read; of version 2 the inner version 1 is read and the index is skipped.

mod reader;

pub use reader::{CarError, CarReader, CarStep, SECTION_MAX_BYTES};

use crate::{Block, Cid, cbor, varint};
use bytes::Bytes;

/// What stands at the front of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarHeader {
    /// 1, or 2 when the archive has an index.
    pub version: u64,
    /// The blocks that the archive is about; they need not be in it.
    pub roots: Vec<Cid>,
}

/// The front of an archive of version 1.
#[must_use]
pub fn header(roots: &[Cid]) -> Bytes {
    let mut map = Vec::with_capacity(17 + 41 * roots.len());
    cbor::put_head(&mut map, 5, 2);
    put_text(&mut map, "roots");
    cbor::put_head(&mut map, 4, roots.len() as u64);
    roots.iter().for_each(|root| cbor::put_link(&mut map, root));
    put_text(&mut map, "version");
    cbor::put_head(&mut map, 0, 1);
    let mut out = Vec::with_capacity(varint::MAX_BYTES + map.len());
    varint::write(&mut out, map.len() as u64);
    out.extend_from_slice(&map);
    out.into()
}

/// What stands before the bytes of a block: its length and its CID. Saves copying the block.
#[must_use]
pub fn section_head(cid: &Cid, block_bytes: usize) -> Bytes {
    let cid_bytes = cid.encoded_len();
    let mut out = Vec::with_capacity(varint::MAX_BYTES + cid_bytes);
    varint::write(&mut out, (cid_bytes + block_bytes) as u64);
    cid.write_bytes(&mut out).expect("a vector takes all bytes");
    out.into()
}

/// A block as it stands in an archive.
#[must_use]
pub fn section(block: &Block) -> Bytes {
    [&section_head(&block.cid, block.bytes.len())[..], &block.bytes].concat().into()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    cbor::put_head(out, 3, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}
