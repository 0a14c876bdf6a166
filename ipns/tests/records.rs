//! What makes a record valid, which of two replaces the other, and that no bytes at all do any harm.

use std::{cmp::Ordering, time::Duration};

use ipns::{
    Compatibility, Draft, KeyError, KeyFormat, KeyKind, KeyPair, Moment, Name, NameError, PublicKey, RECORD_BYTES_MAX,
    Record, RecordError, choose,
};
use proptest::prelude::*;

fn key(seed: u8) -> KeyPair {
    KeyPair::generate(KeyKind::Ed25519, &[seed; 32]).expect("such a key can always be made")
}

fn at(seconds: u64) -> Moment {
    Moment::from_unix(Duration::from_secs(seconds))
}

fn draft(sequence: u64, expires_s: u64) -> Draft {
    Draft {
        value: "/ipfs/bafkqaaa".to_owned(),
        sequence,
        expires: at(expires_s),
        ttl: Duration::from_secs(60),
        compatibility: Compatibility::V1AndV2,
    }
}

#[test]
fn the_higher_sequence_replaces_the_lower_and_then_the_longer_validity() {
    let record = |sequence, expires_s| Record::create(&key(1), &draft(sequence, expires_s));
    assert_eq!(record(2, 100).compare(&record(1, 900)), Ok(Ordering::Greater));
    assert_eq!(record(1, 100).compare(&record(1, 900)), Ok(Ordering::Less));
    assert_eq!(record(1, 100).compare(&record(1, 100)), Ok(Ordering::Equal));
}

#[test]
fn the_best_of_many_is_chosen_whatever_else_comes_along() {
    let name = key(1).name();
    let (old, new) =
        (Record::create(&key(1), &draft(1, 100)).encode(), Record::create(&key(1), &draft(2, 100)).encode());
    let (over, forged) =
        (Record::create(&key(1), &draft(9, 5)).encode(), Record::create(&key(2), &draft(8, 100)).encode());
    let all: Vec<&[u8]> = vec![b"junk", &old, &over, &new, &forged, b""];
    let (chosen, record) = choose(&name, at(10), all.iter().copied()).unwrap();
    assert_eq!((chosen, record.sequence()), (3, Ok(2)));
    assert_eq!(choose(&name, at(10), [&forged[..], b"junk"]), None);
}

#[test]
fn a_value_may_be_a_cid_in_bytes_and_nothing_at_all() {
    let mut made = draft(0, 100);
    made.value = String::new();
    assert_eq!(Record::create(&key(1), &made).value().unwrap(), "/ipfs/bafkqaaa");
    made.value = "nonsense".to_owned();
    assert_eq!(Record::create(&key(1), &made).value(), Err(RecordError::Value));
}

#[test]
fn a_long_record_is_refused_before_it_is_read() {
    let mut made = draft(0, 100);
    made.value = format!("/ipfs/{}", "a".repeat(RECORD_BYTES_MAX));
    let record = Record::create(&key(1), &made);
    assert_eq!(record.check(&key(1).name(), at(1)), Err(RecordError::Large));
    assert_eq!(Record::decode(&record.encode()), Err(RecordError::Large));
}

#[test]
fn a_record_of_before_2021_is_refused() {
    // value, validity type, validity, sequence; no signed part
    assert_eq!(Record::decode(b"\x0a\x01/\x18\x00\x22\x01x\x28\x01"), Err(RecordError::Unsigned));
}

#[test]
fn a_signed_part_that_nests_without_end_is_refused() {
    // field 9, 4,000 arrays in one another
    let mut bytes = vec![0x4a, 0xa0, 0x1f];
    bytes.extend(std::iter::repeat_n(0x81, 4000));
    assert_eq!(Record::decode(&bytes), Err(RecordError::Document));
    // A map whose value is that.
    let mut bytes = vec![0x4a, 0xa3, 0x1f, 0xa1, 0x61, b'a'];
    bytes.extend(std::iter::repeat_n(0x81, 4000));
    assert_eq!(Record::decode(&bytes), Err(RecordError::Document));
}

#[test]
fn keys_of_a_size_that_nobody_accepts_are_not_made() {
    assert_eq!(KeyPair::generate(KeyKind::Rsa { bits: 1024 }, &[1; 32]).unwrap_err(), KeyError::Small);
    assert_eq!(KeyPair::generate(KeyKind::Rsa { bits: 16384 }, &[1; 32]).unwrap_err(), KeyError::Large);
}

