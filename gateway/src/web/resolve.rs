//! Where a path ends.
//!
//! Asked by `visit`, `folder` and `rules`. Keeps nothing.

use bytes::Bytes;
use unixfs::{Cid, ReadError, Reader as _, Resolver, Step, inline_block};

use super::{Look, Source, step::Stop};
use crate::{ContentPath, Refusal};

/// The end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The block.
    pub(super) cid: Cid,
    /// The root, and where the path was after each segment.
    pub(super) roots: Vec<Cid>,
    /// The way within the block, where the path ends at a value that is no link.
    pub(super) within: Vec<Bytes>,
}

/// Follows a path.
pub(super) fn resolve<S: Source>(source: &S, path: &ContentPath, look: Look) -> Result<End, Stop<S::Fault>> {
    let mut resolver = Resolver::new(path.root, path.segments.iter().cloned());
    loop {
        let step = match resolver.step() {
            Ok(Step::Need(cid)) => {
                let bytes = block(source, &cid, look)?;
                resolver.supply(&cid, bytes)
            }
            Ok(Step::Give(end)) => {
                return Ok(End { cid: end.cid, roots: resolver.roots().to_vec(), within: Vec::new() });
            }
            Ok(Step::Done) => unreachable!("the end of a path is given once, and then left"),
            Err(error) => Err(error),
        };
        match step {
            Ok(()) => {}
            Err(ReadError::Within { cid, path }) => {
                return Ok(End { cid, roots: resolver.roots().to_vec(), within: *path });
            }
            Err(error) => return Err(Refusal::of_path(error).into()),
        }
    }
}

/// A block that has to be there.
pub(super) fn block<S: Source>(source: &S, cid: &Cid, look: Look) -> Result<Bytes, Stop<S::Fault>> {
    if let Some(bytes) = inline_block(cid) {
        return Ok(bytes);
    }
    source.block(cid, look).map_err(Stop::Fault)?.ok_or_else(|| Refusal::Missing(*cid).into())
}
