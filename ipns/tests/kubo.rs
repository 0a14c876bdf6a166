//! Keys and records that Kubo made, read byte for byte; and ours, which must have the same bytes.

use std::time::Duration;

use cid::multibase;
use ipns::{Compatibility, Draft, KeyFormat, KeyPair, Moment, Name, PublicKey, Record, RecordError, SignatureVersions};

struct Made {
    key: &'static [u8],
    pem: &'static str,
    both: &'static [u8],
    v2: &'static [u8],
    name: &'static str,
    peer_id: &'static str,
    /// Of "libp2p-key signed message:hello".
    signature: &'static str,
}

macro_rules! made {
    ($kind:literal, $name:literal, $peer_id:literal, $signature:literal) => {
        Made {
            key: include_bytes!(concat!("fixtures/", $kind, ".key")),
            pem: include_str!(concat!("fixtures/", $kind, ".pem")),
            both: include_bytes!(concat!("fixtures/", $kind, ".v1v2.record")),
            v2: include_bytes!(concat!("fixtures/", $kind, ".v2.record")),
            name: $name,
            peer_id: $peer_id,
            signature: $signature,
        }
    };
}

const MADE: &[Made] = &[
    made!(
        "ed25519",
        "k51qzi5uqu5dllvlw3b5b727gha0e0xwwydi7pqw6iyicw2ntzuajgvc9uy1xf",
        "12D3KooWQTyk4XCP8ESLRj4ufmwKzArgRMpUts66s2ew1ZozXYgJ",
        "ubhF6GnaE3BaO8Yod1gHrA7f4vGRgKcFHaJOb_YeHU5dFAHQOg4xsLwh9fG00QRy9m-wv8o055pwq9vq5Jn5dCQ"
    ),
    made!(
        "rsa",
        "k2k4r8msewawqno0ebs39rhfj1za0pmc87u6efqlq1rwd6fu6z7ii6eu",
        "QmXSoapWFHodxkd5wZQCDVqrTQ9f4ZeNv5326SxjpToKw3",
        "uc4F2B131eeVn_fh-B3bEz1q1P0DZRJaX2FU9ryGhdqSuuvAf3XluhoFgineeQncN-ARfKBpe7uwv3IK6UK6nUG01sK68Y_yWRwA2NJ_jYiujMF-873f0ewXMv0nN7iQZJk2gGsuU2w6QtoLGzp6A34WAs5J_ZDq1nLZ81C1V_hjA1Yy6AL0PS3ldZCrfd-OFzh8_DXkCPag0qcqQuunhroglWCDr9ieJcvoF52dZcszPmrkHrwcmVp3Ql2NEO-WczRbR-k3iV2pGQUPzX0S8tS_Get3rHLqGlH19qEi64YB4aUNTCq7e6jZ4e627qCtAO8cO4MUSXaiFnm9XN7juOQ"
    ),
    made!(
        "secp256k1",
        "kzwfwjn5ji4puvwgexzu04kclrgr0drnnhmt2k6lr3wcax2z0i11uyso7igjubo",
        "16Uiu2HAmUSy8QNJZ3bnw8gGWUUZsrWxF2PBKG3NAyVPdH1o5RQZ9",
        "uMEQCIGgeE1rhzO3CNNBo8WHw05g5FIgDs-Lwczpeof-igdMSAiBgEsopzUJo9z5Cul3wiHZ5zWoXVKZWubVwi2_rnIb8bg"
    ),
];

/// A moment when all the records are valid.
fn now() -> Moment {
    Moment::parse("2027-01-01T00:00:00Z").expect("a moment")
}

#[test]
fn keys_that_kubo_exported_are_read_and_written_as_it_wrote_them() {
    for made in MADE {
        let key = KeyPair::decode(made.key).unwrap();
        assert_eq!(key.encode().as_slice(), made.key);
        assert_eq!(key.pem().as_str(), made.pem);
        let again = KeyPair::import(KeyFormat::Pem, made.pem.as_bytes()).unwrap();
        assert_eq!(again.encode(), key.encode());
        assert_eq!(PublicKey::decode(&key.public().encode()).unwrap(), key.public());
    }
}

