//! A topic's folder as an archive, piece by piece: depth first, as any gateway gives it, but straight from the store.
//!
//! Asked by `reads`. A piece is read in a snapshot of its own; where it ends is told to the asker and comes back with the
//! next question, so nothing is kept here, and a sibling may go on. The folder is that of the first piece throughout.

use bytes::{Bytes, BytesMut};
use comment_store::{Found, Past, Reader, Snapshot, StoreError};
use proto::{
    AnyId, Cid, CommentId, Topic,
    folders::Place,
    threads::{ArchivePiece, ArchivePlace, PAGE_BYTES, ReadArchive, ReadError},
};
use unixfs::{Item, Version, car, cid_dag_pb};

use crate::reads::Refused;

/// Digits of a name's hash are used up after so many levels.
const LEVELS_MAX: usize = 8;
/// Slots of a shard, whose numbers have two digits: what `post-worker` writes.
const FANOUT: u16 = 256;

const MOVED: Refused = Refused::Answer(ReadError::Moved);

/// What a link of a folder leads to.
#[derive(Debug, Clone)]
enum Child {
    Comment(CommentId),
    /// A shard, with the digits of its place.
    Shard(unixfs::Cid, Vec<u8>),
}

/// A block of the folder whose links are being followed.
#[derive(Debug)]
struct Level {
    children: Vec<Child>,
    next: usize,
}

/// Reads a piece; none when nobody has commented.
pub(crate) fn read(store: &Reader, question: &ReadArchive) -> Result<Option<ArchivePiece>, Refused> {
    let snapshot = store.snapshot()?;
    let Some(place) = &question.from else { return first(&snapshot, question.topic) };
    if place.epoch != snapshot.epoch() || place.steps.is_empty() || place.steps.len() > LEVELS_MAX {
        return Err(MOVED);
    }
    let mut walk = Walk::new(&snapshot, question.topic, place.commit)?.ok_or(MOVED)?;
    let root = walk.node(b"")?.ok_or(MOVED)?;
    let folder = cid_dag_pb(Version::V1, &root);
    walk.resume(&folder, &root, &place.steps)?;
    walk.piece(folder).map(Some)
}

fn first(snapshot: &Snapshot<'_>, topic: Topic) -> Result<Option<ArchivePiece>, Refused> {
    let folder = snapshot.topic(&topic)?.and_then(|summary| summary.folder);
    let Some(folder) = folder else { return Ok(None) };
    let mut walk = Walk::new(snapshot, topic, snapshot.last_commit())?.ok_or(MOVED)?;
    walk.car.extend_from_slice(&car::header(&[folder.0]));
    walk.enter(&folder.0, b"")?;
    walk.piece(folder.0).map(Some)
}

/// A walk through the folder of a topic.
struct Walk<'s, 'r> {
    snapshot: &'s Snapshot<'r>,
    past: Past<'s, 'r>,
    topic: Topic,
    commit: u64,
    levels: Vec<Level>,
    car: BytesMut,
}

impl<'s, 'r> Walk<'s, 'r> {
    fn new(snapshot: &'s Snapshot<'r>, topic: Topic, commit: u64) -> Result<Option<Self>, Refused> {
        let past = snapshot.past(commit, &Place::Topic(topic).path(b""))?;
        let begun = |past| Self { snapshot, past, topic, commit, levels: Vec::new(), car: BytesMut::new() };
        Ok(past.map(begun))
    }

    fn node(&self, digits: &[u8]) -> Result<Option<Bytes>, Refused> {
        Ok(self.past.node(&Place::Topic(self.topic).path(digits))?.map(Bytes::copy_from_slice))
    }

