//! Blocks and their names: a block is bytes, its CID is the hash of them with the codec to read them by.
//!
//! Asked by everything here. Keeps nothing.

use bytes::Bytes;
use cid::{Cid, Version, multihash::Multihash};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Codec of a block that is plain bytes.
pub const CODEC_RAW: u64 = 0x55;
/// Codec of a block that is a DAG-PB node.
pub const CODEC_DAG_PB: u64 = 0x70;
/// Codec of a block that is a DAG-CBOR node.
pub const CODEC_DAG_CBOR: u64 = 0x71;

pub(crate) const SHA2_256: u64 = 0x12;
const IDENTITY: u64 = 0x00;

/// A block with the name it goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The name: hash and codec of `bytes`.
    pub cid: Cid,
    /// The block itself.
    pub bytes: Bytes,
}

/// What a folder keeps of an entry: its name on the network and the size of all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The root block of what is linked.
    pub cid: Cid,
    /// Bytes of all blocks below and including that root (`Tsize`).
    pub tsize: u64,
}

/// A finished piece of a DAG: what a parent has to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The root block of the piece.
    pub cid: Cid,
    /// Bytes of all blocks of the piece (`Tsize`).
    pub tsize: u64,
    /// Bytes of the file that the piece holds; 0 for a folder.
    pub file_bytes: u64,
}

impl From<Node> for Link {
    fn from(node: Node) -> Self {
        Self { cid: node.cid, tsize: node.tsize }
    }
}

/// Why bytes are not the block that a CID names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// The hash of the bytes is another one.
    #[error("bytes do not hash to {cid}: drop them, and fetch the block from somewhere else")]
    Mismatch {
        /// The name that was claimed.
        cid: Cid,
    },
    /// We cannot compute this hash.
    #[error("{cid} uses hash function {code:#x}; only sha2-256 and identity can be checked here, so refuse the block")]
    UnknownHash {
        /// The name that cannot be checked.
        cid: Cid,
        /// Its multihash code.
        code: u64,
    },
}

/// The CIDv1 of `bytes` as a raw block: also the id of a comment.
#[must_use]
pub fn cid_raw(bytes: &[u8]) -> Cid {
    Cid::new_v1(CODEC_RAW, sha2_256(&[bytes]))
}

/// The CID of `bytes` as a DAG-PB block.
#[must_use]
pub fn cid_dag_pb(version: Version, bytes: &[u8]) -> Cid {
    cid_of_parts(version, CODEC_DAG_PB, &[bytes])
}

/// As if the parts were one block; saves the copy when only the name is wanted.
pub(crate) fn cid_of_parts(version: Version, codec: u64, parts: &[&[u8]]) -> Cid {
    let hash = sha2_256(parts);
    match version {
        Version::V0 if codec == CODEC_DAG_PB => Cid::new_v0(hash).expect("sha2-256 is what CIDv0 takes"),
        _ => Cid::new_v1(codec, hash),
    }
}

/// Checks that `bytes` are the block that `cid` names.
///
/// # Errors
///
/// `Mismatch` when they are not; `UnknownHash` when the hash is neither sha2-256 nor identity.
pub fn verify(cid: &Cid, bytes: &[u8]) -> Result<(), VerifyError> {
    let claimed = cid.hash();
    let right = match claimed.code() {
        SHA2_256 => claimed.digest() == sha2_256(&[bytes]).digest(),
        IDENTITY => claimed.digest() == bytes,
        code => return Err(VerifyError::UnknownHash { cid: *cid, code }),
    };
    if right { Ok(()) } else { Err(VerifyError::Mismatch { cid: *cid }) }
}

/// The block that a CID carries within itself (identity hash), which nobody has to be asked for.
#[must_use]
pub fn inline_block(cid: &Cid) -> Option<Bytes> {
    (cid.hash().code() == IDENTITY).then(|| Bytes::copy_from_slice(cid.hash().digest()))
}

fn sha2_256(parts: &[&[u8]]) -> Multihash<64> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    Multihash::wrap(SHA2_256, &hash.finalize()).expect("32 bytes fit in a multihash of 64")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(bytes: &[u8]) -> Cid {
        Cid::new_v1(CODEC_RAW, Multihash::wrap(IDENTITY, bytes).unwrap())
    }

    #[test]
    fn a_raw_cid_is_the_well_known_one() {
        let cid = cid_raw(b"hello world");
        assert_eq!(cid.to_string(), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    }

    #[test]
    fn only_the_right_bytes_are_verified() {
        let cid = cid_raw(b"a");
        assert_eq!(verify(&cid, b"a"), Ok(()));
        assert_eq!(verify(&cid, b"b"), Err(VerifyError::Mismatch { cid }));
    }

    #[test]
    fn an_identity_cid_carries_its_block() {
        let cid = identity(b"tiny");
        assert_eq!(verify(&cid, b"tiny"), Ok(()));
        assert!(verify(&cid, b"other").is_err());
        assert_eq!(inline_block(&cid), Some(Bytes::from_static(b"tiny")));
        assert_eq!(inline_block(&cid_raw(b"tiny")), None);
    }

    #[test]
    fn an_unknown_hash_is_said_to_be_unknown() {
        let cid = Cid::new_v1(CODEC_RAW, Multihash::wrap(0x1e, &[7; 32]).unwrap());
        assert_eq!(verify(&cid, b"a"), Err(VerifyError::UnknownHash { cid, code: 0x1e }));
    }
}
