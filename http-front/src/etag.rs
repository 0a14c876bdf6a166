//! Answers that a visitor has already: `ETag` and `If-None-Match`, RFC 9110 section 13.
//!
//! The tag of what has a CID is that CID: strong, the same on every server.

use std::fmt::Display;

use hyper::{
    HeaderMap,
    header::{HeaderValue, IF_NONE_MATCH},
};

/// The tag of content.
pub(crate) fn of(cid: impl Display) -> HeaderValue {
    HeaderValue::try_from(format!("\"{cid}\"")).expect("a CID has only letters and digits")
}

/// Whether the visitor has what bears `tag`.
pub(crate) fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|value| value.split(',')).map(str::trim).any(|one| fits(one, tag))
}

/// Weak comparison, as the RFC wants it for this header; a tag without quotes is understood too, because some send it.
fn fits(given: &str, tag: &HeaderValue) -> bool {
    let given = given.strip_prefix("W/").unwrap_or(given);
    let quoted = given.as_bytes() == tag.as_bytes();
    let bare = tag.len() > 2 && given.as_bytes() == &tag.as_bytes()[1..tag.len() - 1];
    given == "*" || quoted || bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_whatever_way_it_is_sent_back() {
        let rows = [
            ("\"bafk\"", true),
            ("W/\"bafk\"", true),
            ("\"x\", \"bafk\"", true),
            ("*", true),
            ("bafk", true),
            ("\"bafk", false),
            ("\"bafkx\"", false),
            ("", false),
        ];
        for (given, known) in rows {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(given))]);
            assert_eq!(is_known(&headers, &of("bafk")), known, "{given}");
        }
        assert!(!is_known(&HeaderMap::new(), &of("bafk")));
    }
}
