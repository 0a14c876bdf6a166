//! The blocks of an archive in their order: those of the path, then those of the scope, depth first.
//!
//! Driven by the boxes, which bring the blocks. Keeps the names of the blocks that were given, unless repeated ones are
//! to be sent, and those of the blocks still to come.

use std::collections::VecDeque;

use bytes::Bytes;
use thiserror::Error;
use unixfs::{
    Block, ByteRange, CODEC_DAG_PB, Cid, CidSet, DirReader, FileReader, Item, LinksError, ReadError, Reader as _, Step,
    car, inline_block, links,
};

use crate::{
    CarParams,
    car::{Dups, Scope},
};

/// Blocks of a path are kept up to this many bytes, so that they need not be asked for twice.
const WAY_BYTES: usize = 4 << 20;
/// So many links may wait to be followed: a node may have forty thousand.
const OPEN_MAX: usize = 1 << 18;
/// The root of an archive about nothing: the empty block, which its CID holds itself.
const NOTHING: &str = "bafkqaaa";

/// Why an archive cannot be gone on with: cut it off.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WalkError {
    /// A block cannot be read as what its place calls for.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A block is damaged, or of a codec whose links nobody here can follow.
    #[error("links of {cid} cannot be followed: ask for its blocks one by one")]
    Links {
        /// The block.
        cid: Cid,
        /// What is wrong with it.
        #[source]
        cause: LinksError,
    },
    /// A DAG that would take too much memory to walk.
    #[error("more than {OPEN_MAX} links wait to be followed: ask for smaller parts")]
    Wide,
}

/// The blocks of a path: their names, and their bytes as long as there are not too many.
#[derive(Debug, Default)]
pub(crate) struct Way {
    blocks: VecDeque<(Cid, Option<Bytes>)>,
    kept_bytes: usize,
}

impl Way {
    pub(crate) fn push(&mut self, cid: Cid, bytes: Bytes) {
        let fits = self.kept_bytes + bytes.len() <= WAY_BYTES;
        self.kept_bytes += if fits { bytes.len() } else { 0 };
        self.blocks.push_back((cid, fits.then_some(bytes)));
    }

    /// Takes the last block back.
    pub(crate) fn pop(&mut self) {
        let last = self.blocks.pop_back();
        self.kept_bytes -= last.and_then(|(_, bytes)| bytes).map_or(0, |bytes| bytes.len());
    }
}

/// The walk.
#[derive(Debug)]
pub struct Walk {
    root: Cid,
    way: Way,
    beyond: Beyond,
    /// The blocks that were given; none are remembered when repeated ones are sent.
    given: Option<CidSet>,
    /// To be given next.
    ready: Option<Block>,
    /// The block that came last: files of one byte repeated link the same one over and over.
    last: Option<Block>,
}

/// What comes after the path.
#[derive(Debug)]
enum Beyond {
    Nothing,
    /// All links of all blocks: those that wait, the next one last.
    Links(Vec<Cid>),
    /// The part of a file.
    File(FileReader),
    /// All names of a folder that is split into shards.
    Folder(DirReader),
    /// It has failed before it began: the blocks of the path come first.
    Failed(WalkError),
}

impl Walk {
    /// The walk whose path ends at the block `end`.
    pub(crate) fn new(mut way: Way, end: Cid, bytes: Bytes, params: &CarParams) -> Self {
        let beyond = Beyond::of(end, &bytes, params);
        way.blocks.push_back((end, Some(bytes)));
        Self { beyond, ..Self::along(end, way, params.dups) }
    }

    /// The walk whose path ends nowhere.
    pub(crate) fn of_the_way(way: Way, dups: Dups) -> Self {
        Self::along(NOTHING.parse().expect("a CID"), way, dups)
    }

    fn along(root: Cid, way: Way, dups: Dups) -> Self {
        let given = (dups == Dups::LeftOut).then(CidSet::default);
        Self { root, way, beyond: Beyond::Nothing, given, ready: None, last: None }
    }

    /// The front of the archive.
    #[must_use]
    pub fn header(&self) -> Bytes {
        car::header(&[self.root])
    }

    /// How many names of blocks it keeps: what it costs in memory.
    #[must_use]
    pub fn names_kept(&self) -> usize {
        let open = if let Beyond::Links(open) = &self.beyond { open.len() } else { 0 };
        open + self.given.as_ref().map_or(0, CidSet::len)
    }

    /// Goes on as far as it can with the blocks it has. After `Done`, `Done` again.
    ///
    /// # Errors
    ///
    /// When it cannot be gone on with: cut the archive off.
    pub fn step(&mut self) -> Result<Step<Block>, WalkError> {
        loop {
            if let Some(block) = self.ready.take() {
                return Ok(Step::Give(block));
            }
            if let Some((cid, bytes)) = self.way.blocks.pop_front() {
                let Some(bytes) = bytes else {
                    self.way.blocks.push_front((cid, None));
                    return Ok(Step::Need(cid));
                };
                self.give(cid, bytes);
                continue;
            }
            let Some(need) = self.next()? else { return Ok(Step::Done) };
            let known = inline_block(&need).or_else(|| self.repeated(&need));
            let Some(bytes) = known else { return Ok(Step::Need(need)) };
            self.supply(&need, bytes)?;
        }
    }

