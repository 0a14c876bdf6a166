//! The bytes of a file, or a range of them, in order.

use super::{Piece, Pieces, ReadError, Wanted};
use crate::{Cid, FileNode, Item, inline_block};
use bytes::Bytes;

/// No importer makes files as deep as this: at two children per node it is more than all bytes there are.
const DEPTH_MAX: u32 = 64;

/// A range of bytes of a file; what lies past the end of the file is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub from: u64,
    /// How many bytes; all that are left when absent.
    pub bytes: Option<u64>,
}

impl ByteRange {
    /// The whole file.
    pub const ALL: Self = Self { from: 0, bytes: None };

    /// The first byte after the range.
    fn end(self) -> u64 {
        self.bytes.map_or(u64::MAX, |bytes| self.from.saturating_add(bytes))
    }
}

/// Reads the bytes of a file, only through the blocks that the range touches.
///
/// A block must hold exactly as many bytes of the file as its parent says, so a DAG of a few blocks that link
/// each other a thousandfold costs no more work than the bytes it gives.
#[derive(Debug, Clone)]
pub struct FileReader {
    range: ByteRange,
    file_bytes: Option<u64>,
    pieces: Pieces<Bytes, PartToCome>,
}

#[derive(Debug, Clone, Copy)]
struct PartToCome {
    cid: Cid,
    /// Where in the file it begins.
    from: u64,
    /// What its parent says that it holds; the root has no parent.
    claimed_bytes: Option<u64>,
    depth: u32,
}

impl Wanted for PartToCome {
    fn cid(&self) -> &Cid {
        &self.cid
    }
}

impl FileReader {
    /// A reader of the file whose root is `root`.
    #[must_use]
    pub fn new(root: Cid, range: ByteRange) -> Self {
        let root = PartToCome { cid: root, from: 0, claimed_bytes: None, depth: 0 };
        Self { range, file_bytes: None, pieces: Pieces::starting_with(root) }
    }

    fn open(&mut self, part: PartToCome, bytes: &Bytes) -> Result<Vec<Piece<Bytes, PartToCome>>, ReadError> {
        let node = match Item::read(&part.cid, bytes).map_err(|cause| ReadError::item(&part.cid, cause))? {
            Item::File(node) => node,
            Item::Symlink(target) => {
                return Err(ReadError::Symlink { cid: part.cid, target: Box::new(target) });
            }
            Item::Folder(_) | Item::Shard(_) => return Err(ReadError::NotAFile(part.cid)),
        };
        if part.claimed_bytes.is_some_and(|claimed| claimed != node.file_bytes) || part.depth > DEPTH_MAX {
            return Err(ReadError::Misfit(part.cid));
        }
        if part.depth == 0 {
            self.file_bytes = Some(node.file_bytes);
        }
        self.pieces_of(&node, part)
    }

    /// Bytes of the whole file; known once its root is supplied.
    #[must_use]
    pub const fn file_bytes(&self) -> Option<u64> {
        self.file_bytes
    }

    /// What of a node lies in the range, in order.
    fn pieces_of(&mut self, node: &FileNode, place: PartToCome) -> Result<Vec<Piece<Bytes, PartToCome>>, ReadError> {
        let mut pieces = Vec::new();
        let own = self.in_range(&node.content, place.from);
        if !own.is_empty() {
            pieces.push(Piece::Ready(own));
        }
        let mut from = place.from.saturating_add(node.content.len() as u64);
        for part in &node.parts {
            let end = from.saturating_add(part.file_bytes);
            // A part without bytes is never opened: only so can the work be no more than the bytes read.
            if part.file_bytes > 0 && end > self.range.from && from < self.range.end() {
                let claimed_bytes = Some(part.file_bytes);
                let part = PartToCome { cid: part.cid, from, claimed_bytes, depth: place.depth + 1 };
                match inline_block(&part.cid) {
                    Some(bytes) => pieces.extend(self.open(part, &bytes)?),
                    None => pieces.push(Piece::Wanted(part)),
                }
            }
            from = end;
        }
        Ok(pieces)
    }

    /// What of `content`, which begins at `from` in the file, lies in the range.
    fn in_range(&self, content: &Bytes, from: u64) -> Bytes {
        let len = content.len() as u64;
        let first = self.range.from.saturating_sub(from).min(len);
        let end = self.range.end().saturating_sub(from).clamp(first, len);
        let index = |at: u64| usize::try_from(at).expect("clamped to the length of bytes in memory");
        content.slice(index(first)..index(end))
    }
}

reads_pieces!(FileReader => Bytes);
