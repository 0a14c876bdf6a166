//! Keys of every kind that peers have: written as libp2p writes them, signing and checked as libp2p does it.
//!
//! Asked by `name` and `record`, and by whoever keeps keys. Each kind has a file; `wire` has what they share on the
//! wire, `pkcs8` the form that other software exchanges.

mod ecdsa;
mod ed25519;
mod pkcs8;
mod rsa;
mod secp256k1;
mod stream;
mod wire;

use std::{fmt, str::FromStr};

use prost::Message as _;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::name::Name;
use wire::{KeyType, WireKey};

/// The bits of an RSA key when nobody says otherwise, as Kubo makes them.
pub const RSA_BITS_DEFAULT: usize = 2048;
/// Keys outside of these are refused, as go-libp2p refuses them.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
/// The longest key that anybody writes, an RSA key of 8,192 bits with its factors, has under half of this.
const KEY_BYTES_MAX: usize = 16 << 10;

/// The kinds of keys that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The one to take: small, fast, and the name holds the key.
    Ed25519,
    /// Large and slow, for who must have it.
    Rsa {
        /// The bits of the modulus.
        bits: usize,
    },
    /// The curve of Bitcoin.
    Secp256k1,
}

/// How a private key is written for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// The protobuf of libp2p, as it is kept.
    Libp2p,
    /// PKCS#8 in PEM.
    Pem,
}

/// What a key says of bytes.
pub type Signature = Vec<u8>;

/// Why bytes are no key, or a key cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not the protobuf of libp2p.
    #[error("these bytes are no key of libp2p")]
    Protobuf,
    /// The bytes of this kind of key are damaged.
    #[error("these bytes are no {0} key")]
    Damaged(&'static str),
    /// A kind that is not known here.
    #[error("a key of kind {0} is not known here; ed25519, rsa, secp256k1 and (to check only) ecdsa are")]
    Kind(i32),
    /// An elliptic curve that is not known here.
    #[error("an ecdsa key of another curve than P-256 is not known here")]
    Curve,
    /// A kind that can be checked but not kept.
    #[error("key type ECDSA is not allowed to be imported, only RSA, Ed25519, or Secp256k1")]
    OnlyPublic,
    /// Too small to be safe.
    #[error("rsa keys must be >= 2048 bits to be useful")]
    Small,
    /// So large that checking it costs too much.
    #[error("rsa keys must be <= 8192 bits")]
    Large,
    /// No PEM.
    #[error("PEM block not found in input data")]
    NoPem,
    /// PEM of something else.
    #[error("expected PRIVATE KEY type in PEM block but got: {0}")]
    OtherPem(String),
    /// PEM where the protobuf was announced.
    #[error("unexpected PEM block for format=libp2p-protobuf-cleartext: try again with format=pem-pkcs8-cleartext")]
    UnexpectedPem,
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Clone, PartialEq, Eq)]
enum Public {
    Ed25519(ed25519::Public),
    Rsa(rsa::Public),
    Secp256k1(secp256k1::Public),
    Ecdsa(ecdsa::Public),
}

impl PublicKey {
    /// Reads the protobuf of libp2p.
    ///
    /// # Errors
    ///
    /// When it is damaged, or of a kind or size that is not known here.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = WireKey::read(bytes)?;
        Ok(Self(match key.known_kind()? {
            KeyType::Ed25519 => Public::Ed25519(ed25519::Public::decode(&key.content)?),
            KeyType::Rsa => Public::Rsa(rsa::Public::decode(&key.content)?),
            KeyType::Secp256k1 => Public::Secp256k1(secp256k1::Public::decode(&key.content)?),
            KeyType::Ecdsa => Public::Ecdsa(ecdsa::Public::decode(&key.content)?),
        }))
    }

    /// The protobuf of libp2p.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, content) = match &self.0 {
            Public::Ed25519(key) => (KeyType::Ed25519, key.encode()),
            Public::Rsa(key) => (KeyType::Rsa, key.encode()),
            Public::Secp256k1(key) => (KeyType::Secp256k1, key.encode()),
            Public::Ecdsa(key) => (KeyType::Ecdsa, key.encode()),
        };
        WireKey::new(kind, content).encode_to_vec()
    }

    /// Whether the owner of this key signed these bytes.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Public::Ed25519(key) => key.verify(message, signature),
            Public::Rsa(key) => key.verify(message, signature),
            Public::Secp256k1(key) => key.verify(message, signature),
            Public::Ecdsa(key) => key.verify(message, signature),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Name {
        Name::of(self)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.name())
    }
}

