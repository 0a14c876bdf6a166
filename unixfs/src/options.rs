//! How files and folders become DAGs: every choice that changes a CID, and the named sets of choices.
//!
//! Asked by the importers of files and folders. The profiles are those of IPIP-499.

use crate::Version;
use thiserror::Error;

/// Every choice that changes the CID of the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOptions {
    /// Version of the CIDs of DAG-PB blocks; raw blocks are always version 1.
    pub cid_version: Version,
    /// How the bytes of a file are put in blocks.
    pub leaves: Leaves,
    /// Bytes of a file per leaf.
    pub chunk_bytes: ChunkBytes,
    /// Children per node of a file.
    pub max_links: MaxLinks,
    /// When and how a folder is split into shards.
    pub hamt: HamtRule,
}

/// A named set of choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// `unixfs-v0-2015`: what Kubo does when nothing is said.
    V0_2015,
    /// `unixfs-v1-2025`: what Rookery uses.
    V1_2025,
    /// What Kubo does with `cid-version=1` and nothing else: chunks and width of 2015, raw leaves.
    KuboCidV1,
}

/// How the bytes of a file are put in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// As they are.
    Raw,
    /// Wrapped in a DAG-PB node.
    DagPb,
}

/// When a folder is split into shards, and how wide they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HamtRule {
    /// A folder whose estimate is *over* this is split.
    pub threshold_bytes: usize,
    /// How its size is estimated.
    pub estimate: SizeEstimate,
    /// Slots per shard.
    pub fanout: Fanout,
}

/// How the size of a folder is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeEstimate {
    /// Bytes of the names and CIDs alone.
    LinksBytes,
    /// Bytes of the block that a flat folder would be.
    BlockBytes,
}

/// A choice that cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// Chunks have to fit in blocks that peers accept.
    #[error("chunk of {0} bytes is outside 1..={max}: choose another size", max = ChunkBytes::MAX)]
    Chunk(usize),
    /// A tree needs two children per node to come to an end.
    #[error("{0} links per node are outside 2..={max}: choose another width", max = MaxLinks::MAX)]
    Links(usize),
    /// Shards are indexed by whole bits and marked in whole bytes.
    #[error("fan-out of {0} is not a power of two within 8..={max}: choose another", max = Fanout::MAX)]
    Fanout(u64),
}

/// Bytes of a file per leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkBytes(usize);

impl ChunkBytes {
    /// The most a leaf may hold: peers refuse blocks over 2 MiB, and a wrapped leaf has a frame.
    pub const MAX: usize = 2 * 1024 * 1024 - 256;

    /// # Errors
    ///
    /// `Chunk` when `bytes` is 0 or too many: nothing to do but choose another size.
    pub const fn new(bytes: usize) -> Result<Self, OptionsError> {
        if bytes == 0 || bytes > Self::MAX { Err(OptionsError::Chunk(bytes)) } else { Ok(Self(bytes)) }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

/// Children per node of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxLinks(usize);

impl MaxLinks {
    /// A node of so many links stays well under 2 MiB.
    pub const MAX: usize = 16 * 1024;

    /// # Errors
    ///
    /// `Links` when `links` is under 2 or too many: choose another width.
    pub const fn new(links: usize) -> Result<Self, OptionsError> {
        if links < 2 || links > Self::MAX { Err(OptionsError::Links(links)) } else { Ok(Self(links)) }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0
    }
}

/// Slots per shard of a HAMT folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fanout(u16);

impl Fanout {
    /// What readers of other makes accept at most.
    pub const MAX: u64 = 1024;

    /// # Errors
    ///
    /// `Fanout` when `slots` is no power of two from 8 to 1024: choose another.
    pub fn new(slots: u64) -> Result<Self, OptionsError> {
        match u16::try_from(slots) {
            Ok(slots @ 8..=1024) if slots.is_power_of_two() => Ok(Self(slots)),
            _ => Err(OptionsError::Fanout(slots)),
        }
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Bits of a name's hash that choose a slot.
    pub(crate) const fn bits(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// Hexadecimal digits that a slot takes in the name of a link.
    pub(crate) const fn digits(self) -> usize {
        self.bits().div_ceil(4) as usize
    }
}

const KIB: usize = 1024;
const FLAT_MAX_BYTES: usize = 256 * KIB;

impl Profile {
    /// The choices of this profile.
    #[must_use]
    pub const fn options(self) -> ImportOptions {
        let (cid_version, leaves) = match self {
            Self::V0_2015 => (Version::V0, Leaves::DagPb),
            Self::V1_2025 | Self::KuboCidV1 => (Version::V1, Leaves::Raw),
        };
        let (chunk_bytes, max_links, estimate) = match self {
            Self::V1_2025 => (1024 * KIB, 1024, SizeEstimate::BlockBytes),
            Self::V0_2015 | Self::KuboCidV1 => (256 * KIB, 174, SizeEstimate::LinksBytes),
        };
        ImportOptions {
            cid_version,
            leaves,
            chunk_bytes: ChunkBytes(chunk_bytes),
            max_links: MaxLinks(max_links),
            hamt: HamtRule { threshold_bytes: FLAT_MAX_BYTES, estimate, fanout: Fanout(256) },
        }
    }

    /// The name it goes by in IPIP-499 and in Kubo.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V0_2015 => "unixfs-v0-2015",
            Self::V1_2025 => "unixfs-v1-2025",
            Self::KuboCidV1 => "test-cid-v1",
        }
    }
}

impl From<Profile> for ImportOptions {
    fn from(profile: Profile) -> Self {
        profile.options()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_choices_that_can_be_built_are_accepted() {
        assert_eq!(ChunkBytes::new(0), Err(OptionsError::Chunk(0)));
        assert_eq!(MaxLinks::new(1), Err(OptionsError::Links(1)));
        for wrong in [0, 4, 100, 2048, u64::MAX] {
            assert_eq!(Fanout::new(wrong), Err(OptionsError::Fanout(wrong)));
        }
    }

    #[test]
    fn a_slot_takes_as_many_digits_as_the_last_one_needs() {
        let digits = |slots| Fanout::new(slots).unwrap().digits();
        assert_eq!([digits(8), digits(16), digits(32), digits(256), digits(512), digits(1024)], [1, 1, 2, 2, 3, 3]);
    }
}
