//! The shape of HAMT folders: where a name's hash puts it, how a shard's place is written, and a shard's block.
//!
//! Asked by `dir` (build at once), `folder` (change in place) and the readers. Keeps nothing.

use crate::dag_pb;
use crate::murmur3::murmur3_x64_64;
use crate::{Block, Fanout, ImportOptions, Kind, Link, UnixFs, Version, cid_dag_pb};
use bytes::Bytes;
use std::fmt;
use thiserror::Error;

/// Multicodec of murmur3-x64-64, the only hash in use.
pub(crate) const HASH_TYPE: u64 = 0x22;

/// Why names cannot be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HamtError {
    /// Two names agree in all bits of their hash that choose slots.
    #[error("two names of the folder have the same hash, which a HAMT cannot hold: rename one of them")]
    Exhausted,
}

/// The hash of a name, which says its slot on every level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NameHash(u64);

impl NameHash {
    pub(crate) fn of(name: &[u8]) -> Self {
        Self(murmur3_x64_64(name))
    }

    /// The slot on a level, the root being level 0.
    pub(crate) fn slot(self, fanout: Fanout, level: u32) -> Result<u16, HamtError> {
        let used = level * fanout.bits();
        if used + fanout.bits() > u64::BITS {
            return Err(HamtError::Exhausted);
        }
        let slot = (self.0 << used) >> (u64::BITS - fanout.bits());
        Ok(u16::try_from(slot).expect("a fan-out is at most 1024"))
    }
}

/// The most digits a path can have: 21 levels of fan-out 8.
const PATH_MAX: usize = 24;

/// Where a shard stands in its folder: the slots from the root down, in hexadecimal digits as in link names.
///
/// The root, and a folder that is not split, is the empty path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ShardPath {
    digits: [u8; PATH_MAX],
    len: u8,
}

impl ShardPath {
    /// The root of a folder.
    pub const ROOT: Self = Self { digits: [0; PATH_MAX], len: 0 };

    /// The digits as ASCII: a key for the caller's store; children start with the digits of their parent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[..usize::from(self.len)]
    }

    /// The path of the sub-shard in `slot`.
    pub(crate) fn child(mut self, fanout: Fanout, slot: u16) -> Self {
        for digit in slot_digits(fanout, slot) {
            self.digits[usize::from(self.len)] = digit;
            self.len += 1;
        }
        self
    }
}

impl fmt::Display for ShardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("/")?;
        self.as_bytes().iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl fmt::Debug for ShardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardPath({self})")
    }
}

/// The digits of a slot, upper case, as many as the fan-out takes.
pub(crate) fn slot_digits(fanout: Fanout, slot: u16) -> impl Iterator<Item = u8> {
    let digits = fanout.digits();
    (0..digits).rev().map(move |place| b"0123456789ABCDEF"[usize::from(slot >> (4 * place)) & 0xf])
}

/// What a slot of a shard holds, for writing.
pub(crate) struct SlotLink<'a> {
    pub(crate) slot: u16,
    /// Empty for a sub-shard.
    pub(crate) name: &'a [u8],
    pub(crate) link: Link,
}

/// The block of a shard; `slots` in rising order.
pub(crate) fn shard_block(fanout: Fanout, version: Version, slots: &[SlotLink<'_>]) -> (Block, Link) {
    let names: Vec<Vec<u8>> = slots.iter().map(|slot| link_name(fanout, slot)).collect();
    let links = names.iter().map(Vec::as_slice).zip(slots.iter().map(|slot| slot.link));
    let content = UnixFs {
        content: Some(bit_field(fanout, slots)),
        hash_type: Some(HASH_TYPE),
        fanout: Some(u64::from(fanout.get())),
        ..UnixFs::new(Kind::HamtShard)
    };
    let bytes = Bytes::from(dag_pb::encode(links, Some(&content.encode())));
    let cid = cid_dag_pb(version, &bytes);
    let tsize = slots.iter().fold(bytes.len() as u64, |sum, slot| sum.saturating_add(slot.link.tsize));
    (Block { cid, bytes }, Link { cid, tsize })
}

fn link_name(fanout: Fanout, slot: &SlotLink<'_>) -> Vec<u8> {
    let mut name = Vec::with_capacity(fanout.digits() + slot.name.len());
    name.extend(slot_digits(fanout, slot.slot));
    name.extend_from_slice(slot.name);
    name
}

/// One bit per slot in use, as a big-endian number without leading zeros.
fn bit_field(fanout: Fanout, slots: &[SlotLink<'_>]) -> Bytes {
    let mut bits = vec![0u8; usize::from(fanout.get()) / 8];
    let last = bits.len() - 1;
    for slot in slots {
        bits[last - usize::from(slot.slot) / 8] |= 1 << (slot.slot % 8);
    }
    let zeros = bits.iter().take_while(|byte| **byte == 0).count();
    Bytes::from(bits).slice(zeros..)
}

/// As [`shard_block`] with the choices of an import.
pub(crate) fn shard(options: &ImportOptions, slots: &[SlotLink<'_>]) -> (Block, Link) {
    shard_block(options.hamt.fanout, options.cid_version, slots)
}
