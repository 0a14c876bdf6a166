//! The entries of a folder, flat or split, in the order of its blocks.

use super::{Piece, Pieces, ReadError, Wanted};
use crate::dir::Entry;
use crate::hamt::levels;
use crate::{Cid, CidSet, Fanout, Item, Shard};
use bytes::Bytes;

/// Lists a folder: by name when it is flat, by the hashes of the names when it is split.
#[derive(Debug, Clone)]
pub struct DirReader {
    pieces: Pieces<Entry, ShardToCome>,
    /// Sub-shards seen. One that comes twice is an attack: names of one shard fit in no other place.
    seen: CidSet,
}

#[derive(Debug, Clone, Copy)]
struct ShardToCome {
    cid: Cid,
    /// The fan-out of the root; `None` for the root itself.
    fanout: Option<Fanout>,
    level: u32,
}

impl Wanted for ShardToCome {
    fn cid(&self) -> &Cid {
        &self.cid
    }
}

impl DirReader {
    /// A reader of the folder whose root is `root`.
    #[must_use]
    pub fn new(root: Cid) -> Self {
        let root = ShardToCome { cid: root, fanout: None, level: 0 };
        Self { pieces: Pieces::starting_with(root), seen: CidSet::default() }
    }

    fn open(&mut self, place: ShardToCome, bytes: &Bytes) -> Result<Vec<Piece<Entry, ShardToCome>>, ReadError> {
        match Item::read(&place.cid, bytes).map_err(|cause| ReadError::item(&place.cid, cause))? {
            Item::Folder(entries) if place.level == 0 => Ok(entries.into_iter().map(Piece::Ready).collect()),
            Item::Shard(shard) => self.open_shard(place, shard),
            _ if place.level == 0 => Err(ReadError::NotAFolder(place.cid)),
            _ => Err(ReadError::Misfit(place.cid)),
        }
    }

    fn open_shard(&mut self, place: ShardToCome, shard: Shard) -> Result<Vec<Piece<Entry, ShardToCome>>, ReadError> {
        let is_same_shape = place.fanout.is_none_or(|fanout| fanout == shard.fanout);
        if !is_same_shape || place.level >= levels(shard.fanout) || !self.seen.insert(&place.cid) {
            return Err(ReadError::Misfit(place.cid));
        }
        let below = |cid| ShardToCome { cid, fanout: Some(shard.fanout), level: place.level + 1 };
        let piece = |held: crate::ShardSlot| match held.name.is_empty() {
            true => Piece::Wanted(below(held.link.cid)),
            false => Piece::Ready(Entry { name: held.name, link: held.link }),
        };
        Ok(shard.slots.into_iter().map(piece).collect())
    }
}

reads_pieces!(DirReader => Entry);
