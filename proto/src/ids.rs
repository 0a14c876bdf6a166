//! What things are called. An id is a type of its own, so that two of them cannot be swapped by mistake.
//!
//! In text (JSON, TOML, logs) an id is a string; between boxes it is its bytes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha1::Digest as _;

/// An id could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{typed}` is not {expected}")]
pub struct IdError {
    /// What was given.
    pub typed: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl IdError {
    fn new(typed: &str, expected: &'static str) -> Self {
        Self { typed: typed.chars().take(80).collect(), expected }
    }
}

fn hex_lower(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

/// Serde for an id: its `Display` in text, its bytes otherwise.
macro_rules! serde_as_text_or_bytes {
    ($name:ident, $to_bytes:expr, $from_bytes:expr) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() { to.collect_str(self) } else { to.serialize_bytes(&$to_bytes(self)) }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Visit;
                impl de::Visitor<'_> for Visit {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($name::EXPECTED)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        $from_bytes(bytes).ok_or_else(|| E::invalid_value(de::Unexpected::Bytes(bytes), &self))
                    }
                }
                if from.is_human_readable() { from.deserialize_str(Visit) } else { from.deserialize_bytes(Visit) }
            }
        }
    };
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);
        impl $name {
            const EXPECTED: &'static str = $expected;
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex_lower(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self).ok_or_else(|| IdError::new(text, Self::EXPECTED))
            }
        }
        serde_as_text_or_bytes!($name, |id: &$name| id.0, |bytes: &[u8]| bytes.try_into().ok().map($name));
    };
}

hex_id! {
    /// A page: the SHA-1 of its address, 20 bytes, written as 40 lower-case hex digits.
    Topic, 20, "a topic: 40 lower-case hex digits, the SHA-1 of the page's address"
}
hex_id! {
    /// A comment's id in the comntr network: the SHA-1 of the blob, 20 bytes.
    LegacyId, 20, "a legacy id: 40 lower-case hex digits, the SHA-1 of the comment"
}
hex_id! {
    /// Follows one request of a visitor through all boxes, in logs and messages.
    RequestId, 8, "a request id: 16 lower-case hex digits"
}

impl Topic {
    /// The topic of a page's address, as every comntr client computes it.
    #[must_use]
    pub fn of_address(address: &str) -> Self {
        Self(sha1::Sha1::digest(address.as_bytes()).into())
    }
}

impl LegacyId {
    /// The legacy id of a comment's bytes.
    #[must_use]
    pub fn of(blob: &[u8]) -> Self {
        Self(sha1::Sha1::digest(blob).into())
    }
}

/// Multicodec `raw` (0x55): the bytes as they are.
pub const RAW: u64 = 0x55;
/// Multihash code of SHA2-256 (0x12).
pub const SHA2_256: u64 = 0x12;

/// A comment's id: the SHA2-256 of its blob, written as the CIDv1 (raw) that any IPFS software gives the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommentId(pub [u8; 32]);

impl CommentId {
    const EXPECTED: &'static str = "a comment's id: a CIDv1 with codec raw and hash sha2-256 (`bafkrei…`)";

    /// The id of a comment's bytes.
    #[must_use]
    pub fn of(blob: &[u8]) -> Self {
        Self(sha2::Sha256::digest(blob).into())
    }

    /// The same id as a CID.
    #[must_use]
    pub fn cid(&self) -> Cid {
        let hash = cid::multihash::Multihash::wrap(SHA2_256, &self.0).expect("32 bytes fit into a multihash of 64");
        Cid(cid::Cid::new_v1(RAW, hash))
    }

    /// The id that a CID names, if it is the CID of a comment.
    #[must_use]
    pub fn from_cid(cid: &Cid) -> Option<Self> {
        let right = cid.0.codec() == RAW && cid.0.hash().code() == SHA2_256 && cid.0.version() == cid::Version::V1;
        right.then(|| cid.0.hash().digest().try_into().ok().map(Self)).flatten()
    }
}

impl fmt::Display for CommentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cid().fmt(f)
    }
}

impl fmt::Debug for CommentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CommentId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let cid = text.parse::<Cid>().ok();
        cid.and_then(|cid| Self::from_cid(&cid)).ok_or_else(|| IdError::new(text, Self::EXPECTED))
    }
}

serde_as_text_or_bytes!(CommentId, |id: &CommentId| id.0, |bytes: &[u8]| bytes.try_into().ok().map(CommentId));

/// A content id of IPFS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid(pub cid::Cid);

impl Cid {
    const EXPECTED: &'static str = "a CID (`bafy…`, `Qm…`)";

    /// The CID in its binary form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// Reads the binary form.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        cid::Cid::try_from(bytes).ok().map(Self)
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cid {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        cid::Cid::try_from(text).map(Self).map_err(|_| IdError::new(text, Self::EXPECTED))
    }
}

serde_as_text_or_bytes!(Cid, |cid: &Cid| cid.to_bytes(), Cid::from_bytes);

/// A comment named by either of its two ids.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum AnyId {
    /// By CID.
    Comment(CommentId),
    /// By SHA-1.
    Legacy(LegacyId),
}

impl fmt::Display for AnyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comment(id) => id.fmt(f),
            Self::Legacy(id) => id.fmt(f),
        }
    }
}

impl FromStr for AnyId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        const EXPECTED: &str = "a comment's id: a CID (`bafkrei…`) or 40 lower-case hex digits";
        let legacy = text.parse().map(Self::Legacy);
        legacy.or_else(|_| text.parse().map(Self::Comment)).map_err(|_| IdError::new(text, EXPECTED))
    }
}

/// The place of a comment in the order of arrival on this server; the first is 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one life of an arrival log: a rebuilt log has another epoch, and old sequence numbers mean nothing in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_in_text_reads_back_as_itself() {
        let id = CommentId::of(b"hi");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string(), "bafkreiepinbumzepnoln7co5vea4kf3lcctnqolb3u6bvsellgznymt2uq");
        let topic = Topic::of_address("http://example.com/");
        assert_eq!(topic.to_string().parse(), Ok(topic));
    }

    #[test]
    fn upper_case_hex_is_not_a_topic() {
        assert!("ABCDEF0123ABCDEF0123ABCDEF0123ABCDEF0123".parse::<Topic>().is_err());
        assert!("abcdef".parse::<Topic>().is_err());
    }

    #[test]
    fn an_id_is_a_string_in_json_and_bytes_on_the_bus() {
        let topic = Topic([7; 20]);
        assert_eq!(serde_json::to_string(&topic).unwrap(), format!("\"{}\"", "07".repeat(20)));
        let packed = rmp_serde::to_vec_named(&topic).unwrap();
        assert_eq!(packed[..2], [0xc4, 20]);
        assert_eq!(rmp_serde::from_slice::<Topic>(&packed).unwrap(), topic);
        let cid = CommentId::of(b"x").cid();
        let packed = rmp_serde::to_vec_named(&cid).unwrap();
        assert_eq!(rmp_serde::from_slice::<Cid>(&packed).unwrap(), cid);
    }
}
