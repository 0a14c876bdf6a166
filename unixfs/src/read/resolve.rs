//! A path through folders, and through the values of DAG-CBOR and DAG-JSON: which block it ends at.

use super::{ReadError, Reader, Step};
use crate::hamt::{NameHash, levels};
use crate::ipld::{self, Ipld};
use crate::{Cid, Item, Link, Shard, inline_block};
use bytes::Bytes;
use std::collections::VecDeque;

/// Where a path ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// The block; it was not read unless the path goes on below it.
    pub cid: Cid,
    /// Bytes of all blocks from there on, as the folder says; unknown for a path without segments.
    pub tsize: Option<u64>,
}

/// Follows a path through folders, flat or split, and through values. Symbolic links are not followed, `.` and `..` are
/// names. A path that ends within a block, at a value that is no link, is [`ReadError::Within`]: [`Self::rest`] is then the
/// way within the block that [`Self::roots`] ends with.
#[derive(Debug, Clone)]
pub struct Resolver {
    at: Resolved,
    /// The root, and where the path was after each segment that is resolved.
    roots: Vec<Cid>,
    rest: VecDeque<Bytes>,
    /// How far down the shards of the current folder.
    level: u32,
    is_given: bool,
}

/// The segments of a path written with slashes; empty ones do not count.
pub fn segments(path: &str) -> impl Iterator<Item = Bytes> {
    path.split('/').filter(|segment| !segment.is_empty()).map(|segment| Bytes::copy_from_slice(segment.as_bytes()))
}

impl Resolver {
    /// A resolver of the path `segments` below `root`.
    #[must_use]
    pub fn new(root: Cid, segments: impl IntoIterator<Item = Bytes>) -> Self {
        let at = Resolved { cid: root, tsize: None };
        Self { at, roots: vec![root], rest: segments.into_iter().collect(), level: 0, is_given: false }
    }

    /// The root, and where the path was after each segment so far.
    #[must_use]
    pub fn roots(&self) -> &[Cid] {
        &self.roots
    }

    /// Segments of the path that are not resolved yet: what is left when a block is no folder.
    #[must_use]
    pub fn rest(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.rest.iter()
    }

    fn found(&mut self, link: Link) {
        self.at = Resolved { cid: link.cid, tsize: Some(link.tsize) };
        self.roots.push(link.cid);
        self.level = 0;
        self.rest.pop_front();
    }

    /// Goes as far through a value as the path leads: to a link, or nowhere, or to something within.
    fn look_in_value(&mut self, cid: &Cid, bytes: &Bytes) -> Result<(), ReadError> {
        let root = ipld::read(cid.codec(), bytes).map_err(|cause| ReadError::value(cid, cause))?;
        let mut at = &root;
        for used in 0..=self.rest.len() {
            if let Ipld::Link(next) = at {
                // Each segment has a root, be it one within the same block.
                self.roots.extend(std::iter::repeat_n(*cid, used.saturating_sub(1)));
                self.roots.extend((used > 0).then_some(*next));
                self.rest.drain(..used);
                (self.at, self.level) = (Resolved { cid: *next, tsize: None }, 0);
                return Ok(());
            }
            let Some(name) = self.rest.get(used) else { break };
            at = ipld::member(at, name).ok_or_else(|| self.not_found(name))?;
        }
        self.roots.extend(std::iter::repeat_n(*cid, self.rest.len()));
        Err(ReadError::Within { cid: *cid, path: Box::new(self.rest.iter().cloned().collect()) })
    }

    fn not_found(&self, name: &Bytes) -> ReadError {
        ReadError::NotFound { folder: self.at.cid, name: Box::new(name.clone()) }
    }

    fn look_in_shard(&mut self, shard: &Shard, name: &Bytes) -> Result<(), ReadError> {
        let slot = NameHash::of(name, shard.fanout).slot(shard.fanout, self.level);
        let slot = slot.ok_or(ReadError::Misfit(self.at.cid))?;
        match shard.slot(slot) {
            Some(held) if held.name == *name => self.found(held.link),
            Some(held) if held.name.is_empty() && self.level + 1 < levels(shard.fanout) => {
                self.at.cid = held.link.cid;
                self.level += 1;
            }
            _ => return Err(self.not_found(name)),
        }
        Ok(())
    }
}

impl Reader for Resolver {
    type Out = Resolved;

    fn step(&mut self) -> Result<Step<Resolved>, ReadError> {
        while !self.rest.is_empty() {
            let Some(bytes) = inline_block(&self.at.cid) else { return Ok(Step::Need(self.at.cid)) };
            let cid = self.at.cid;
            self.supply(&cid, bytes)?;
        }
        if self.is_given {
            return Ok(Step::Done);
        }
        self.is_given = true;
        Ok(Step::Give(self.at))
    }

    fn supply(&mut self, cid: &Cid, bytes: Bytes) -> Result<(), ReadError> {
        let Some(name) = self.rest.front().filter(|_| *cid == self.at.cid).cloned() else { return Ok(()) };
        if ipld::is_value(cid.codec()) {
            return self.look_in_value(cid, &bytes);
        }
        match Item::read(cid, &bytes).map_err(|cause| ReadError::item(cid, cause))? {
            Item::Folder(entries) if self.level == 0 => {
                let entry = entries.iter().find(|entry| entry.name == name).ok_or_else(|| self.not_found(&name))?;
                self.found(entry.link);
                Ok(())
            }
            Item::Shard(shard) => self.look_in_shard(&shard, &name),
            Item::Symlink(target) => Err(ReadError::Symlink { cid: *cid, target: Box::new(target) }),
            Item::File(_) | Item::Folder(_) => Err(ReadError::NotAFolder(*cid)),
        }
    }

    fn wanted(&self, limit: usize) -> Vec<Cid> {
        let is_needed = limit > 0 && !self.rest.is_empty() && inline_block(&self.at.cid).is_none();
        is_needed.then_some(self.at.cid).into_iter().collect()
    }
}
