//! How a block stands in a segment: a small header that names it, then its bytes, padded to eight.
//!
//! Asked by `segment`, which writes records, and by `compact`, which reads a segment from end to end. Keeps nothing.
//!
//! ```text
//! 4 magic   4 block bytes, little-endian   1 key bytes   key   block   0..7 zeros
//! ```

use std::fmt;

use unixfs::Cid;

/// Marks the beginning of a record.
const MAGIC: [u8; 4] = *b"RkB1";
const FIXED_BYTES: usize = 9;
const ALIGN: u64 = 8;
/// The longest multihash that is kept: a digest of 64 bytes with its code and length.
pub(crate) const KEY_BYTES_MAX: usize = 72;

/// What a block is kept under: its multihash, so that all CIDs of the same bytes share one copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    bytes: [u8; KEY_BYTES_MAX],
    len: u8,
}

impl Key {
    /// The key of the block that a CID names.
    #[must_use]
    pub fn of(cid: &Cid) -> Self {
        let mut bytes = [0; KEY_BYTES_MAX];
        let mut rest = &mut bytes[..];
        cid.hash().write(&mut rest).expect("a multihash of 64 bytes fits");
        let len = KEY_BYTES_MAX - rest.len();
        Self { bytes, len: u8::try_from(len).expect("at most 72") }
    }

    /// The key as it was written by [`Key::as_bytes`].
    #[must_use]
    pub fn read(written: &[u8]) -> Option<Self> {
        let len = u8::try_from(written.len()).ok().filter(|len| usize::from(*len) <= KEY_BYTES_MAX)?;
        let mut bytes = [0; KEY_BYTES_MAX];
        bytes[..written.len()].copy_from_slice(written);
        Some(Self { bytes, len })
    }

    /// The multihash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The raw CID of the block, as Kubo names blocks when it knows no more than their hash.
    #[must_use]
    pub fn raw_cid(&self) -> Option<Cid> {
        let hash = unixfs_hash(self.as_bytes())?;
        Some(Cid::new_v1(unixfs::CODEC_RAW, hash))
    }
}

fn unixfs_hash(bytes: &[u8]) -> Option<cid::multihash::Multihash<64>> {
    cid::multihash::Multihash::from_bytes(bytes).ok()
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Where a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which segment.
    pub(crate) segment: u32,
    /// Where its record begins.
    pub(crate) offset: u64,
    /// Bytes of the block alone.
    pub(crate) block_bytes: u32,
}

impl Place {
    /// Bytes of the whole record.
    pub(crate) fn record_bytes(&self, key: &Key) -> u64 {
        record_bytes(key, self.block_bytes)
    }
}

/// Bytes before the block.
pub(crate) fn header_bytes(key: &Key) -> usize {
    FIXED_BYTES + usize::from(key.len)
}

/// Bytes of a record, padding included.
pub(crate) fn record_bytes(key: &Key, block_bytes: u32) -> u64 {
    (header_bytes(key) as u64 + u64::from(block_bytes)).next_multiple_of(ALIGN)
}

/// The header of a record.
pub(crate) fn header(key: &Key, block_bytes: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(header_bytes(key));
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&block_bytes.to_le_bytes());
    out.push(key.len);
    out.extend_from_slice(key.as_bytes());
    out
}

/// The key and the size of the block whose record begins here, if one does.
pub(crate) fn read_header(bytes: &[u8]) -> Option<(Key, u32)> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let (block_bytes, rest) = rest.split_first_chunk::<4>()?;
    let (&[key_bytes], rest) = rest.split_first_chunk::<1>()?;
    let key = Key::read(rest.get(..usize::from(key_bytes))?)?;
    (*magic == MAGIC).then(|| (key, u32::from_le_bytes(*block_bytes)))
}

/// The longest header there can be.
pub(crate) const HEADER_BYTES_MAX: usize = FIXED_BYTES + KEY_BYTES_MAX;
/// Records begin at multiples of this.
pub(crate) const RECORD_ALIGN: u64 = ALIGN;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::of(&unixfs::cid_raw(b"hello world"))
    }

    #[test]
    fn a_record_begins_with_these_bytes() {
        let digest = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        let hex: String = header(&key(), 11).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, format!("526b4231{}{}1220{digest}", "0b000000", "22"));
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        assert_eq!(read_header(&header(&key(), 7)), Some((key(), 7)));
        assert_eq!(record_bytes(&key(), 7) % 8, 0);
    }

    #[test]
    fn all_cids_of_the_same_bytes_share_a_key() {
        let v0 = unixfs::cid_dag_pb(unixfs::Version::V0, b"hello world");
        assert_eq!(Key::of(&v0), key());
        assert_eq!(key().raw_cid(), Some(unixfs::cid_raw(b"hello world")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = read_header(&bytes);
        }
    }
}
