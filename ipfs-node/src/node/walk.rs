//! Every block of a DAG, once each, parents first, with little memory: 16 bytes are remembered of each.
//!
//! Asked by pins (is all of it here?), by exports, and by whoever counts.

use std::collections::HashSet;

use unixfs::{Block, CODEC_DAG_PB, CODEC_RAW, Cid, LinksError};

use super::Node;
use crate::{refusal::Refusal, store::Key};

/// The walk. A step gives a CID; whether its block is read is the caller's choice by the method it calls.
#[derive(Debug, Default)]
pub struct Walk {
    open: Vec<Cid>,
    seen: Seen,
}

/// A smaller block is read as a whole.
const WORTH_A_LOOK: u32 = 4096;
/// The tag and the length of a block's content.
const START_BYTES: usize = 11;

/// The blocks seen, by the end of their hash: two that agree in 128 bits of it would have to be made on purpose, at a
/// cost that nobody can pay.
#[derive(Debug, Default)]
struct Seen(HashSet<u128>);

impl Seen {
    fn insert(&mut self, cid: &Cid) -> bool {
        let key = Key::of(cid);
        let bytes = key.as_bytes();
        let end = bytes.last_chunk::<16>().map_or_else(|| short(bytes), |end| u128::from_le_bytes(*end));
        // Raw and not raw are two: below the one there may be more.
        self.0.insert(end.rotate_left(1) ^ u128::from(cid.codec() == CODEC_RAW))
    }
}

/// The size of a DAG-PB block that is here and has no links, as its first bytes tell: a leaf of a CIDv0 file is not read
/// to learn that nothing hangs below it.
fn leaf_bytes(node: &Node, cid: &Cid) -> Result<Option<u64>, Refusal> {
    if cid.codec() != CODEC_DAG_PB {
        return Ok(None);
    }
    let Some(block_bytes) = node.store.size_of(cid)?.filter(|bytes| *bytes > WORTH_A_LOOK) else { return Ok(None) };
    let Some(start) = node.store.start_of(cid, START_BYTES)? else { return Ok(None) };
    Ok(unixfs::is_linkless(&start, block_bytes as usize).then_some(u64::from(block_bytes)))
}

fn short(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u128::from(*byte))
}

impl Walk {
    /// A walk of all below and including `root`.
    #[must_use]
    pub fn new(root: Cid) -> Self {
        Self { open: vec![root], seen: Seen::default() }
    }

    /// Goes on below another root; what was seen is not seen again.
    pub fn go_on(&mut self, root: Cid) {
        self.open.push(root);
    }

    /// The next block, read; `None` at the end.
    pub(crate) fn next_block(&mut self, node: &Node) -> Result<Option<Block>, Refusal> {
        let Some(cid) = self.next_cid() else { return Ok(None) };
        let bytes = node.block_before(&cid, |most| self.upcoming(most))?;
        let block = Block { cid, bytes };
        self.follow(&block)?;
        Ok(Some(block))
    }

    /// The name of the next block, which is here now; leaves that were here are not read.
    pub(crate) fn next_here(&mut self, node: &Node) -> Result<Option<(Cid, u64)>, Refusal> {
        self.next_found(node).map(|(cid, found)| Ok((cid, found?))).transpose()
    }

    /// As that; the walk goes on past a block that cannot be read.
    pub(crate) fn next_found(&mut self, node: &Node) -> Option<(Cid, Result<u64, Refusal>)> {
        let cid = self.next_cid()?;
        Some((cid, self.find(node, cid)))
    }

    fn find(&mut self, node: &Node, cid: Cid) -> Result<u64, Refusal> {
        if cid.codec() == CODEC_RAW {
            return node.block_bytes(&cid, |most| self.upcoming(most));
        }
        if let Some(bytes) = leaf_bytes(node, &cid)? {
            return Ok(bytes);
        }
        let bytes = node.block_before(&cid, |most| self.upcoming(most))?;
        let block = Block { cid, bytes };
        self.follow(&block)?;
        Ok(block.bytes.len() as u64)
    }

    /// What is walked to next, the first one first; some of it may have been seen.
    fn upcoming(&self, most: usize) -> Vec<Cid> {
        self.open.iter().rev().take(most).copied().collect()
    }

    fn next_cid(&mut self) -> Option<Cid> {
        while let Some(cid) = self.open.pop() {
            if self.seen.insert(&cid) {
                return Some(cid);
            }
        }
        None
    }

    fn follow(&mut self, block: &Block) -> Result<(), Refusal> {
        match unixfs::links(&block.cid, &block.bytes) {
            Ok(links) => self.open.extend(links.into_iter().rev()),
            // Nobody here could follow the links of a codec that nobody here reads.
            Err(LinksError::Codec(_)) => {}
            Err(error) => return Err(Refusal::from_error(&error)),
        }
        Ok(())
    }
}
