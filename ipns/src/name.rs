//! A name: the multihash of a public key, which is a peer's id as well.
//!
//! Asked by everybody who writes or reads one. Texts: `12D3KooW…` and `Qm…` are the hash in base58, `k51…` and others
//! are a CID of the codec `libp2p-key`.

use std::fmt;

use cid::{
    Cid,
    multibase::{self, Base},
    multihash::Multihash,
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::key::PublicKey;

/// The codec of CIDs that are names.
const LIBP2P_KEY: u64 = 0x72;
const IDENTITY: u64 = 0x00;
const SHA2_256: u64 = 0x12;
/// A public key up to this is its own hash.
const INLINE_BYTES_MAX: usize = 42;
/// What comes before a name in a path, and before its bytes in a key of the DHT.
const PREFIX: &str = "/ipns/";

/// The name of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Multihash<64>);

/// A text or bytes are no name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// It has no spelling that a name can have.
    #[error("failed to parse peer ID: {text:?} is neither base58 of a multihash nor a CID of the codec libp2p-key")]
    Text {
        /// The text.
        text: String,
    },
    /// A CID of something else.
    #[error("failed to parse peer ID: a CID of the codec libp2p-key is expected, this one has codec 0x{codec:x}")]
    Codec {
        /// The codec.
        codec: u64,
    },
    /// Neither SHA-256 nor the key itself.
    #[error("a name is the SHA-256 of a key or the key itself; these bytes are neither")]
    Hash,
    /// A key of the DHT that belongs to something else.
    #[error("a key of the DHT that names a record begins with \"/ipns/\"")]
    RoutingKey,
}

impl Name {
    /// The name of a key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        let bytes = key.encode();
        let (code, digest) = if bytes.len() <= INLINE_BYTES_MAX {
            (IDENTITY, bytes)
        } else {
            (SHA2_256, Sha256::digest(&bytes).to_vec())
        };
        Self(Multihash::wrap(code, &digest).expect("32 or at most 42 bytes fit into 64"))
    }

    /// Reads the bytes of a peer id.
    ///
    /// # Errors
    ///
    /// When they are no multihash that a key can have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NameError> {
        Self::checked(Multihash::from_bytes(bytes).map_err(|_| NameError::Hash)?)
    }

    fn checked(hash: Multihash<64>) -> Result<Self, NameError> {
        match (hash.code(), usize::from(hash.size())) {
            (SHA2_256, 32) | (IDENTITY, 1..=INLINE_BYTES_MAX) => Ok(Self(hash)),
            _ => Err(NameError::Hash),
        }
    }

    /// Reads a name in any of its spellings, with or without `/ipns/` before it.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        let wrong = || NameError::Text { text: text.to_owned() };
        // The parser of CIDs would take a path for the CID in it.
        if text.contains('/') {
            return Err(wrong());
        }
        if text.starts_with("Qm") || text.starts_with('1') {
            let bytes = Base::Base58Btc.decode(text).map_err(|_| wrong())?;
            return Self::from_bytes(&bytes);
        }
        Self::from_cid(&text.parse().map_err(|_| wrong())?)
    }

    /// The name that a CID is.
    ///
    /// # Errors
    ///
    /// When it is the CID of something else.
    pub fn from_cid(cid: &Cid) -> Result<Self, NameError> {
        match cid.codec() {
            LIBP2P_KEY => Self::checked(*cid.hash()),
            codec => Err(NameError::Codec { codec }),
        }
    }

    /// The CID of the codec `libp2p-key`.
    #[must_use]
    pub fn cid(&self) -> Cid {
        Cid::new_v1(LIBP2P_KEY, self.0)
    }

    /// The CID in a base of the caller's choice.
    #[must_use]
    pub fn cid_text(&self, base: Base) -> String {
        multibase::encode(base, self.cid().to_bytes())
    }

    /// `12D3KooW…`, `Qm…`: how peers are written.
    #[must_use]
    pub fn peer_id(&self) -> String {
        Base::Base58Btc.encode(self.to_bytes())
    }

    /// The bytes of the peer id.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// The key, when the name is short enough to hold it.
    #[must_use]
    pub fn public_key(&self) -> Option<PublicKey> {
        (self.0.code() == IDENTITY).then(|| PublicKey::decode(self.0.digest()).ok()).flatten()
    }

    /// The key of the DHT under which the record of this name is kept: not the name's text but its bytes.
    #[must_use]
    pub fn routing_key(&self) -> Vec<u8> {
        [PREFIX.as_bytes(), &self.to_bytes()].concat()
    }

    /// The name whose record is kept under a key of the DHT.
    ///
    /// # Errors
    ///
    /// When something else is kept there.
    pub fn from_routing_key(key: &[u8]) -> Result<Self, NameError> {
        Self::from_bytes(key.strip_prefix(PREFIX.as_bytes()).ok_or(NameError::RoutingKey)?)
    }
}

/// `k51…`: the CID in base 36, which fits into a label of a host's name.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cid_text(Base::Base36Lower))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}
