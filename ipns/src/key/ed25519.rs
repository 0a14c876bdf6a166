//! Ed25519 keys: 32 bytes public, 64 private (seed and public key).
//!
//! Asked by `key`.

use ed25519_dalek::{SECRET_KEY_LENGTH, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::KeyError;

const DAMAGED: KeyError = KeyError::Damaged("ed25519");

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Public(VerifyingKey);

impl Public {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::try_from(bytes).map(Self).map_err(|_| DAMAGED)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.try_into().is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

#[derive(Clone)]
pub(super) struct Pair(SigningKey);

impl Pair {
    pub(super) fn from_seed(seed: &[u8; SECRET_KEY_LENGTH]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub(super) fn seed(&self) -> &[u8; SECRET_KEY_LENGTH] {
        self.0.as_bytes()
    }

    /// Seed and public key; early software wrote the public key twice.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes = match bytes.len() {
            96 if bytes[32..64] == bytes[64..] => &bytes[..64],
            _ => bytes,
        };
        let bytes: &[u8; 64] = bytes.try_into().map_err(|_| DAMAGED)?;
        SigningKey::from_keypair_bytes(bytes).map(Self).map_err(|_| DAMAGED)
    }

    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_keypair_bytes().to_vec())
    }

    pub(super) fn public(&self) -> Public {
        Public(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).to_bytes().to_vec()
    }
}
