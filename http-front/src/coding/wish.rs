//! What codings a visitor takes: the header `Accept-Encoding`, RFC 9110 section 12.5.3.

use hyper::{
    HeaderMap,
    header::{ACCEPT_ENCODING, HeaderValue},
};

use super::Coding;
use crate::{problem::Problem, request::accept::quality};

/// What the visitor takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    /// What it likes best of what is made.
    pub(crate) coding: Coding,
    /// Whether it may be left as it is where coding is not worthwhile.
    pub(crate) plain: Plain,
}

/// Whether bytes as they are are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Taken,
    Refused,
}

/// How much a coding is liked: its quality in thousandths, then whether it was named, then by us.
type Liking = (u16, bool, u8);

/// Reads the wish.
///
/// # Errors
///
/// 406 when everything is refused that could be sent.
pub(crate) fn read(headers: &HeaderMap) -> Result<Wish, Problem> {
    let mut lines = headers.get_all(ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes);
    match (lines.next(), lines.next()) {
        (None, _) => Ok(Wish::of(Coding::Identity)),
        (Some(line), None) => usual(line).map_or_else(|| weigh(&String::from_utf8_lossy(line)), Ok),
        _ => {
            let lines: Vec<_> = headers.get_all(ACCEPT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
            weigh(&String::from_utf8_lossy(&lines.join(&b',')))
        }
    }
}

impl Wish {
    fn of(coding: Coding) -> Self {
        Self { coding, plain: Plain::Taken }
    }
}

/// What browsers and their like send, known without a closer look.
fn usual(line: &[u8]) -> Option<Wish> {
    let coding = match line {
        b"gzip, deflate, br, zstd" | b"zstd" => Coding::Zstd,
        b"gzip, deflate, br" | b"br" => Coding::Brotli,
        b"gzip, deflate" | b"gzip" => Coding::Gzip,
        b"identity" | b"" => Coding::Identity,
        _ => return None,
    };
    Some(Wish::of(coding))
}

fn weigh(accept: &str) -> Result<Wish, Problem> {
    let offers: Vec<Offer<'_>> = accept.split(',').filter_map(Offer::parse).collect();
    let best = Coding::MADE.into_iter().filter_map(|coding| Some((liking(&offers, coding)?, coding))).max();
    let plain = plain(&offers);
    match (best, plain) {
        (None, Some(_)) => Ok(Wish::of(Coding::Identity)),
        (Some((_, coding)), None) => Ok(Wish { coding, plain: Plain::Refused }),
        (Some(((quality, ..), _)), Some(liked)) if liked > quality => Ok(Wish::of(Coding::Identity)),
        (Some((_, coding)), Some(_)) => Ok(Wish::of(coding)),
        (None, None) => Err(Problem::no_coding(accept)),
    }
}

fn liking(offers: &[Offer<'_>], coding: Coding) -> Option<Liking> {
    let named = offers.iter().find(|offer| offer.names(coding));
    let offer = named.or_else(|| offers.iter().find(|offer| offer.name == "*"))?;
    // Who names none is more likely to read gzip than what came after it.
    let by_us = match (named, coding) {
        (None, Coding::Gzip) => u8::MAX,
        (_, coding) => coding as u8,
    };
    (offer.quality > 0).then_some((offer.quality, named.is_some(), by_us))
}

/// How much bytes as they are are liked: taken unless refused, but less than whatever is named, unless named too.
fn plain(offers: &[Offer<'_>]) -> Option<u16> {
    let named = offers.iter().find(|offer| offer.names(Coding::Identity));
    match (named, offers.iter().find(|offer| offer.name == "*")) {
        (Some(offer), _) => (offer.quality > 0).then_some(offer.quality),
        (None, Some(any)) if any.quality == 0 => None,
        _ => Some(0),
    }
}

#[derive(Debug)]
struct Offer<'a> {
    name: &'a str,
    quality: u16,
}

impl<'a> Offer<'a> {
    /// Reads `gzip;q=0.5`. What cannot be read is skipped, as if it were not there.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        Some(Self { name, quality: quality(parts)? })
    }

    fn names(&self, coding: Coding) -> bool {
        // RFC 9110 section 8.4.1.3: the same under its older name.
        let older = coding == Coding::Gzip && self.name.eq_ignore_ascii_case("x-gzip");
        older || self.name.eq_ignore_ascii_case(coding.name())
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::{Coding::*, *};

    fn asking(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().filter_map(|line| Some((ACCEPT_ENCODING, HeaderValue::from_bytes(line).ok()?))).collect()
    }

    #[test]
    fn the_coding_that_is_liked_best_is_chosen() {
        let rows = [
            ("gzip, deflate, br, zstd", Zstd),
            ("gzip, deflate, br", Brotli),
            ("gzip, deflate", Gzip),
            ("gzip", Gzip),
            ("GZIP", Gzip),
            ("x-gzip", Gzip),
            ("br;q=0.9, gzip", Gzip),
            ("br;q=0.9,gzip;q=0.901", Gzip),
            ("zstd;q=0, br;q=0.1", Brotli),
            ("gzip ; q=0.5 , br ; q=0.4", Gzip),
            // Named wins over not named, and who names none reads gzip.
            ("*, br", Brotli),
            ("*", Gzip),
            ("*;q=0.5, gzip;q=0", Zstd),
            // As it is.
            ("", Identity),
            (" ", Identity),
            ("identity", Identity),
            ("deflate", Identity),
            ("compress, lzma", Identity),
            ("identity, gzip;q=0.5", Identity),
            ("gzip;q=0", Identity),
            ("*;q=0, identity;q=0.1", Identity),
            ("gzip;q=x", Identity),
            (",;=,q", Identity),
            // Equally liked: fewer bytes.
            ("identity, gzip", Gzip),
            ("identity;q=0.5, gzip;q=0.5", Gzip),
        ];
        for (accept, coding) in rows {
            assert_eq!(read(&asking(&[accept.as_bytes()])), Ok(Wish::of(coding)), "{accept}");
        }
        assert_eq!(read(&HeaderMap::new()), Ok(Wish::of(Identity)));
        assert_eq!(read(&asking(&[b"gzip;q=0.1", b"br"])), Ok(Wish::of(Brotli)));
        assert_eq!(read(&asking(&[b"\xff\xfe"])), Ok(Wish::of(Identity)));
    }

    #[test]
    fn who_refuses_plain_bytes_gets_coded_ones_or_a_problem() {
        let refused = |coding| Ok(Wish { coding, plain: Plain::Refused });
        assert_eq!(read(&asking(&[b"identity;q=0, gzip"])), refused(Gzip));
        assert_eq!(read(&asking(&[b"*;q=0, br"])), refused(Brotli));
        assert_eq!(read(&asking(&[b"identity;q=0, *"])), refused(Gzip));
        for accept in ["identity;q=0", "*;q=0", "identity;q=0, deflate", "*;q=0, gzip;q=0"] {
            let problem = read(&asking(&[accept.as_bytes()])).unwrap_err();
            assert_eq!(problem.status(), StatusCode::NOT_ACCEPTABLE, "{accept}");
            assert!(problem.detail().contains("zstd, br, gzip"), "{}", problem.detail());
        }
    }

    #[test]
    fn the_usual_wishes_mean_what_a_closer_look_says() {
        for line in
            ["gzip, deflate, br, zstd", "zstd", "gzip, deflate, br", "br", "gzip, deflate", "gzip", "identity", ""]
        {
            assert_eq!(usual(line.as_bytes()), weigh(line).ok(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_wish_or_a_refusal(accept: Vec<u8>) {
            let _ = read(&asking(&[&accept]));
        }
    }
}
