//! What messages look like on the wire, byte for byte, and that no bytes at all do harm.

use super::*;
use crate::Protocol;
use bytes::BytesMut;
use proptest::prelude::*;
use unixfs::{cid_dag_pb, cid_raw, varint};

fn frame(message: &Message, protocol: Protocol) -> Vec<u8> {
    message.frame(protocol).concat()
}

/// Takes the length off a frame.
fn body(frame: &[u8]) -> Bytes {
    let (bytes, used) = varint::read(frame).unwrap();
    assert_eq!(bytes, (frame.len() - used) as u64);
    Bytes::copy_from_slice(&frame[used..])
}

#[track_caller]
fn assert_hex(bytes: &[u8], expected: &str) {
    let digits: String = expected.lines().map(|line| &line[..line.find(';').unwrap_or(line.len())]).collect();
    let digits: String = digits.split_whitespace().collect();
    let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(written, digits);
}

const HELLO: &[u8] = b"hello world";

fn hello() -> Block {
    Block { cid: cid_raw(HELLO), bytes: Bytes::from_static(HELLO) }
}

#[test]
fn a_wantlist_is_written_as_the_protocol_has_it() {
    let cid = cid_raw(HELLO);
    let entries = vec![Entry::want(cid, WantKind::Have, 7), Entry::cancel(cid)];
    let message = Message { wantlist: Wantlist { entries, extent: Extent::Full }, ..Message::default() };
    assert_hex(
        &frame(&message, Protocol::V1_2),
        "5c                                                                  ; length
         0a 5a                                                               ; wantlist
         0a 2c 0a 24 01551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9 ; want
         10 07  20 01  28 01                                                 ; priority, want-have, send DONT_HAVE
         0a 28 0a 24 01551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9 ; cancel
         18 01
         10 01                                                               ; full",
    );
}

#[test]
fn a_block_is_written_with_the_prefix_of_its_name() {
    let message = Message { blocks: vec![hello()], ..Message::default() };
    assert_hex(
        &frame(&message, Protocol::V1_1),
        "15                                 ; length
         1a 13                              ; payload
         0a 04 01 55 12 20                  ; prefix
         12 0b 68656c6c6f20776f726c64       ; block",
    );
}

#[test]
fn a_block_for_a_peer_of_the_first_version_is_written_plainly() {
    let message = Message { blocks: vec![hello()], pending_bytes: 3, ..Message::default() };
    assert_hex(&frame(&message, Protocol::V1_0), "0d 12 0b 68656c6c6f20776f726c64");
}

#[test]
fn presences_and_pending_bytes_are_written_as_the_protocol_has_them() {
    let cid = cid_raw(HELLO);
    let presences = vec![Presence { cid, there: There::Have }, Presence { cid, there: There::DontHave }];
    let message = Message { presences, pending_bytes: 300, ..Message::default() };
    assert_hex(
        &frame(&message, Protocol::V1_2),
        "55
         22 26 0a 24 01551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9
         22 28 0a 24 01551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9 10 01
         28 ac 02",
    );
}

#[test]
fn a_plain_block_is_named_by_the_first_version_of_names() {
    let message = Message::decode(&Bytes::from_static(b"\x12\x0bhello world")).unwrap();
    assert_eq!(message.blocks[0].cid, cid_dag_pb(unixfs::Version::V0, HELLO));
}

#[test]
fn a_block_that_was_changed_has_another_name() {
    let mut bytes = frame(&Message { blocks: vec![hello()], ..Message::default() }, Protocol::V1_2);
    *bytes.last_mut().unwrap() ^= 1;
    let message = Message::decode(&body(&bytes)).unwrap();
    assert_ne!(message.blocks[0].cid, hello().cid);
}

#[test]
fn a_block_of_an_unknown_hash_function_is_dropped_and_counted() {
    let message = Message::decode(&Bytes::from_static(b"\x1a\x0a\x0a\x04\x01\x55\x1e\x20\x12\x02ab")).unwrap();
    assert_eq!((message.blocks.len(), message.unnamed_blocks), (0, 1));
}