    /// Goes back to where the last piece ended: every step but the last has led into a shard.
    fn resume(&mut self, folder: &unixfs::Cid, root: &Bytes, steps: &[u32]) -> Result<(), Refused> {
        self.levels.push(Level { children: self.children(folder, b"", root)?, next: 0 });
        for (depth, step) in steps.iter().enumerate() {
            let level = self.levels.last_mut().expect("the root is the first level");
            level.next = *step as usize;
            if level.next > level.children.len() {
                return Err(MOVED);
            }
            if depth + 1 < steps.len() {
                let entered = level.next.checked_sub(1).and_then(|at| level.children.get(at)).cloned();
                let Some(Child::Shard(cid, digits)) = entered else { return Err(MOVED) };
                let bytes = self.block(&cid, &digits)?;
                self.levels.push(Level { children: self.children(&cid, &digits, &bytes)?, next: 0 });
            }
        }
        Ok(())
    }

    /// Goes on until there is a piece, or nothing left.
    fn piece(mut self, folder: unixfs::Cid) -> Result<ArchivePiece, Refused> {
        while self.car.len() < PAGE_BYTES {
            let Some(level) = self.levels.last_mut() else { break };
            let child = level.children.get(level.next).cloned();
            level.next += 1;
            match child {
                None => drop(self.levels.pop()),
                Some(Child::Comment(id)) => self.comment(id)?,
                Some(Child::Shard(cid, digits)) => self.enter(&cid, &digits)?,
            }
        }
        let steps: Vec<_> = self.levels.iter().map(|level| u32::try_from(level.next).unwrap_or(u32::MAX)).collect();
        let place = ArchivePlace { epoch: self.snapshot.epoch(), commit: self.commit, steps };
        let next = (!place.steps.is_empty()).then_some(place);
        Ok(ArchivePiece { folder: Cid(folder), next, car: self.car.freeze() })
    }

    fn comment(&mut self, id: CommentId) -> Result<(), Refused> {
        match self.snapshot.find(&self.topic, &AnyId::Comment(id))? {
            Found::Comment(file) => self.put(&id.cid().0, file.blob),
            // Its author's wish counts more than the archive.
            Found::Deleted | Found::Unknown => return Err(MOVED),
        }
        Ok(())
    }

    fn enter(&mut self, cid: &unixfs::Cid, digits: &[u8]) -> Result<(), Refused> {
        let bytes = self.block(cid, digits)?;
        let children = self.children(cid, digits, &bytes)?;
        self.put(cid, &bytes);
        self.levels.push(Level { children, next: 0 });
        Ok(())
    }

    fn block(&self, cid: &unixfs::Cid, digits: &[u8]) -> Result<Bytes, Refused> {
        let found = self.node(digits)?.filter(|bytes| cid_dag_pb(Version::V1, bytes) == *cid);
        found.ok_or_else(|| damaged(cid, "is not where it should be"))
    }

    fn children(&self, cid: &unixfs::Cid, digits: &[u8], bytes: &Bytes) -> Result<Vec<Child>, Refused> {
        let comment = |link: &unixfs::Link| {
            CommentId::from_cid(&Cid(link.cid)).map(Child::Comment).ok_or_else(|| damaged(cid, "links no comment"))
        };
        match Item::read(cid, bytes) {
            Ok(Item::Folder(entries)) => entries.iter().map(|entry| comment(&entry.link)).collect(),
            Ok(Item::Shard(shard)) if shard.fanout.get() == FANOUT && self.levels.len() < LEVELS_MAX => {
                let child = |slot: &unixfs::ShardSlot| match slot.name.is_empty() {
                    true => Ok(Child::Shard(slot.link.cid, [digits, format!("{:02X}", slot.slot).as_bytes()].concat())),
                    false => comment(&slot.link),
                };
                shard.slots.iter().map(child).collect()
            }
            _ => Err(damaged(cid, "is no folder")),
        }
    }

    fn put(&mut self, cid: &unixfs::Cid, bytes: &[u8]) {
        self.car.extend_from_slice(&car::section_head(cid, bytes.len()));
        self.car.extend_from_slice(bytes);
    }
}

fn damaged(cid: &unixfs::Cid, what: &str) -> Refused {
    Refused::Store(StoreError::Folders { found: format!("a folder whose block {cid} {what}") })
}
