//! Answers that a visitor has already: `ETag` and `If-None-Match`, RFC 9110 sections 8.8.3 and 13.1.2.
//!
//! Every tag is strong: the same tag means the same bytes. It is made of a CID and of how its content is shown.

use std::fmt::Display;

use hyper::{
    HeaderMap,
    header::{HeaderValue, IF_NONE_MATCH},
};

/// The tag of content.
pub(crate) fn of(name: impl Display) -> HeaderValue {
    HeaderValue::try_from(format!("\"{name}\"")).expect("a CID has only letters and digits")
}

/// Whether the visitor has what bears `tag`.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let tag = tag.as_bytes();
    headers.get_all(IF_NONE_MATCH).iter().any(|line| line.as_bytes() == tag || lists(line.as_bytes(), tag))
}

fn lists(line: &[u8], tag: &[u8]) -> bool {
    line.trim_ascii() == b"*" || Tags(line).any(|given| given == tag || unquoted(tag) == Some(given))
}

/// Some clients send a tag back without its quotes.
fn unquoted(tag: &[u8]) -> Option<&[u8]> {
    tag.strip_prefix(b"\"")?.strip_suffix(b"\"").filter(|inner| !inner.is_empty())
}

/// The tags of a list, with their quotes and without the mark of weak ones: this header compares weakly.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let rest = self.0[start..].strip_prefix(b"W/").unwrap_or(&self.0[start..]);
        let (tag, rest) = rest.split_at(tag_bytes(rest));
        self.0 = rest;
        Some(tag.trim_ascii_end())
    }
}

/// How long the tag is with which a list begins. A comma ends it, but not between quotes.
fn tag_bytes(list: &[u8]) -> usize {
    let quoted = list.strip_prefix(b"\"").and_then(|inner| inner.iter().position(|byte| *byte == b'"'));
    let bare = || list.iter().position(|byte| *byte == b',').unwrap_or(list.len());
    quoted.map_or_else(bare, |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().map(|line| (IF_NONE_MATCH, HeaderValue::from_bytes(line).unwrap())).collect()
    }

    #[test]
    fn a_tag_is_found_in_whatever_way_it_is_sent_back() {
        let rows: [(&[u8], bool); 26] = [
            (b"\"bafk\"", true),
            (b"W/\"bafk\"", true),
            (b"\"x\", \"bafk\"", true),
            (b"\"x\",\"bafk\",\"y\"", true),
            (b"W/\"x\" ,\tW/\"bafk\"", true),
            (b" , ,\"bafk\",,", true),
            (b"*", true),
            (b" * ", true),
            // Commas, stars, marks and high bytes may stand between quotes.
            (b"\"a,b\", \"bafk\"", true),
            (b"\",\",\"bafk\"", true),
            (b"\"\xe9\xff\", \"bafk\"", true),
            (b"\"\", \"bafk\"", true),
            (b"\"x, \"bafk\"", false),
            (b"\"x,\"bafk\",y\"", false),
            (b"\"*\"", false),
            (b"\"W/\"", false),
            (b"\"bafk,\"", false),
            // Without quotes, as some send it.
            (b"bafk", true),
            (b"x, bafk ", true),
            (b"W/bafk", true),
            (b"\"bafk", false),
            (b"bafk\"", false),
            (b"\"bafkx\"", false),
            (b"\"BAFK\"", false),
            (b"w/\"bafk\"", false),
            (b"", false),
        ];
        for (line, known) in rows {
            assert_eq!(is_known(&sent(&[line]), &of("bafk")), known, "{}", line.escape_ascii());
        }
        assert!(!is_known(&HeaderMap::new(), &of("bafk")));
    }

    #[test]
    fn a_list_may_come_in_several_lines() {
        assert!(is_known(&sent(&[b"\"x\", \"y\"", b"W/\"z\"", b"\"a,b\", \"bafk\""]), &of("bafk")));
        assert!(!is_known(&sent(&[b"\"ba", b"fk\""]), &of("bafk")));
        assert!(is_known(&sent(&[b"\"x\"", b"*"]), &of("bafk")));
    }

    #[test]
    fn a_tag_with_strange_bytes_is_found_too() {
        let tag = HeaderValue::from_bytes(b"\"a,\xe9*\"").unwrap();
        assert!(is_known(&sent(&[b"\"x\", W/\"a,\xe9*\""]), &tag));
        assert!(!is_known(&sent(&[b"\"a\", \"\xe9*\""]), &tag));
        let empty = of("");
        assert!(is_known(&sent(&[b"\"x\", \"\""]), &empty) && !is_known(&sent(&[b"x, ,"]), &empty));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_read(line in proptest::collection::vec(32_u8..=255, 0..64)) {
            if let Ok(line) = HeaderValue::from_bytes(&line) {
                is_known(&HeaderMap::from_iter([(IF_NONE_MATCH, line)]), &of("bafk"));
            }
        }

        #[test]
        fn a_tag_between_others_is_found(
            before in proptest::collection::vec("(W/)?\"[!#-~]{0,8}\"", 0..4), tag in "[!#-~]{1,8}", weak: bool,
        ) {
            let mark = if weak { "W/" } else { "" };
            let line = before.iter().cloned().chain([format!("{mark}\"{tag}\"")]).collect::<Vec<_>>().join(", ");
            proptest::prop_assert!(is_known(&sent(&[line.as_bytes()]), &of(tag)));
        }
    }
}
