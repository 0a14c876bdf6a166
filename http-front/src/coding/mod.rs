//! Content-coding: the same answer in fewer bytes, RFC 9110 sections 8.4 and 12.5.3.
//!
//! [`wish`] reads what a visitor takes, [`press`] makes it. Whether something is worth it is decided here.

pub(crate) mod press;
pub(crate) mod wish;

use hyper::header::HeaderValue;

/// Below this a coding saves less than its own header costs.
const WORTHWHILE_BYTES: usize = 512;

/// How the bytes of an answer are coded. Of two that a visitor likes equally the greater is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Coding {
    /// As they are.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// The codings that are made, best liked by us first: zstd takes the least time for nearly the fewest bytes.
    pub(crate) const MADE: [Self; 3] = [Self::Zstd, Self::Brotli, Self::Gzip];

    /// How `Accept-Encoding`, `Content-Encoding` and tags call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The same as a header; none for bytes as they are.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        (self != Self::Identity).then(|| HeaderValue::from_static(self.name()))
    }
}

/// Whether so many bytes of this kind become notably fewer.
pub(crate) fn is_worthwhile(kind: &HeaderValue, bytes: usize) -> bool {
    bytes > WORTHWHILE_BYTES && is_text(kind.as_bytes())
}

/// Pictures, fonts and archives are coded already.
fn is_text(kind: &[u8]) -> bool {
    const ENDS: [&[u8]; 4] = [b"json", b"xml", b"javascript", b"openmetrics-text"];
    let end = kind.iter().position(|byte| matches!(byte, b';' | b' ')).unwrap_or(kind.len());
    kind.starts_with(b"text/") || ENDS.iter().any(|suffix| kind[..end].ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_some_length_is_worth_coding() {
        let rows = [
            ("application/json", 513, true),
            ("application/json", 512, false),
            ("text/plain; charset=utf-8", 9_000, true),
            ("text/html; charset=utf-8", 9_000, true),
            ("application/atom+xml; charset=utf-8", 9_000, true),
            ("image/svg+xml", 9_000, true),
            ("text/javascript; charset=utf-8", 9_000, true),
            ("application/openmetrics-text; version=1.0.0", 9_000, true),
            ("image/png", 9_000, false),
            ("font/woff2", 9_000, false),
            ("application/vnd.ipld.car", 9_000, false),
            ("application/vnd.ipld.raw", 9_000, false),
            ("application/octet-stream; name=json", 9_000, false),
        ];
        for (kind, bytes, worthwhile) in rows {
            assert_eq!(is_worthwhile(&HeaderValue::from_static(kind), bytes), worthwhile, "{kind} {bytes}");
        }
    }

    #[test]
    fn bytes_as_they_are_have_no_header() {
        assert_eq!(Coding::Identity.header(), None);
        assert_eq!(Coding::MADE.map(|coding| coding.header().unwrap()), ["zstd", "br", "gzip"]);
    }
}