#[test]
fn a_key_of_every_kind_signs_a_record_that_others_can_check() {
    for kind in [KeyKind::Ed25519, KeyKind::Secp256k1, KeyKind::Rsa { bits: ipns::RSA_BITS_DEFAULT }] {
        let key = KeyPair::generate(kind, &[7; 32]).unwrap();
        let read = KeyPair::decode(&key.encode()).unwrap();
        assert_eq!(read.name(), key.name());
        assert_eq!(read.encode(), KeyPair::generate(kind, &[7; 32]).unwrap().encode(), "a seed makes one key");
        let record = Record::decode(&Record::create(&read, &draft(1, 100)).encode()).unwrap();
        assert_eq!(record.check(&key.name(), at(1)), Ok(()), "{kind:?}");
    }
}

#[test]
fn pem_and_protobuf_are_told_apart() {
    let pem = key(1).pem();
    assert_eq!(KeyPair::import(KeyFormat::Libp2p, pem.as_bytes()).unwrap_err(), KeyError::UnexpectedPem);
    assert_eq!(KeyPair::import(KeyFormat::Pem, &key(1).encode()).unwrap_err(), KeyError::NoPem);
    let public = "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n";
    assert_eq!(
        KeyPair::import(KeyFormat::Pem, public.as_bytes()).unwrap_err(),
        KeyError::OtherPem("PUBLIC KEY".to_owned())
    );
}

#[test]
fn a_key_is_not_found_in_a_log() {
    let text = format!("{:?}", key(1));
    assert_eq!(text, format!("KeyPair({})", key(1).name()));
}

#[test]
fn what_is_no_name_is_refused() {
    for text in ["", "/ipns/", "k51", "QmNope", "example.org", "12D3KooW", "1"] {
        assert!(Name::parse(text).is_err(), "{text:?}");
    }
    let path = "/ipfs/k51qzi5uqu5dllvlw3b5b727gha0e0xwwydi7pqw6iyicw2ntzuajgvc9uy1xf";
    assert!(Name::parse(path).is_err());
    let file = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4";
    assert_eq!(Name::parse(file), Err(NameError::Codec { codec: 0x55 }));
}

proptest! {
    #[test]
    fn any_bytes_at_all_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = PublicKey::decode(&bytes);
        let _ = KeyPair::decode(&bytes);
        let _ = Name::from_bytes(&bytes);
        let _ = Name::parse(&String::from_utf8_lossy(&bytes));
        let _ = KeyPair::import(KeyFormat::Pem, &bytes);
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert!(record.check(&key(1).name(), at(1)).is_err());
        }
    }

    #[test]
    fn a_record_that_was_changed_anywhere_is_never_another_valid_one(
        place in any::<prop::sample::Index>(), flip in 1u8..,
    ) {
        let original = Record::create(&key(1), &draft(3, 100));
        let mut bytes = original.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        if let Ok(record) = Record::decode(&bytes) && record.check(&key(1).name(), at(1)).is_ok() {
            // Only what no reader of today looks at may differ: the old signature.
            prop_assert_eq!(record.value(), original.value());
            prop_assert_eq!(record.sequence(), original.sequence());
            prop_assert_eq!(record.expires(), original.expires());
            prop_assert_eq!(record.ttl(), original.ttl());
        }
    }

    #[test]
    fn what_was_made_is_read_back(
        path in "/ipfs/[a-z0-9/]{0,60}", sequence in 0..u64::from(u32::MAX), expires_s in 1u64..4_000_000_000,
        nanos in 0u32..1_000_000_000, ttl_ns in 0u64..u64::from(u32::MAX), old in any::<bool>(),
    ) {
        let made = Draft {
            value: path,
            sequence,
            expires: Moment::from_unix(Duration::new(expires_s, nanos)),
            ttl: Duration::from_nanos(ttl_ns),
            compatibility: if old { Compatibility::V1AndV2 } else { Compatibility::V2Only },
        };
        let record = Record::decode(&Record::create(&key(1), &made).encode()).unwrap();
        prop_assert_eq!(record.check(&key(1).name(), made.expires), Ok(()));
        prop_assert_eq!(record.value().unwrap(), made.value);
        prop_assert_eq!(record.sequence().unwrap(), made.sequence);
        prop_assert_eq!(record.expires().unwrap(), made.expires);
        prop_assert_eq!(record.ttl().unwrap(), made.ttl);
    }
}
