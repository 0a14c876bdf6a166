//! A piece of a walk: some megabytes of blocks, as the CAR that one `dag/import` takes.

use bytes::{Bytes, BytesMut};
use unixfs::{Cid, car};

/// A piece is full when it has so many bytes: what the walk needs of memory, whatever the store's size.
pub(super) const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// Blocks on their way.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    sections: BytesMut,
    blocks: u64,
    first: Option<Cid>,
}

impl Piece {
    /// Adds a block.
    pub(crate) fn push(&mut self, cid: &Cid, block: &[u8]) {
        self.sections.extend_from_slice(&car::section_head(cid, block.len()));
        self.sections.extend_from_slice(block);
        self.blocks += 1;
        self.first.get_or_insert(*cid);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.sections.len() >= PIECE_BYTES
    }

    /// The archive and how many blocks are in it; nothing when there are none.
    pub(crate) fn into_car(self) -> Option<(Vec<Bytes>, u64)> {
        // There are readers that refuse an archive without a root, so it names any of its blocks.
        let header = car::header(&[self.first?]);
        Some((vec![header, self.sections.freeze()], self.blocks))
    }
}

#[cfg(test)]
mod tests {
    use unixfs::{
        car::{CarReader, CarStep},
        cid_raw,
    };

    use super::*;

    #[test]
    fn what_was_pushed_is_in_the_archive() {
        let mut piece = Piece::default();
        for block in [&b"one"[..], b"", b"three"] {
            piece.push(&cid_raw(block), block);
        }
        let (car, blocks) = piece.into_car().unwrap();
        assert_eq!(blocks, 3);
        let mut reader = CarReader::new();
        car.iter().for_each(|bytes| reader.push(bytes));
        let mut found = Vec::new();
        loop {
            match reader.step().unwrap() {
                CarStep::Block(block) => found.push(block.bytes),
                CarStep::Header(header) => assert_eq!(header.roots, [cid_raw(b"one")]),
                CarStep::More => break,
            }
        }
        assert_eq!(found, [&b"one"[..], b"", b"three"]);
        reader.finish().unwrap();
    }

    #[test]
    fn nothing_makes_no_archive() {
        assert!(Piece::default().into_car().is_none());
    }
}
