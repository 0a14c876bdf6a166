//! What all keys share on the wire: a protobuf of the kind and the bytes that are that kind's own.
//!
//! Asked by `key`.

use prost::{Enumeration, Message};

use super::{KEY_BYTES_MAX, KeyError};

/// The kinds, by libp2p's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(super) enum KeyType {
    Rsa = 0,
    Ed25519 = 1,
    Secp256k1 = 2,
    Ecdsa = 3,
}

/// A public or a private key: both have this form.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct WireKey {
    /// Required, so that a zero (RSA) is written too.
    #[prost(enumeration = "KeyType", required, tag = "1")]
    pub(super) kind: i32,
    #[prost(bytes = "vec", required, tag = "2")]
    pub(super) content: Vec<u8>,
}

impl WireKey {
    pub(super) fn new(kind: KeyType, content: Vec<u8>) -> Self {
        Self { kind: kind.into(), content }
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() > KEY_BYTES_MAX {
            return Err(KeyError::Protobuf);
        }
        match Self::decode(bytes) {
            Ok(key) if !key.content.is_empty() => Ok(key),
            Ok(_) | Err(_) => Err(KeyError::Protobuf),
        }
    }

    pub(super) fn known_kind(&self) -> Result<KeyType, KeyError> {
        KeyType::try_from(self.kind).map_err(|_| KeyError::Kind(self.kind))
    }
}

/// Keys are wiped; public ones cost nothing by it.
impl Drop for WireKey {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.content);
    }
}
