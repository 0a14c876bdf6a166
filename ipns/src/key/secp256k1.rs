//! Keys on the curve secp256k1: 33 bytes public (compressed), 32 private; signatures in DER over SHA-256.
//!
//! Asked by `key`.

use k256::{
    SecretKey,
    ecdsa::{
        Signature, SigningKey, VerifyingKey,
        signature::{Signer as _, Verifier as _},
    },
};
use zeroize::Zeroizing;

use super::{KeyError, stream::Stream};

const DAMAGED: KeyError = KeyError::Damaged("secp256k1");

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Public(VerifyingKey);

impl Public {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| DAMAGED)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.to_sec1_point(true).as_bytes().to_vec()
    }

    /// Accepts both signatures that are right for a message, as go-libp2p does.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.0.verify(message, &signature.normalize_s()).is_ok())
    }
}

#[derive(Clone)]
pub(super) struct Pair(SecretKey);

impl Pair {
    /// Practically every 32 bytes are a key; the stream goes on where they are not.
    pub(super) fn generate(seed: &[u8; 32]) -> Self {
        let mut stream = Stream::new(seed, b"secp256k1");
        loop {
            let mut bytes = Zeroizing::new([0; 32]);
            stream.fill(&mut *bytes);
            if let Ok(key) = SecretKey::from_slice(&*bytes) {
                return Self(key);
            }
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| DAMAGED)?;
        SecretKey::from_slice(bytes).map(Self).map_err(|_| DAMAGED)
    }

    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_bytes().to_vec())
    }

    pub(super) const fn secret(&self) -> &SecretKey {
        &self.0
    }

    pub(super) const fn from_secret(secret: SecretKey) -> Self {
        Self(secret)
    }

    pub(super) fn public(&self) -> Public {
        Public(VerifyingKey::from(self.0.public_key()))
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = SigningKey::from(&self.0).sign(message);
        signature.to_der().as_bytes().to_vec()
    }
}