/// A private key and its public one. Wiped when it is dropped.
#[derive(Clone)]
pub struct KeyPair(Pair);

#[derive(Clone)]
enum Pair {
    Ed25519(ed25519::Pair),
    Rsa(Box<rsa::Pair>),
    Secp256k1(secp256k1::Pair),
}

impl KeyPair {
    /// A new key, made of chance alone: the same seed makes the same key.
    ///
    /// # Errors
    ///
    /// When an RSA key of a size is asked for that nobody would accept.
    pub fn generate(kind: KeyKind, seed: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self(match kind {
            KeyKind::Ed25519 => Pair::Ed25519(ed25519::Pair::from_seed(seed)),
            KeyKind::Rsa { bits } => Pair::Rsa(Box::new(rsa::Pair::generate(bits, seed)?)),
            KeyKind::Secp256k1 => Pair::Secp256k1(secp256k1::Pair::generate(seed)),
        }))
    }

    /// Reads the protobuf of libp2p.
    ///
    /// # Errors
    ///
    /// When it is damaged, or of a kind or size that is not kept here.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = WireKey::read(bytes)?;
        Ok(Self(match key.known_kind()? {
            KeyType::Ed25519 => Pair::Ed25519(ed25519::Pair::decode(&key.content)?),
            KeyType::Rsa => Pair::Rsa(Box::new(rsa::Pair::decode(&key.content)?)),
            KeyType::Secp256k1 => Pair::Secp256k1(secp256k1::Pair::decode(&key.content)?),
            KeyType::Ecdsa => return Err(KeyError::OnlyPublic),
        }))
    }

    /// The protobuf of libp2p, the form in which Kubo keeps keys.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let (kind, content) = match &self.0 {
            Pair::Ed25519(key) => (KeyType::Ed25519, key.encode()),
            Pair::Rsa(key) => (KeyType::Rsa, key.encode()),
            Pair::Secp256k1(key) => (KeyType::Secp256k1, key.encode()),
        };
        Zeroizing::new(WireKey::new(kind, content.to_vec()).encode_to_vec())
    }

    /// Reads a key that other software wrote.
    ///
    /// # Errors
    ///
    /// When it is not of that format, or of a kind or size that is not kept here.
    pub fn import(format: KeyFormat, bytes: &[u8]) -> Result<Self, KeyError> {
        match format {
            KeyFormat::Libp2p => {
                Self::decode(bytes).map_err(|error| if pkcs8::is_pem(bytes) { KeyError::UnexpectedPem } else { error })
            }
            KeyFormat::Pem => pkcs8::read(bytes).map(Self),
        }
    }

    /// Writes the key for other software. PKCS#8 comes as DER, as Kubo's RPC sends it; [`KeyPair::pem`] has the text.
    #[must_use]
    pub fn export(&self, format: KeyFormat) -> Zeroizing<Vec<u8>> {
        match format {
            KeyFormat::Libp2p => self.encode(),
            KeyFormat::Pem => pkcs8::write(&self.0),
        }
    }

    /// PKCS#8 in PEM.
    #[must_use]
    pub fn pem(&self) -> Zeroizing<String> {
        pkcs8::pem(&self.0)
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Pair::Ed25519(key) => Public::Ed25519(key.public()),
            Pair::Rsa(key) => Public::Rsa(key.public()),
            Pair::Secp256k1(key) => Public::Secp256k1(key.public()),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.public().name()
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        match &self.0 {
            Pair::Ed25519(key) => key.sign(message),
            Pair::Rsa(key) => key.sign(message),
            Pair::Secp256k1(key) => key.sign(message),
        }
    }
}

/// The name only: a key must not be found in a log.
impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.name())
    }
}

impl FromStr for KeyFormat {
    type Err = String;

    /// # Errors
    ///
    /// The text, when it names no format.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "libp2p-protobuf-cleartext" => Ok(Self::Libp2p),
            "pem-pkcs8-cleartext" => Ok(Self::Pem),
            other => Err(other.to_owned()),
        }
    }
}
