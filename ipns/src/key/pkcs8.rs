//! PKCS#8, the form in which other software (openssl) exchanges private keys.
//!
//! Asked by `key`. Written byte for byte as Kubo writes it.

use ed25519_dalek::pkcs8::KeypairBytes;
use k256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rsa::{
    RsaPrivateKey,
    pkcs8::{
        DecodePrivateKey as _, EncodePrivateKey as _, ObjectIdentifier, PrivateKeyInfo,
        der::{Decode as _, SecretDocument, pem::LineEnding},
    },
};
use zeroize::Zeroizing;

use super::{KeyError, Pair, ed25519, rsa as rsa_key, secp256k1};

const LABEL: &str = "PRIVATE KEY";
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ELLIPTIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const SECP256K1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");

pub(super) fn is_pem(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN ")
}

pub(super) fn read(bytes: &[u8]) -> Result<Pair, KeyError> {
    let text = std::str::from_utf8(bytes).map_err(|_| KeyError::NoPem)?;
    let (label, document) = SecretDocument::from_pem(text.trim()).map_err(|_| KeyError::NoPem)?;
    if label != LABEL {
        return Err(KeyError::OtherPem(label.to_owned()));
    }
    let key = PrivateKeyInfo::from_der(document.as_bytes()).map_err(|_| KeyError::Damaged("PKCS#8"))?;
    match key.algorithm.oid {
        ED25519 => {
            let key = KeypairBytes::from_pkcs8_der(document.as_bytes()).map_err(|_| KeyError::Damaged("ed25519"))?;
            Ok(Pair::Ed25519(ed25519::Pair::from_seed(&key.secret_key)))
        }
        RSA => {
            let key = RsaPrivateKey::from_pkcs8_der(document.as_bytes()).map_err(|_| KeyError::Damaged("rsa"))?;
            Ok(Pair::Rsa(Box::new(rsa_key::Pair::checked(key)?)))
        }
        ELLIPTIC if key.algorithm.parameters_oid() == Ok(SECP256K1) => {
            let key = k256::SecretKey::from_pkcs8_der(document.as_bytes());
            Ok(Pair::Secp256k1(secp256k1::Pair::from_secret(key.map_err(|_| KeyError::Damaged("secp256k1"))?)))
        }
        ELLIPTIC => Err(KeyError::OnlyPublic),
        _ => Err(KeyError::Damaged("ed25519, rsa or secp256k1")),
    }
}

pub(super) fn write(key: &Pair) -> Zeroizing<Vec<u8>> {
    const WRITABLE: &str = "a key that was read or made can be written";
    let bytes = match key {
        Pair::Ed25519(key) => {
            // Without the public key, as openssl and Go write it.
            let key = KeypairBytes { secret_key: *key.seed(), public_key: None };
            key.to_pkcs8_der().expect(WRITABLE).as_bytes().to_vec()
        }
        Pair::Rsa(key) => key.secret().to_pkcs8_der().expect(WRITABLE).as_bytes().to_vec(),
        Pair::Secp256k1(key) => key.secret().to_pkcs8_der().expect(WRITABLE).as_bytes().to_vec(),
    };
    Zeroizing::new(bytes)
}

pub(super) fn pem(key: &Pair) -> Zeroizing<String> {
    let document = SecretDocument::try_from(write(key).as_slice()).expect("what was just written is DER");
    document.to_pem(LABEL, LineEnding::LF).expect("DER can be written in base64")
}
