//! The shape of HAMT folders: where a name's hash puts it, how a shard's place is written, and a shard's block.
//!
//! Asked by `dir` (build at once), `folder` (change in place) and the readers. Keeps nothing.

use crate::dag_pb::{self, PbLink};
use crate::murmur3::murmur3_x64_64;
use crate::{Block, Fanout, ImportOptions, Kind, Link, OptionsError, UnixFs, cid_dag_pb};
use bytes::Bytes;
use std::fmt;
use thiserror::Error;

/// Multicodec of murmur3-x64-64, the only hash in use.
pub(crate) const HASH_TYPE: u64 = 0x22;

/// The hash of a name, which says its slot on every level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameHash(u64);

impl NameHash {
    /// Bits too few for a level of their own are dropped: equal hashes are names that no shard can tell apart.
    pub(crate) fn of(name: &[u8], fanout: Fanout) -> Self {
        let unused = u64::BITS - levels(fanout) * fanout.bits();
        Self(murmur3_x64_64(name) >> unused << unused)
    }

    /// The slot on a level, the root being level 0; `None` below the last level.
    pub(crate) fn slot(self, fanout: Fanout, level: u32) -> Option<u16> {
        let slot = (level < levels(fanout)).then(|| self.0 << (level * fanout.bits()) >> (u64::BITS - fanout.bits()));
        slot.map(|slot| u16::try_from(slot).expect("a fan-out is at most 1024"))
    }
}

/// Levels that a folder can have before its hashes are used up: also the bound of every walk down.
pub(crate) const fn levels(fanout: Fanout) -> u32 {
    u64::BITS / fanout.bits()
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

    /// How far below the root the shard stands.
    pub(crate) fn level(&self, fanout: Fanout) -> u32 {
        u32::from(self.len) / u32::try_from(fanout.digits()).expect("a slot takes three digits at most")
    }

    /// The path of the sub-shard in `slot`; only above the last level.
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

/// What a slot of a shard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardSlot {
    /// Its place in the shard.
    pub slot: u16,
    /// The name of an entry; empty for a sub-shard.
    pub name: Bytes,
    /// What stands there.
    pub link: Link,
}

/// A shard as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// Slots that it could have.
    pub fanout: Fanout,
    /// Slots in use, in rising order.
    pub slots: Vec<ShardSlot>,
}

/// Why a block that says it is a shard is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ShardError {
    /// A fan-out that cannot be walked.
    #[error("shard of a folder has an impossible fan-out: treat the block as damaged")]
    Fanout(#[source] Option<OptionsError>),
    /// Names are placed by a hash that we do not have.
    #[error("shard of a folder places names by hash {0:?}, only murmur3 is known: newer software is needed")]
    HashType(Option<u64>),
    /// A link whose name does not begin with its slot or has a slash, or whose slot is taken or out of order.
    #[error("link {0:?} is out of place in its shard: treat the block as damaged")]
    Slot(Bytes),
}

impl Shard {
    /// Reads a shard from the links and the message of its node.
    pub(crate) fn read(links: &[PbLink], content: &UnixFs) -> Result<Self, ShardError> {
        if content.hash_type != Some(HASH_TYPE) {
            return Err(ShardError::HashType(content.hash_type));
        }
        let fanout = Fanout::new(content.fanout.ok_or(ShardError::Fanout(None))?);
        let fanout = fanout.map_err(|error| ShardError::Fanout(Some(error)))?;
        let slots = links.iter().map(|link| read_slot(fanout, link)).collect::<Result<Vec<_>, _>>()?;
        match slots.windows(2).find(|pair| pair[0].slot >= pair[1].slot) {
            Some(pair) => Err(ShardError::Slot(pair[1].name.clone())),
            None => Ok(Self { fanout, slots }),
        }
    }

    /// What stands in the slot of this number.
    #[must_use]
    pub fn slot(&self, slot: u16) -> Option<&ShardSlot> {
        self.slots.binary_search_by_key(&slot, |held| held.slot).ok().map(|at| &self.slots[at])
    }
}

fn read_slot(fanout: Fanout, link: &PbLink) -> Result<ShardSlot, ShardError> {
    let digits = link.name.get(..fanout.digits()).ok_or_else(|| ShardError::Slot(link.name.clone()))?;
    let slot = digits.iter().try_fold(0u16, |slot, digit| Some(slot << 4 | u16::from(hex_value(*digit)?)));
    match slot {
        Some(slot) if slot < fanout.get() && !link.name.contains(&b'/') => {
            Ok(ShardSlot { slot, name: link.name.slice(fanout.digits()..), link: link.link() })
        }
        _ => Err(ShardError::Slot(link.name.clone())),
    }
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The block of a shard; `slots` in rising order.
pub(crate) fn shard_block(options: &ImportOptions, slots: &[ShardSlot]) -> (Block, Link) {
    let fanout = options.hamt.fanout;
    let names: Vec<Vec<u8>> = slots.iter().map(|slot| link_name(fanout, slot)).collect();
    let links = names.iter().map(Vec::as_slice).zip(slots.iter().map(|slot| slot.link));
    let content = UnixFs {
        content: Some(bit_field(fanout, slots)),
        hash_type: Some(HASH_TYPE),
        fanout: Some(u64::from(fanout.get())),
        ..UnixFs::new(Kind::HamtShard)
    };
    let bytes = Bytes::from(dag_pb::encode(links, Some(&content.encode())));
    let cid = cid_dag_pb(options.cid_version, &bytes);
    let tsize = slots.iter().fold(bytes.len() as u64, |sum, slot| sum.saturating_add(slot.link.tsize));
    (Block { cid, bytes }, Link { cid, tsize })
}

fn link_name(fanout: Fanout, slot: &ShardSlot) -> Vec<u8> {
    let mut name = Vec::with_capacity(fanout.digits() + slot.name.len());
    name.extend(slot_digits(fanout, slot.slot));
    name.extend_from_slice(&slot.name);
    name
}

/// One bit per slot in use, as a big-endian number without leading zeros.
fn bit_field(fanout: Fanout, slots: &[ShardSlot]) -> Bytes {
    let mut bits = vec![0u8; usize::from(fanout.get()) / 8];
    let last = bits.len() - 1;
    for slot in slots {
        bits[last - usize::from(slot.slot) / 8] |= 1 << (slot.slot % 8);
    }
    let zeros = bits.iter().take_while(|byte| **byte == 0).count();
    Bytes::from(bits).slice(zeros..)
}