    /// Takes the block that it needs. The bytes must be that block ([`unixfs::verify`]) and are not checked again.
    ///
    /// # Errors
    ///
    /// When it cannot be gone on with: cut the archive off.
    pub fn supply(&mut self, cid: &Cid, bytes: Bytes) -> Result<(), WalkError> {
        if let Some((next, _)) = self.way.blocks.front() {
            if next == cid {
                self.way.blocks.pop_front();
                self.give(*cid, bytes);
            }
            return Ok(());
        }
        match &mut self.beyond {
            Beyond::Links(open) => follow(open, cid, &bytes)?,
            Beyond::File(file) => file.supply(cid, bytes.clone())?,
            Beyond::Folder(folder) => folder.supply(cid, bytes.clone())?,
            Beyond::Nothing | Beyond::Failed(_) => return Ok(()),
        }
        self.give(*cid, bytes);
        Ok(())
    }

    /// Up to `limit` different blocks that will probably be needed, the next one first, for asking ahead.
    #[must_use]
    pub fn wanted(&self, limit: usize) -> Vec<Cid> {
        if !self.way.blocks.is_empty() {
            let lacking = self.way.blocks.iter().filter(|(_, bytes)| bytes.is_none());
            return lacking.map(|(cid, _)| *cid).take(limit).collect();
        }
        match &self.beyond {
            Beyond::Links(open) => self.next_links(open, limit),
            Beyond::File(file) => file.wanted(limit),
            Beyond::Folder(folder) => folder.wanted(limit),
            Beyond::Nothing | Beyond::Failed(_) => Vec::new(),
        }
    }

    fn next_links(&self, open: &[Cid], limit: usize) -> Vec<Cid> {
        let mut next = Vec::new();
        // Not all of many links, which may be known already.
        for cid in open.iter().rev().take(4 * limit) {
            let is_known = inline_block(cid).is_some() || self.is_given(cid) || next.contains(cid);
            if next.len() < limit && !is_known {
                next.push(*cid);
            }
        }
        next
    }

    fn is_given(&self, cid: &Cid) -> bool {
        self.given.as_ref().is_some_and(|given| given.contains(cid))
    }

    /// The next block beyond the path, if there is one.
    fn next(&mut self) -> Result<Option<Cid>, WalkError> {
        match &mut self.beyond {
            Beyond::Links(open) => {
                while open.pop_if(|cid| self.given.as_ref().is_some_and(|given| given.contains(cid))).is_some() {}
                Ok(open.last().copied())
            }
            Beyond::File(file) => need_of(file),
            Beyond::Folder(folder) => need_of(folder),
            Beyond::Nothing => Ok(None),
            Beyond::Failed(error) => Err(error.clone()),
        }
    }

    fn repeated(&self, cid: &Cid) -> Option<Bytes> {
        self.last.as_ref().filter(|last| last.cid == *cid).map(|last| last.bytes.clone())
    }

    /// What stands in its CID is in no archive.
    fn give(&mut self, cid: Cid, bytes: Bytes) {
        let block = Block { cid, bytes };
        self.last = Some(block.clone());
        let is_new = self.given.as_mut().is_none_or(|given| given.insert(&cid));
        if is_new && inline_block(&cid).is_none() {
            self.ready = Some(block);
        }
    }
}

impl Beyond {
    /// What of the scope lies beyond its first block.
    fn of(end: Cid, bytes: &Bytes, params: &CarParams) -> Self {
        match params.scope {
            Scope::Block => Self::Nothing,
            Scope::All => Self::links(end, bytes),
            Scope::Entity if end.codec() != CODEC_DAG_PB => Self::Nothing,
            Scope::Entity => Self::entity(end, bytes, params),
        }
    }

    fn links(end: Cid, bytes: &Bytes) -> Self {
        let mut open = vec![end];
        match follow(&mut open, &end, bytes) {
            Ok(()) => Self::Links(open),
            Err(error) => Self::Failed(error),
        }
    }

    fn entity(end: Cid, bytes: &Bytes, params: &CarParams) -> Self {
        match Item::read(&end, bytes) {
            Ok(Item::File(file)) => match params.bytes.map(|part| part.within(&file)) {
                // All that a file links is the file, and this way a block that it repeats is asked for once.
                None | Some(ByteRange::ALL) => Self::links(end, bytes),
                Some(range) => Self::begun(FileReader::new(end, range), Self::File, end, bytes),
            },
            Ok(Item::Shard(_)) => Self::begun(DirReader::new(end), Self::Folder, end, bytes),
            // A folder in one block and a symbolic link are that block; what nobody knows is a block too.
            Ok(Item::Folder(_) | Item::Symlink(_)) | Err(_) => Self::Nothing,
        }
    }

    fn begun<R: unixfs::Reader>(mut reader: R, kind: fn(R) -> Self, end: Cid, bytes: &Bytes) -> Self {
        match reader.supply(&end, bytes.clone()) {
            Ok(()) => kind(reader),
            Err(error) => Self::Failed(error.into()),
        }
    }
}

/// Puts the links of the block that stands last in its place.
fn follow(open: &mut Vec<Cid>, cid: &Cid, bytes: &Bytes) -> Result<(), WalkError> {
    if open.pop_if(|next| next == cid).is_none() {
        return Ok(());
    }
    let below = links(cid, bytes).map_err(|cause| WalkError::Links { cid: *cid, cause })?;
    open.extend(below.into_iter().rev());
    if open.len() > OPEN_MAX { Err(WalkError::Wide) } else { Ok(()) }
}

/// The next block that a reader needs. What it reads on the way is of no interest: the blocks are.
fn need_of<R: unixfs::Reader>(reader: &mut R) -> Result<Option<Cid>, WalkError> {
    loop {
        match reader.step()? {
            Step::Need(cid) => return Ok(Some(cid)),
            Step::Give(_) => {}
            Step::Done => return Ok(None),
        }
    }
}
