//! Archives: the blocks of a walk, written while they are found.
//!
//! Asked by the gateway and by `dag/export`. Asks the node for blocks.

use std::sync::Arc;

use bytes::Bytes;
use gateway::{Frames, Walk};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unixfs::{Cid, Step, car};

use crate::{
    node::{self, Node},
    refusal::Refusal,
};

/// All archives together keep so many names of blocks: about 100 MiB. One that would need more is cut off.
const NAMES: usize = 1 << 20;
/// Names are granted by so many at a time.
const GRANT: usize = 1 << 12;

/// The names of blocks that all archives together may keep.
pub(super) fn names() -> Semaphore {
    Semaphore::new(NAMES / GRANT)
}

/// Writes an archive as a request of the gateway has it.
pub(super) fn write_walk(
    node: &Node,
    mut walk: Walk,
    names: &Arc<Semaphore>,
    send: &mut impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut frames = Frames::new(&walk.header());
    let walked = write_frames(node, &mut walk, names, &mut frames, send);
    // Also of a walk that failed: what was found is sent.
    send(frames.take())?;
    walked
}

fn write_frames(
    node: &Node,
    walk: &mut Walk,
    names: &Arc<Semaphore>,
    frames: &mut Frames,
    send: &mut impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut granted = Vec::new();
    loop {
        match walk.step().map_err(|error| Refusal::from_error(&error))? {
            Step::Done => return Ok(()),
            Step::Need(cid) => supply(node, walk, &cid)?,
            Step::Give(block) => {
                grant(walk, names, &mut granted)?;
                frames.push(&block).map_or(Ok(()), &mut *send)?;
            }
        }
    }
}

fn supply(node: &Node, walk: &mut Walk, cid: &Cid) -> Result<(), Refusal> {
    let bytes = node.block_before(cid, |most| walk.wanted(most))?;
    walk.supply(cid, bytes).map_err(|error| Refusal::from_error(&error))
}

/// A walk over many blocks keeps many names: it may, as long as there is room for them.
fn grant(walk: &Walk, names: &Arc<Semaphore>, granted: &mut Vec<OwnedSemaphorePermit>) -> Result<(), Refusal> {
    while walk.names_kept() > (granted.len() + 1) * GRANT {
        let more = Arc::clone(names).try_acquire_owned();
        granted.push(more.map_err(|_| Refusal::failed("too many large archives are being written"))?);
    }
    Ok(())
}

/// Writes all blocks below a root, parents first, each once.
pub(crate) fn write_archive(
    node: &Node,
    root: Cid,
    send: &mut impl FnMut(Bytes) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    send(car::header(&[root]))?;
    let mut walk = node::Walk::new(root);
    while let Some(block) = walk.next_block(node)? {
        if unixfs::inline_block(&block.cid).is_some() {
            continue;
        }
        send(car::section_head(&block.cid, block.bytes.len()))?;
        send(block.bytes)?;
    }
    Ok(())
}