#[test]
fn an_endless_wantlist_is_refused_before_it_takes_memory() {
    let entry = [&[0x0a, 0x26, 0x0a, 0x24][..], &cid_raw(HELLO).to_bytes()].concat();
    let list = entry.repeat(MAX_ITEMS + 1);
    let mut bytes = vec![0x0a];
    varint::write(&mut bytes, list.len() as u64);
    bytes.extend(list);
    assert_eq!(Message::decode(&bytes.into()), Err(DecodeError::TooMany));
}

#[test]
fn a_message_over_four_mebibytes_is_refused() {
    let bytes = BytesMut::zeroed(MAX_MESSAGE_BYTES + 1).freeze();
    assert_eq!(Message::decode(&bytes), Err(DecodeError::TooLong { bytes: MAX_MESSAGE_BYTES + 1 }));
}

#[test]
fn an_entry_without_a_name_is_refused() {
    assert_eq!(Message::decode(&Bytes::from_static(b"\x0a\x04\x0a\x02\x10\x01")), Err(DecodeError::Cid));
}

fn any_cid() -> impl Strategy<Value = Cid> {
    any::<(bool, [u8; 4])>().prop_map(|(v0, seed)| match v0 {
        true => cid_dag_pb(unixfs::Version::V0, &seed),
        false => cid_raw(&seed),
    })
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![Just(WantKind::Block), Just(WantKind::Have), Just(WantKind::Cancel)];
    let absence = prop_oneof![Just(Absence::Silent), Just(Absence::Tell)];
    (any_cid(), any::<i32>(), kind, absence).prop_map(|(cid, priority, kind, absence)| Entry {
        cid,
        priority,
        kind,
        absence,
    })
}

fn any_message() -> impl Strategy<Value = Message> {
    let entries = proptest::collection::vec(any_entry(), 0..20);
    let blocks = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40_000), 0..4);
    let presences = proptest::collection::vec((any_cid(), any::<bool>()), 0..20);
    (entries, any::<bool>(), blocks, presences, any::<u32>()).prop_map(|(entries, full, blocks, presences, pending)| {
        let extent = if full { Extent::Full } else { Extent::Changes };
        let there = |have| if have { There::Have } else { There::DontHave };
        Message {
            wantlist: Wantlist { entries, extent },
            blocks: blocks.into_iter().map(|bytes| Block { cid: cid_raw(&bytes), bytes: bytes.into() }).collect(),
            presences: presences.into_iter().map(|(cid, have)| Presence { cid, there: there(have) }).collect(),
            pending_bytes: pending,
            unnamed_blocks: 0,
        }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(message in any_message()) {
        let frame = frame(&message, Protocol::V1_2);
        prop_assert_eq!(Message::decode(&body(&frame)).unwrap(), message);
    }

    #[test]
    fn what_a_message_takes_is_never_more_than_was_reckoned(message in any_message()) {
        let blocks: usize = message.blocks.iter().map(|block| block_bytes(block.bytes.len())).sum();
        let entries: usize = message.wantlist.entries.iter().map(entry_bytes).sum();
        let presences: usize = message.presences.iter().map(|presence| presence_bytes(&presence.cid)).sum();
        prop_assert!(frame(&message, Protocol::V1_2).len() <= blocks + entries + presences + 32);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
        let _ = Message::decode(&bytes.into());
    }

    #[test]
    fn a_message_that_is_cut_or_changed_is_read_without_a_panic(message in any_message(), at: prop::sample::Index, byte: u8) {
        let mut bytes = body(&frame(&message, Protocol::V1_2)).to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = Message::decode(&Bytes::copy_from_slice(&bytes[..at]));
        }
        let _ = Message::decode(&bytes.into());
    }
}
