//! Writes JSON straight into the bytes that visitors get.
//!
//! A page of 25 comments passes here some 30,000 times a second: text is copied in runs, and nothing is put together
//! anywhere else first. A test holds it against `serde_json`.

use proto::{CommentId, LegacyId};

/// Eight bytes at a time.
type Word = [u8; 8];

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// Appends a text with its quotes.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = find_special(rest) {
        out.extend_from_slice(&rest[..at]);
        push_escaped(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Appends a number.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends a comment's id as the CID that it is, with quotes.
pub(crate) fn push_id(out: &mut Vec<u8>, id: &CommentId) {
    // CIDv1, raw, sha2-256, 32 bytes: then the hash.
    let mut cid = [0x01, 0x55, 0x12, 0x20].into_iter().chain(id.0).chain([0; 4]);
    let mut groups = [[0_u8; 5]; 8];
    groups.as_flattened_mut().iter_mut().zip(&mut cid).for_each(|(to, from)| *to = from);
    let mut text = [0; 64];
    for (characters, group) in text.chunks_exact_mut(8).zip(groups) {
        base32(characters, group);
    }
    out.extend_from_slice(b"\"b");
    // 36 bytes are 57.6 characters.
    out.extend_from_slice(&text[..58]);
    out.push(b'"');
}

/// Appends a legacy id, with quotes.
pub(crate) fn push_legacy_id(out: &mut Vec<u8>, id: &LegacyId) {
    push_hex(out, &id.0);
}

/// Appends bytes as lower-case hex digits, with quotes.
pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8; 20]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out.push(b'"');
    out.extend_from_slice(&text);
    out.push(b'"');
}

/// RFC 4648, lower case: five bytes are eight characters.
fn base32(characters: &mut [u8], group: [u8; 5]) {
    let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    for (pair, shift) in characters.chunks_exact_mut(2).zip([30, 20, 10, 0]) {
        pair.copy_from_slice(&BASE32_PAIRS[(bits >> shift & 1_023) as usize]);
    }
}

/// Two characters at a time: ids are a third of what is written.
static BASE32_PAIRS: [[u8; 2]; 1_024] = {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut pairs = [[0; 2]; 1_024];
    let mut bits = 0;
    while bits < pairs.len() {
        pairs[bits] = [ALPHABET[bits >> 5], ALPHABET[bits & 31]];
        bits += 1;
    }
    pairs
};

/// The first byte that cannot stand in a JSON text as it is: a control character, a quote, a backslash.
fn find_special(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let marks = special_marks(*word);
        if marks != 0 {
            return Some(place * 8 + (marks.trailing_zeros() / 8) as usize);
        }
    }
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    rest.iter().position(is_special).map(|at| words.len() * 8 + at)
}

/// The highest bit of each special byte is set. Of what is above the lowest mark some may be wrong: borrows run upwards.
fn special_marks(word: Word) -> u64 {
    let word = u64::from_le_bytes(word);
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    below(word, 0x20) | below(word ^ (ONES * u64::from(b'"')), 1) | below(word ^ (ONES * u64::from(b'\\')), 1)
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        // No comment has any other; JSON would not be JSON if one did.
        _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_escaped_where_it_must_be() {
        let rows = [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("a \"b\" \\ c", r#""a \"b\" \\ c""#),
            ("line\nnext\ttab", r#""line\nnext\ttab""#),
            ("\u{1}\u{7f}é🦀", "\"\\u0001\u{7f}é🦀\""),
        ];
        for (text, json) in rows {
            assert_eq!(written(|out| push_text(out, text)), json);
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back_as_itself(text: String) {
            let json = written(|out| push_text(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn text_full_of_special_characters_reads_back_as_itself(text in "[\\x00-\\x23\\\\\"!\\]\u{80}é]{0,64}") {
            let json = written(|out| push_text(out, &text));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn ids_are_written_as_everywhere(id: [u8; 32], legacy: [u8; 20], number: u64) {
            let (id, legacy) = (CommentId(id), LegacyId(legacy));
            prop_assert_eq!(written(|out| push_id(out, &id)), format!("\"{id}\""));
            prop_assert_eq!(written(|out| push_legacy_id(out, &legacy)), format!("\"{legacy}\""));
            prop_assert_eq!(written(|out| push_number(out, number)), number.to_string());
        }
    }
}
