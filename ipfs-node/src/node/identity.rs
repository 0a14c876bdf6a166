//! Who the node is: an ed25519 key in a file that only its owner may read, and the peer id made of it.
//!
//! Asked by `id`, and by the peer side when there is one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use cid::multibase::{self, Base};
use ed25519_dalek::SigningKey;

/// The key.
pub struct Identity {
    key: SigningKey,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.peer_id())
    }
}

impl Identity {
    /// Reads the key, or makes one.
    ///
    /// # Errors
    ///
    /// When the file is no key, or the file system refuses.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(text.trim()).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "not a key: 64 hexadecimal digits are expected")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(path),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (_, seed) = multibase::decode(format!("f{text}")).ok()?;
        Some(Self { key: SigningKey::from_bytes(&seed.try_into().ok()?) })
    }

    fn make(path: &Path) -> io::Result<Self> {
        let key = SigningKey::from_bytes(&rand::random());
        let text = multibase::encode(Base::Base16Lower, key.to_bytes());
        let fresh = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        writeln!(file, "{}", &text[1..])?;
        file.sync_all()?;
        fs::rename(fresh, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(Self { key })
    }

    /// The key as names and the peer side take it.
    #[must_use]
    pub fn key_pair(&self) -> ipns::KeyPair {
        ipns::KeyPair::generate(ipns::KeyKind::Ed25519, self.key.as_bytes()).expect("32 bytes are an ed25519 key")
    }

    /// The public key as libp2p writes it: a protobuf of its kind (ed25519) and its bytes.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        [&[0x08, 0x01, 0x12, 0x20], &self.key.verifying_key().as_bytes()[..]].concat()
    }

    /// The private key as libp2p writes it: a protobuf of its kind (ed25519), its seed and the public key.
    #[must_use]
    pub fn private_key(&self) -> Vec<u8> {
        [&[0x08, 0x01, 0x12, 0x40], &self.key.to_keypair_bytes()[..]].concat()
    }

    /// The public key in base64, as `id` shows it.
    #[must_use]
    pub fn public_key_base64(&self) -> String {
        multibase::encode(Base::Base64Pad, self.public_key())[1..].to_owned()
    }

    /// `12D3KooW…`: the identity multihash of the public key in base58.
    #[must_use]
    pub fn peer_id(&self) -> String {
        let hash = [&[0x00, 0x24], &self.public_key()[..]].concat();
        multibase::encode(Base::Base58Btc, hash)[1..].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_peer_id_is_made_of_the_key_as_libp2p_makes_it() {
        // The key of the test vector in the libp2p specification (peer-ids, "Test vectors").
        let public = "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";
        let seed = "7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d";
        let identity = Identity::parse(seed).unwrap();
        assert_eq!(multibase::encode(Base::Base16Lower, &identity.public_key()[4..])[1..], *public);
        assert!(identity.peer_id().starts_with("12D3KooW"));
        assert!(identity.public_key_base64().starts_with("CAESI"));
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        let first = Identity::open(&path).unwrap().peer_id();
        assert_eq!(Identity::open(&path).unwrap().peer_id(), first);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_no_key_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity");
        fs::write(&path, "not a key\n").unwrap();
        assert!(Identity::open(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "not a key\n");
    }
}
