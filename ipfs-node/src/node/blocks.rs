//! Reading from the store in the words of Kubo: what is missing was not found locally, for there is no network yet.
//!
//! Asked by every command that reads.

use bytes::Bytes;
use unixfs::{Block, Cid, Item, Reader, Step};

use super::Node;
use crate::refusal::Refusal;

/// The refusal for a block that is not here.
pub(crate) fn not_found(cid: &Cid) -> Refusal {
    Refusal::failed(format!("block was not found locally (offline): ipld: could not find {cid}"))
}

impl Node {
    /// The bytes of a block that is here.
    pub(crate) fn block(&self, cid: &Cid) -> Result<Bytes, Refusal> {
        self.store.get(cid)?.ok_or_else(|| not_found(cid))
    }

    /// The block with its name.
    pub(crate) fn named_block(&self, cid: &Cid) -> Result<Block, Refusal> {
        Ok(Block { cid: *cid, bytes: self.block(cid)? })
    }

    /// What a block is.
    pub(crate) fn item(&self, cid: &Cid) -> Result<Item, Refusal> {
        let bytes = self.block(cid)?;
        Item::read(cid, &bytes).map_err(|error| Refusal::from_error(&error))
    }

    /// The next thing that a reader reads; `None` at the end.
    pub(crate) fn next_of<R: Reader>(&self, reader: &mut R) -> Result<Option<R::Out>, Refusal> {
        loop {
            match reader.step()? {
                Step::Need(cid) => {
                    let bytes = self.block(&cid)?;
                    reader.supply(&cid, bytes)?;
                }
                Step::Give(out) => return Ok(Some(out)),
                Step::Done => return Ok(None),
            }
        }
    }
}