#[test]
fn names_are_written_as_kubo_writes_them_and_read_in_every_spelling() {
    for made in MADE {
        let name = KeyPair::decode(made.key).unwrap().name();
        assert_eq!((name.to_string().as_str(), name.peer_id().as_str()), (made.name, made.peer_id));
        let bases = [multibase::Base::Base32Lower, multibase::Base::Base58Btc, multibase::Base::Base16Lower];
        for text in bases.map(|base| name.cid_text(base)) {
            assert_eq!(Name::parse(&text), Ok(name), "{text}");
        }
        for text in [made.name, made.peer_id, &format!("/ipns/{}", made.name)] {
            assert_eq!(Name::parse(text), Ok(name), "{text}");
        }
        assert_eq!(Name::from_routing_key(&name.routing_key()), Ok(name));
        assert_eq!(Name::from_bytes(&name.to_bytes()), Ok(name));
    }
}

#[test]
fn signatures_are_those_that_kubo_makes() {
    for made in MADE {
        let (key, message) = (KeyPair::decode(made.key).unwrap(), b"libp2p-key signed message:hello");
        let (_, theirs) = multibase::decode(made.signature).unwrap();
        assert!(key.public().verify(message, &theirs));
        assert_eq!(key.sign(message), theirs, "all three kinds sign without chance");
        assert!(!key.public().verify(b"libp2p-key signed message:hellp", &theirs));
    }
}

#[test]
fn an_ecdsa_key_of_a_peer_is_read_and_its_signature_checked() {
    let bytes = include_bytes!("fixtures/ecdsa.public");
    let key = PublicKey::decode(bytes).unwrap();
    assert_eq!(key.encode(), bytes);
    assert!(key.verify(b"Libp2p is the _best_!", include_bytes!("fixtures/ecdsa.signature")));
    assert!(!key.verify(b"Libp2p is the worst.", include_bytes!("fixtures/ecdsa.signature")));
    assert!(key.name().peer_id().starts_with("Qm"), "such a key is too long to be its own name");
}

#[test]
fn records_that_kubo_published_are_read_and_found_valid() {
    for made in MADE {
        let name = Name::parse(made.name).unwrap();
        let (both, v2) = (Record::decode(made.both).unwrap(), Record::decode(made.v2).unwrap());
        assert_eq!(both.check(&name, now()), Ok(()));
        assert_eq!(v2.check(&name, now()), Ok(()));
        assert_eq!(both.value().unwrap(), "/ipfs/bafkqac3jobxhgidsn5rww4yk");
        assert_eq!(v2.value().unwrap(), "/ipfs/bafkqac3jobxhgidsn5rww4yk/a");
        assert_eq!((both.sequence(), v2.sequence()), (Ok(8), Ok(9)));
        assert_eq!((both.ttl(), v2.ttl()), (Ok(Duration::from_secs(90)), Ok(Duration::from_secs(300))));
        assert_eq!((both.versions(), v2.versions()), (SignatureVersions::V1AndV2, SignatureVersions::V2));
        assert_eq!(both.expires().unwrap().to_string()[..19], *"2126-10-28T05:05:04");
        assert_eq!((both.encode(), v2.encode()), (made.both.to_vec(), made.v2.to_vec()));
    }
}

#[test]
fn ours_has_the_same_bytes_as_kubos_of_the_same_draft() {
    for made in MADE {
        let key = KeyPair::decode(made.key).unwrap();
        for (bytes, compatibility) in [(made.both, Compatibility::V1AndV2), (made.v2, Compatibility::V2Only)] {
            let theirs = Record::decode(bytes).unwrap();
            let draft = Draft {
                value: theirs.value().unwrap(),
                sequence: theirs.sequence().unwrap(),
                expires: theirs.expires().unwrap(),
                ttl: theirs.ttl().unwrap(),
                compatibility,
            };
            assert_eq!(Record::create(&key, &draft).encode(), bytes);
        }
    }
}

#[test]
fn a_record_belongs_to_its_name_alone() {
    for (at, made) in MADE.iter().enumerate() {
        let other = Name::parse(MADE[(at + 1) % MADE.len()].name).unwrap();
        let refused = Record::decode(made.both).unwrap().check(&other, now()).unwrap_err();
        let expected = [RecordError::NoKey, RecordError::OtherKey, RecordError::Signature];
        assert!(expected.contains(&refused), "{refused}");
    }
}

#[test]
fn a_record_whose_time_is_over_is_refused() {
    let record = Record::decode(MADE[0].both).unwrap();
    let late = Moment::parse("2126-10-28T05:05:05Z").unwrap();
    assert_eq!(record.check(&Name::parse(MADE[0].name).unwrap(), late), Err(RecordError::Expired));
}
