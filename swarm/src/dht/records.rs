//! Which records of the DHT are what their keys promise: `/pk/` public keys, `/ipns/` signed names. All else is refused.

use std::time::{Duration, SystemTime};

use ipns::{Moment, Name, Record};
use libp2p::{PeerId, identity::PublicKey};

/// Says what is wrong with a record; nothing if nothing is.
pub(crate) fn check(key: &[u8], value: &[u8]) -> Result<(), String> {
    if let Some(hash) = key.strip_prefix(b"/pk/") {
        return check_public_key(hash, value);
    }
    if key.starts_with(b"/ipns/") {
        return check_name(key, value);
    }
    Err("its key begins with neither /ipns/ nor /pk/".to_owned())
}

/// Whether the first of two valid records of a key is to be kept rather than the second.
pub(crate) fn better(key: &[u8], new: &[u8], old: &[u8]) -> bool {
    let Ok(name) = Name::from_routing_key(key) else { return false };
    // Of two that are equal the first is chosen, which is the old one.
    ipns::choose(&name, now(), [old, new]).is_some_and(|(chosen, _)| chosen == 1)
}

fn now() -> Moment {
    Moment::from_unix(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO))
}

fn check_name(key: &[u8], value: &[u8]) -> Result<(), String> {
    let name = Name::from_routing_key(key).map_err(|cause| cause.to_string())?;
    let record = Record::decode(value).map_err(|cause| cause.to_string())?;
    record.check(&name, now()).map_err(|cause| cause.to_string())
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

    fn name(valid: Duration, sequence: u64) -> (Vec<u8>, Vec<u8>) {
        let key = ipns::KeyPair::generate(ipns::KeyKind::Ed25519, &[7; 32]).unwrap();
        let draft = ipns::Draft {
            value: "/ipfs/bafkqaaa".to_owned(),
            expires: now().after(valid),
            sequence,
            ttl: Duration::from_secs(60),
            compatibility: ipns::Compatibility::default(),
        };
        (key.name().routing_key(), Record::create(&key, &draft).encode())
    }

    #[test]
    fn a_name_is_taken_signed_and_valid_only() {
        let (key, value) = name(Duration::from_secs(60), 1);
        assert_eq!(check(&key, &value), Ok(()));
        let (_, ended) = name(Duration::ZERO, 1);
        assert!(check(&key, &ended).is_err());
        let mut forged = value.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(check(&key, &forged).is_err());
        assert!(check(b"/ipns/junk", &value).is_err());
        assert!(check(&key, b"junk").is_err());
    }

    #[test]
    fn the_newer_name_replaces_the_older_and_never_the_other_way() {
        let (key, old) = name(Duration::from_secs(60), 1);
        let (_, new) = name(Duration::from_secs(60), 2);
        assert!(better(&key, &new, &old));
        assert!(!better(&key, &old, &new));
        assert!(!better(&key, &old, &old));
    }

    #[test]
    fn a_record_of_no_known_kind_is_refused() {
        assert!(check(b"/v/hello", b"world").is_err());
        assert!(check(b"", b"").is_err());
    }
}
