//! An archive as the pieces that are sent: small blocks go out together, because each piece costs a wake-up of its reader.
//!
//! Asked by the boxes. Keeps what is not yet a piece.

use bytes::{Bytes, BytesMut};
use unixfs::{Block, car};

/// A piece has at least so many bytes, but for the last, and at most a block more.
const FRAME_BYTES: usize = 64 * 1024;

/// The bytes of an archive that wait for more.
#[derive(Debug)]
pub struct Frames(BytesMut);

impl Frames {
    /// Begins with what stands at the front of the archive.
    #[must_use]
    pub fn new(header: &[u8]) -> Self {
        Self(BytesMut::from(header))
    }

    /// Adds a block; gives a piece when there is enough for one.
    #[must_use]
    pub fn push(&mut self, block: &Block) -> Option<Bytes> {
        self.0.extend_from_slice(&car::section_head(&block.cid, block.bytes.len()));
        self.0.extend_from_slice(&block.bytes);
        (self.0.len() >= FRAME_BYTES).then(|| self.take())
    }

    /// What there is, which may be nothing: at the end, or while the next block is waited for.
    #[must_use]
    pub fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unixfs::cid_raw;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_the_archive(sizes in prop::collection::vec(0usize..100_000, 0..12)) {
            let blocks: Vec<_> = sizes.iter().map(|bytes| Bytes::from(vec![7; *bytes])).collect();
            let blocks: Vec<_> = blocks.into_iter().map(|bytes| Block { cid: cid_raw(&bytes), bytes }).collect();
            let mut frames = Frames::new(b"front");
            let mut pieces: Vec<_> = blocks.iter().filter_map(|block| frames.push(block)).collect();
            prop_assert!(pieces.iter().all(|piece| piece.len() >= FRAME_BYTES));
            pieces.push(frames.take());
            let whole: Vec<_> = blocks.iter().map(car::section).collect();
            prop_assert_eq!(pieces.concat(), [&b"front"[..], &whole.concat()].concat());
        }
    }
}
