//! Blocks that the daemon names: they pass through as they are, for the daemon alone hashes them.
//!
//! Asked by the answers to `NameBlocks`. Asks the daemon, in a few calls at a time.

use bytes::Bytes;
use proto::{
    Cid,
    blocks::{BATCH_BYTES, BlockError, BlockNames, NameBlocks, NamedCodec},
};
use tokio::sync::Semaphore;

use super::refusal;
use crate::kubo::{BLOCK_BYTES, BlockCodec, Kubo};

/// So many calls at a time, of at most 2 MiB each: the daemon hashes some while the next are on their way.
const CALLS: usize = 4;

/// The turns.
#[derive(Debug)]
pub(super) struct Naming(Semaphore);

impl Default for Naming {
    fn default() -> Self {
        Self(Semaphore::new(CALLS))
    }
}

impl Naming {
    /// Waits until the daemon has the blocks and has named them.
    pub(super) async fn name(&self, kubo: &Kubo, question: NameBlocks) -> Result<BlockNames, BlockError> {
        let codec = match question.codec {
            NamedCodec::Raw => BlockCodec::Raw,
            NamedCodec::DagPb => BlockCodec::DagPb,
        };
        let blocks = apart(question.lengths, question.bytes)?;
        if blocks.is_empty() {
            return Ok(BlockNames { cids: Vec::new() });
        }
        let ending = |_| BlockError::DaemonDown("ipfs-shim is being restarted".to_owned());
        let _turn = self.0.acquire().await.map_err(ending)?;
        let cids = kubo.name_blocks(codec, blocks).await.map_err(refusal)?;
        Ok(BlockNames { cids: cids.into_iter().map(Cid).collect() })
    }
}

/// Takes a message apart.
fn apart(lengths: Vec<u32>, mut bytes: Bytes) -> Result<Vec<Bytes>, BlockError> {
    let promised: u64 = lengths.iter().copied().map(u64::from).sum();
    let refused = |why: String| Err(BlockError::Refused(why));
    if promised != bytes.len() as u64 {
        return refused(format!("the blocks should have {promised} bytes together, {} came", bytes.len()));
    }
    if bytes.len() > BATCH_BYTES {
        return refused(format!("{} bytes in one message; send at most {BATCH_BYTES}", bytes.len()));
    }
    if let Some(length) = lengths.iter().find(|length| **length as usize > BLOCK_BYTES) {
        return refused(format!("a block of {length} bytes; a block has at most {BLOCK_BYTES}"));
    }
    Ok(lengths.into_iter().map(|length| bytes.split_to(length as usize)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart_where_its_lengths_say() {
        let blocks = apart(vec![3, 0, 2], Bytes::from_static(b"onetw")).unwrap();
        assert_eq!(blocks, [&b"one"[..], b"", b"tw"]);
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        for lengths in [vec![3], vec![3, 3], vec![u32::MAX, u32::MAX, 2]] {
            let why = apart(lengths, Bytes::from_static(b"onetw")).unwrap_err().to_string();
            assert!(why.contains("together, 5 came"), "{why}");
        }
    }

    #[test]
    fn more_than_a_message_may_hold_is_refused() {
        let bytes = Bytes::from(vec![0; BATCH_BYTES + 1]);
        let why = apart(vec![1, BATCH_BYTES as u32], bytes).unwrap_err().to_string();
        assert!(why.contains("send at most"), "{why}");
    }
}
