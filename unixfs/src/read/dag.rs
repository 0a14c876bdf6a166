//! Every block of a DAG, once each, parents before children: for pins, archives and garbage collection.

use super::{Piece, Pieces, ReadError, Wanted};
use crate::{Block, Cid, CidSet, links};
use bytes::Bytes;

/// Reads all blocks of a DAG, depth first, each once. Keeps the names of all that it has seen.
#[derive(Debug, Clone)]
pub struct DagReader {
    pieces: Pieces<Block, Cid>,
    seen: CidSet,
}

impl Wanted for Cid {
    fn cid(&self) -> &Cid {
        self
    }
}

impl DagReader {
    /// A reader of everything below and including `root`.
    #[must_use]
    pub fn new(root: Cid) -> Self {
        Self { pieces: Pieces::starting_with(root), seen: CidSet::from_iter([root]) }
    }

    fn open(&mut self, cid: Cid, bytes: &Bytes) -> Result<Vec<Piece<Block, Cid>>, ReadError> {
        let below = links(&cid, bytes).map_err(|cause| ReadError::Links { cid, cause: Box::new(cause) })?;
        let new = below.into_iter().filter(|cid| self.seen.insert(cid)).map(Piece::Wanted);
        let block = Piece::Ready(Block { cid, bytes: bytes.clone() });
        Ok(std::iter::once(block).chain(new).collect())
    }

    /// As [`DagReader::new`], but what is in `seen` is not read, nor what hangs below it alone.
    #[must_use]
    pub fn beyond(mut seen: CidSet, root: Cid) -> Self {
        let pieces = if seen.insert(&root) { Pieces::starting_with(root) } else { Pieces(Vec::new()) };
        Self { pieces, seen }
    }

    /// The names of all blocks that were given or are still wanted: what a next root need not read again.
    #[must_use]
    pub fn into_seen(self) -> CidSet {
        self.seen
    }
}

reads_pieces!(DagReader => Block);
