//! RSA keys: DER of X.509 public, of PKCS#1 private; signatures after PKCS#1 v1.5 over SHA-256.
//!
//! Asked by `key`.

use rsa::{
    BigUint, RsaPrivateKey, RsaPublicKey,
    pkcs1::{self, DecodeRsaPrivateKey as _, EncodeRsaPrivateKey as _, der::Decode as _},
    pkcs1v15::{Signature, SigningKey, VerifyingKey},
    pkcs8::{EncodePublicKey as _, ObjectIdentifier, SubjectPublicKeyInfoRef},
    signature::{RandomizedSigner as _, SignatureEncoding as _, Verifier as _},
    traits::PublicKeyParts as _,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{KeyError, RSA_BITS, stream::Stream};

const DAMAGED: KeyError = KeyError::Damaged("rsa");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

fn check_size(bits: usize) -> Result<(), KeyError> {
    match bits {
        _ if bits < *RSA_BITS.start() => Err(KeyError::Small),
        _ if bits > *RSA_BITS.end() => Err(KeyError::Large),
        _ => Ok(()),
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Public(RsaPublicKey);

impl Public {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        let outer = SubjectPublicKeyInfoRef::from_der(bytes).map_err(|_| DAMAGED)?;
        if outer.algorithm.oid != RSA_ENCRYPTION {
            return Err(DAMAGED);
        }
        let inner = outer.subject_public_key.as_bytes().ok_or(DAMAGED)?;
        let inner = pkcs1::RsaPublicKey::from_der(inner).map_err(|_| DAMAGED)?;
        let modulus = BigUint::from_bytes_be(inner.modulus.as_bytes());
        check_size(modulus.bits())?;
        let exponent = BigUint::from_bytes_be(inner.public_exponent.as_bytes());
        RsaPublicKey::new_with_max_size(modulus, exponent, *RSA_BITS.end()).map(Self).map_err(|_| DAMAGED)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.to_public_key_der().expect("two numbers can be written").into_vec()
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = VerifyingKey::<Sha256>::new(self.0.clone());
        Signature::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

#[derive(Clone)]
pub(super) struct Pair(RsaPrivateKey);

impl Pair {
    pub(super) fn generate(bits: usize, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_size(bits)?;
        let mut chance = Stream::new(seed, b"rsa");
        Ok(Self(RsaPrivateKey::new(&mut chance, bits).expect("a key of a size that was checked can be made")))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::checked(RsaPrivateKey::from_pkcs1_der(bytes).map_err(|_| DAMAGED)?)
    }

    pub(super) fn checked(key: RsaPrivateKey) -> Result<Self, KeyError> {
        check_size(key.n().bits())?;
        key.validate().map_err(|_| DAMAGED)?;
        Ok(Self(key))
    }

    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_pkcs1_der().expect("the numbers of a key can be written").as_bytes().to_vec())
    }

    pub(super) const fn secret(&self) -> &RsaPrivateKey {
        &self.0
    }

    pub(super) fn public(&self) -> Public {
        Public(self.0.to_public_key())
    }

    /// Blinded by bytes that only the owner can know, so that the time it takes tells nobody the key.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let seed = Sha256::new_with_prefix(&*self.encode()).chain_update(message).finalize().into();
        let mut chance = Stream::new(&seed, b"blinding");
        SigningKey::<Sha256>::new(self.0.clone()).sign_with_rng(&mut chance, message).to_vec()
    }
}
