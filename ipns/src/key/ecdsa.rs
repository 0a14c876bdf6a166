//! ECDSA keys on P-256, which some peers have: read and checked, not made. DER of X.509; signatures in DER over SHA-256.
//!
//! Asked by `key`.

use p256::{
    ecdsa::{Signature, VerifyingKey, signature::Verifier as _},
    pkcs8::{DecodePublicKey as _, EncodePublicKey as _, spki},
};

use super::KeyError;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Public(VerifyingKey);

impl Public {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_der(bytes).map(Self).map_err(|error| match error {
            spki::Error::OidUnknown { .. } => KeyError::Curve,
            _ => KeyError::Damaged("ecdsa"),
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.to_public_key_der().expect("a point of the curve can be written").into_vec()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}
