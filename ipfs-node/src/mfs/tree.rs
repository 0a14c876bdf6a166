//! One folder's blocks for [`unixfs::folder::apply`], by their place: read through the shards from the root down.
//!
//! Asked by changes of the writable folder.

use bytes::Bytes;
use unixfs::{Block, Cid, Fanout, Item, ShardPath, folder::Nodes};

use crate::{node::Node, refusal::Refusal, store::Session};

/// The blocks of one folder.
pub(super) struct FolderBlocks<'a> {
    node: &'a Node,
    session: &'a Session,
    root: Cid,
    digits: usize,
}

impl<'a> FolderBlocks<'a> {
    pub(super) fn new(node: &'a Node, session: &'a Session, root: Cid, fanout: Fanout) -> Self {
        // The digits that the greatest slot needs.
        let digits = format!("{:x}", fanout.get() - 1).len();
        Self { node, session, root, digits }
    }

    fn cid_at(&self, at: &ShardPath) -> Result<Option<Cid>, Refusal> {
        let mut cid = self.root;
        for slot in at.as_bytes().chunks(self.digits) {
            let Item::Shard(shard) = self.node.item(&cid)? else { return Ok(None) };
            let slot = std::str::from_utf8(slot).ok().and_then(|digits| u16::from_str_radix(digits, 16).ok());
            let Some(held) = slot.and_then(|slot| shard.slot(slot)).filter(|held| held.name.is_empty()) else {
                return Ok(None);
            };
            cid = held.link.cid;
        }
        Ok(Some(cid))
    }
}

impl Nodes for FolderBlocks<'_> {
    type Error = Refusal;

    fn get(&mut self, at: &ShardPath) -> Result<Option<Bytes>, Refusal> {
        self.cid_at(at)?.map(|cid| self.node.block(&cid)).transpose()
    }

    fn put(&mut self, _: &ShardPath, block: &Block) -> Result<(), Refusal> {
        self.session.put(block)?;
        Ok(())
    }

    /// What is linked no more is collected in its time.
    fn remove(&mut self, _: &ShardPath) -> Result<(), Refusal> {
        Ok(())
    }
}
