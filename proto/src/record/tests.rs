//! The rules one by one, the golden fixtures, and any bytes at all.

use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::ids::{CommentId, LegacyId};

const LIMITS: Limits = Limits { comment_bytes: 16_384 };

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn refusal(blob: &[u8]) -> (&'static str, usize) {
    match Record::parse(blob, LIMITS).and_then(|record| record.verify()) {
        Err(RecordError::Refused { what, place, .. }) => (what, place.map_or(0, |place| place.line)),
        other => panic!("{other:?} for {}", String::from_utf8_lossy(blob)),
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/records").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What is read from each fixture. Rows are only ever added: these comments are somewhere on IPFS for ever.
const GOLDEN: [(&str, &str, &str, u64, &str); 7] = [
    (
        "unsigned.txt",
        "bafkreifck2ke5smk3agtqx3pmjokf3drzndm7jro6r3ktnncwhwyvhyaiu",
        "7bad9bdb2fb63fe7d04efbe407d176b81f2f8a6b",
        1557004676,
        "comment",
    ),
    (
        "signed.txt",
        "bafkreihdvgkbirkiyio747mdxcolvlllp2lhlaua5vvsjxe3abtji6xaqq",
        "629693c830dd7b0965a049b2c5e2c50a9ba41201",
        1795193225,
        "comment",
    ),
    (
        "postmark.txt",
        "bafkreiglreul5x6wcqv27qza5qphtugo67alqkcfar5pb2gavj5gn2o5he",
        "3f3e3990b9164cb8e824fb352b60103d5d94a45d",
        1795193225,
        "comment",
    ),
    (
        "topic.txt",
        "bafkreihgwv44gmwhcma2wxf752ics6euxm45g2mjwhjos65yvnjynkee4u",
        "512609385b24a1edeb31594848dbcb225f9f96b1",
        1795193225,
        "comment",
    ),
    (
        "edit.txt",
        "bafkreiha6ygke7flybtela6lgknvfx46gg5c23cx6olhmpqfhskvzm36jy",
        "f4319eaa62d201c2e3b7e9b0aced952a5d94fb67",
        1795193400,
        "edits bafkreihdvgkbirkiyio747mdxcolvlllp2lhlaua5vvsjxe3abtji6xaqq",
    ),
    (
        "deletion.txt",
        "bafkreih4swlsixqkbf2fp26msomicvevp5j5jtzegpdoho4lo76nlwjnza",
        "578e8b881f2df593156c3d443f33fdf470e5a7f2",
        1795194000,
        "deletes 629693c830dd7b0965a049b2c5e2c50a9ba41201",
    ),
    (
        "wide.txt",
        "bafkreifiollkhfidi66h3e5piiuz2mlbfeucwppnz6ngyldgisyzj4vswu",
        "5b43bfa31743f2b8725e0113b2bc4527dcb01247",
        0,
        "comment",
    ),
];

fn effect_in_words(record: &Record<'_>) -> String {
    match record.effect {
        Effect::Comment => "comment".to_owned(),
        Effect::Edits(id) => format!("edits {id}"),
        Effect::Deletes(id) => format!("deletes {id}"),
    }
}

#[test]
fn every_golden_comment_reads_as_it_always_did() {
    for (name, id, legacy_id, date_s, effect) in GOLDEN {
        let blob = fixture(name);
        let record = Record::parse(&blob, LIMITS).unwrap_or_else(|e| panic!("{name}: {e}"));
        record.verify().unwrap_or_else(|e| panic!("{name}: {e}"));
        let found = (
            CommentId::of(&blob).to_string(),
            LegacyId::of(&blob).to_string(),
            record.date_s,
            effect_in_words(&record),
        );
        assert_eq!(found, (id.to_owned(), legacy_id.to_owned(), date_s, effect.to_owned()), "{name}");
    }
}

#[test]
fn a_golden_signed_comment_is_what_its_key_signs_today() {
    let draft = Draft::new()
        .header("Date", "2026-11-20T16:47:05.101Z")
        .header("User", "user-691e")
        .header("Parent", "89dce6a446a69d6b9bdc01ac75251e4c322bcdff");
    assert_eq!(String::from_utf8(draft.signed(&key(1), "Spam from B")).unwrap().as_bytes(), fixture("signed.txt"));
}

#[test]
fn a_comment_of_the_original_client_is_read_in_all_its_parts() {
    let blob = fixture("postmark.txt");
    let record = Record::parse(&blob, LIMITS).unwrap();
    let names: Vec<_> = record.headers.iter().map(|header| header.name).collect();
    assert_eq!(names, ["Postmark", "Signature", "Public-Key", "Date", "User", "Parent", "Blocked-User"]);
    assert_eq!(record.text, "Spam from B");
    let signed = record.signed.unwrap();
    assert_eq!(signed.key.0, key(1).verifying_key().to_bytes());
    assert!(signed.part.starts_with(b"Public-Key: ") && signed.part.ends_with(b"\n\nSpam from B"));
    assert_eq!(record.verify(), Ok(()));
}

#[test]
fn headers_and_text_keep_their_spaces_and_letters() {
    let record = Record::parse("User: John  Smith, Zoë\nX_1-y: a: b\n\n\n é \n".as_bytes(), LIMITS).unwrap();
    assert_eq!(record.header("User"), Some("John  Smith, Zoë"));
    assert_eq!(record.header("X_1-y"), Some("a: b"));
    assert_eq!(record.text, "\n é \n");
    assert_eq!(record.key(), None);
}

#[test]
fn what_is_not_of_the_form_is_refused_with_its_line() {
    let rows: [(&[u8], &str, usize); 16] = [
        (b"", "no blank line", 1),
        (b"A: b\ntext", "no blank line", 1),
        (b"A: b\r\n\r\ntext", "a control character", 1),
        (b"\n\ntext", "no headers", 1),
        (b"A: b\n\n", "no text", 3),
        (b"A: b\n\n \n\t", "no text", 3),
        (b"A: b\nfoo\n\ntext", "not a header line", 2),
        (b"A:b\n\ntext", "not a header line", 1),
        (b"A: \n\ntext", "not a header line", 1),
        (b"A:  b\n\ntext", "not a header line", 1),
        (b"A: b \n\ntext", "not a header line", 1),
        (b"A-: b\n\ntext", "not a header line", 1),
        (b"A B: b\n\ntext", "not a header line", 1),
        (b"A: b\n\nte\x00xt", "a control character", 3),
        ("A: b\n\nte\u{85}xt".as_bytes(), "a control character", 3),
        (b"A: b\nC: \xff\n\ntext", "not UTF-8", 2),
    ];
    for (blob, what, line) in rows {
        assert_eq!(refusal(blob), (what, line), "{:?}", String::from_utf8_lossy(blob));
    }
}

#[test]
fn a_repeated_header_is_refused_however_it_is_spelled() {
    assert_eq!(refusal(b"A: b\nB: c\na: d\n\ntext"), ("a repeated header", 3));
    assert_eq!(refusal(b"public-key: 1\n\ntext"), ("a header in another spelling", 1));
}

#[test]
fn too_many_headers_are_refused() {
    let head: String = (0..65).map(|number| format!("H{number}: x\n")).collect();
    assert_eq!(refusal(format!("{head}\ntext").as_bytes()), ("too many headers", 65));
}

#[test]
fn a_comment_may_have_exactly_as_many_bytes_as_the_limit() {
    let limits = Limits { comment_bytes: 10 };
    assert!(Record::parse(b"A: b\n\ntext", limits).is_ok());
    let error = Record::parse(b"A: b\n\ntext!", limits).unwrap_err();
    assert_eq!(error, RecordError::TooLarge { bytes: 11, limit_bytes: 10 });
}

#[test]
fn nothing_but_a_postmark_may_stand_above_the_signature() {
    let signed = Draft::new().signed(&key(1), "mine");
    let with = |line: &str| [line.as_bytes(), b"\n", &signed].concat();
    assert!(Record::parse(&with("Postmark: {\"time\": 1}"), LIMITS).unwrap().verify().is_ok());
    let id = CommentId::of(b"x");
    assert_eq!(refusal(&with(&format!("Deletes: {id}"))), ("a header above the signature", 1));
    assert_eq!(refusal(&with("User: me")), ("a header above the signature", 1));
}

#[test]
fn a_signature_without_a_key_below_it_is_refused() {
    let signature = format!("Signature: {}", "0".repeat(128));
    assert_eq!(refusal(format!("{signature}\nDate: x\n\ntext").as_bytes()), ("no public key", 1));
}

#[test]
fn key_and_signature_are_lower_case_hex_of_the_right_length() {
    let blob = String::from_utf8(Draft::new().signed(&key(1), "mine")).unwrap();
    let (signature, rest) = blob.split_once('\n').unwrap();
    let upper = format!("{}\n{rest}", signature.to_uppercase().replace("SIGNATURE", "Signature"));
    assert_eq!(refusal(upper.as_bytes()), ("not hex digits", 1));
    let short = format!("{}\n{rest}", &signature[..signature.len() - 2]);
    assert_eq!(refusal(short.as_bytes()), ("not hex digits", 1));
    let short_key = blob.replacen("Public-Key: 8", "Public-Key: ", 1);
    assert_eq!(refusal(short_key.as_bytes()), ("not hex digits", 2));
}

#[test]
fn a_signature_that_is_present_must_fit() {
    let mut blob = Draft::new().header("Date", "2026-11-20T16:47:05Z").signed(&key(1), "mine");
    *blob.last_mut().unwrap() ^= 1;
    assert_eq!(refusal(&blob), ("the signature does not fit", 1));
}

#[test]
fn a_key_of_small_order_signs_nothing() {
    // The identity: with it, R = identity and s = 0 is a signature of every message under lenient rules.
    let identity = format!("01{}", "00".repeat(31));
    let blob = format!("Signature: {identity}{}\nPublic-Key: {identity}\n\ntext", "00".repeat(32));
    assert_eq!(refusal(blob.as_bytes()).0, "the signature does not fit");
}

#[test]
fn a_signature_cannot_be_changed_into_another_one() {
    // s + L is the same scalar; lenient rules accept it, and the comment would have a second id.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let blob = Draft::new().signed(&key(1), "mine");
    let record = Record::parse(&blob, LIMITS).unwrap();
    let mut signed = record.signed.unwrap();
    let mut carry = 0;
    for (byte, order) in signed.signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert!(Record { signed: Some(signed), ..record }.verify().is_err());
}

#[test]
fn headers_in_the_text_are_text() {
    let blob = format!("User: me\n\nSignature: {}\nDeletes: {}", "0".repeat(128), CommentId::of(b"x"));
    let record = Record::parse(blob.as_bytes(), LIMITS).unwrap();
    assert_eq!((record.signed, record.effect), (None, Effect::Comment));
}

#[test]
fn an_edit_or_a_deletion_needs_a_signature_and_one_target() {
    let id = CommentId::of(b"x").to_string();
    assert_eq!(refusal(format!("Edits: {id}\n\ntext").as_bytes()), ("an edit or a deletion without a signature", 1));
    assert_eq!(
        refusal(&Draft::new().header("Edits", &id).header("Deletes", &id).signed(&key(1), "x")).0,
        "both Edits and Deletes"
    );
    assert_eq!(refusal(&Draft::new().header("Deletes", "that one").signed(&key(1), "x")), ("no id", 3));
}

#[test]
fn a_comment_for_another_page_is_refused() {
    let (here, there) = (Topic::of_address("http://a/"), Topic::of_address("http://b/"));
    let blob = Draft::new().header("Topic", &here.to_string()).signed(&key(1), "x");
    let record = Record::parse(&blob, LIMITS).unwrap();
    assert_eq!(record.check_topic(&here), Ok(()));
    let error = record.check_topic(&there).unwrap_err().to_string();
    assert!(error.starts_with("the comment is for another page in line 3: `Topic: "), "{error}");
    assert_eq!(refusal(b"Topic: http://a/\n\ntext"), ("no id", 1));
}

#[test]
fn a_refusal_says_what_and_where_and_what_would_be_right() {
    let refused = Record::parse(b"A: b\nfoo\n\ntext", LIMITS).unwrap_err();
    assert_eq!(
        crate::posts::PostError::from(refused).to_string(),
        "not a header line: line 2: `foo`; expected `Name: value`, or a blank line before the text"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(blob: Vec<u8>) {
        let _ = Record::parse(&blob, LIMITS).map(|record| record.verify());
    }

    #[test]
    fn bytes_that_look_like_a_comment_are_read_or_refused(
        blob in "((Signature|Public-Key|Date|Edits|Topic|A|a)(: ?)[0-9a-fT:. é-]{0,70}\n){0,5}\n{0,2}.{0,9}",
    ) {
        if let Ok(record) = Record::parse(blob.as_bytes(), LIMITS) {
            let head: String = record.headers.iter().map(|header| format!("{}: {}\n", header.name, header.value)).collect();
            prop_assert_eq!(&format!("{head}\n{}", record.text), &blob);
            let _ = record.verify();
        }
    }

    #[test]
    fn what_is_composed_reads_back(value in "[!-~]([ -~]{0,20}[!-~])?", text in "[ -~\n]{0,40}[!-~]", number: u8) {
        let blob = Draft::new().header("User", &value).signed(&key(number), &text);
        let record = Record::parse(&blob, LIMITS).unwrap();
        prop_assert_eq!(record.verify(), Ok(()));
        prop_assert_eq!(record.header("User"), Some(value.as_str()));
        prop_assert_eq!(record.text, text);
    }

    #[test]
    fn no_byte_of_the_signed_part_can_be_changed(at in 0..200usize, flip in 1..=255u8) {
        let mut blob = Draft::new().header("Date", "2026-11-20T16:47:05Z").signed(&key(1), "some text to change");
        let below = blob.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let at = below + at % (blob.len() - below);
        blob[at] ^= flip;
        prop_assert!(Record::parse(&blob, LIMITS).and_then(|record| record.verify()).is_err());
    }
}
