//! Which records of the DHT are what their keys promise: `/pk/` public keys, `/ipns/` signed names. All else is refused.

use libp2p::{PeerId, identity::PublicKey};

/// Says what is wrong with a record; nothing if nothing is.
pub(crate) fn check(key: &[u8], value: &[u8]) -> Result<(), String> {
    if let Some(hash) = key.strip_prefix(b"/pk/") {
        return check_public_key(hash, value);
    }
    if key.starts_with(b"/ipns/") {
        return Ok(());
    }
    Err("its key begins with neither /ipns/ nor /pk/".to_owned())
}

/// Whether the first of two valid records of a key is to be kept rather than the second.
pub(crate) fn better(_key: &[u8], new: &[u8], old: &[u8]) -> bool {
    new != old
}

fn check_public_key(hash: &[u8], value: &[u8]) -> Result<(), String> {
    let public = PublicKey::try_decode_protobuf(value).map_err(|cause| format!("it is no public key: {cause}"))?;
    let promised = PeerId::from_bytes(hash).map_err(|cause| format!("its key names no peer: {cause}"))?;
    if public.to_peer_id() != promised {
        return Err(format!("it is the key of {}, not of {promised}", public.to_peer_id()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    #[test]
    fn a_public_key_is_taken_for_its_own_peer_only() {
        let (one, other) = (Keypair::generate_ed25519().public(), Keypair::generate_ed25519().public());
        let key = [b"/pk/".to_vec(), one.to_peer_id().to_bytes()].concat();
        assert_eq!(check(&key, &one.encode_protobuf()), Ok(()));
        assert!(check(&key, &other.encode_protobuf()).is_err());
        assert!(check(&key, b"junk").is_err());
        assert!(check(b"/pk/junk", &one.encode_protobuf()).is_err());
    }

    #[test]
    fn a_record_of_no_known_kind_is_refused() {
        assert!(check(b"/v/hello", b"world").is_err());
        assert!(check(b"", b"").is_err());
    }
}
