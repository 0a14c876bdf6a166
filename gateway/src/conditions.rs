//! Conditions of a request on the tag of the answer: `If-None-Match`, `If-Match`, `If-Range`.
//!
//! Asked by `exchange` and `range`. Keeps nothing.

use http::{HeaderMap, HeaderName};

/// How two tags are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    /// Either may be weak.
    Weak,
    /// Both have to be strong: byte for byte the same content.
    Strong,
}

/// Whether a header that lists tags names this one. `None` when there is no such header.
pub(crate) fn names(headers: &HeaderMap, header: HeaderName, tag: &str, compare: Compare) -> Option<bool> {
    let mut values = headers.get_all(header).iter().peekable();
    values.peek()?;
    let mut lists = values.filter_map(|value| value.to_str().ok());
    Some(lists.any(|list| tags(list).any(|listed| listed == "*" || is_same(listed, tag, compare))))
}

/// Whether two tags are the same.
pub(crate) fn is_same(a: &str, b: &str, compare: Compare) -> bool {
    match compare {
        Compare::Weak => strong(a) == strong(b),
        Compare::Strong => a == b && a.starts_with('"'),
    }
}

fn strong(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// The tags of a list, up to the first thing that is none. A comma may stand within a tag.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        let len = if rest.starts_with('*') { 1 } else { tag_len(rest)? };
        let (tag, after) = rest.split_at(len);
        rest = after;
        Some(tag)
    })
}

fn tag_len(text: &str) -> Option<usize> {
    let open = text.len() - strong(text).len();
    let inner = text[open..].strip_prefix('"')?;
    let len = inner.find('"')?;
    let is_clean = inner[..len].bytes().all(|byte| byte == 0x21 || byte >= 0x23);
    is_clean.then_some(open + len + 2)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::IF_NONE_MATCH};
    use proptest::prelude::*;

    use super::*;

    fn known(list: &str, compare: Compare) -> bool {
        let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_str(list).unwrap())]);
        names(&headers, IF_NONE_MATCH, "\"x\"", compare).unwrap()
    }

    #[test]
    fn a_tag_is_found_in_every_form_of_the_header() {
        for list in ["\"x\"", "W/\"x\"", "*", "\"a\", \"x\"", "\"a,b\",W/\"x\"", ", ,\"x\"", "\"a\" \"x\""] {
            assert!(known(list, Compare::Weak), "{list}");
        }
        for list in ["", "x", "\"y\"", "\"x", "W/x", "\"X\"", "a, \"x\"", "\"a b\", \"x\""] {
            assert!(!known(list, Compare::Weak), "{list}");
        }
        assert!(known("\"x\"", Compare::Strong) && !known("W/\"x\"", Compare::Strong));
        assert_eq!(names(&HeaderMap::new(), IF_NONE_MATCH, "\"x\"", Compare::Weak), None);
    }

    proptest! {
        #[test]
        fn any_list_is_read_to_an_end(list in "[ -~]{0,80}") {
            prop_assert!(tags(&list).count() <= list.len());
        }
    }
}
