//! What a visitor likes best: the header `Accept`, RFC 9110 section 12.5.1.

use hyper::{
    HeaderMap,
    header::{ACCEPT, HeaderValue},
};

/// What the front can say a thread in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The CID of the folder, as text/plain.
    Text,
    /// The page, as application/json.
    Json,
    /// The folder, as application/vnd.ipld.car.
    Car,
}

/// How much a form is liked: its quality in thousandths, then how exactly it was named, then who was named first.
type Liking = (u16, u8, std::cmp::Reverse<usize>);

/// Chooses a form.
///
/// Who names none of the two gets text: an answer in another form helps more than a refusal.
pub(crate) fn choose(headers: &HeaderMap) -> Form {
    let mut lines = headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
    match (lines.next(), lines.next()) {
        (None | Some(b"*/*"), None) => Form::Text,
        (Some(b"application/json"), None) => Form::Json,
        _ => {
            let lines: Vec<_> = headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes).collect();
            weigh(&String::from_utf8_lossy(&lines.join(&b',')))
        }
    }
}

/// Whether a page for people is liked better than a line of text, as browsers like it that open an address.
pub(crate) fn prefers_html(headers: &HeaderMap) -> bool {
    let lines: Vec<_> = headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes).collect();
    let accept = String::from_utf8_lossy(&lines.join(&b',')).into_owned();
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    liking(&ranges, "text", "html") > liking(&ranges, "text", "plain")
}

fn weigh(accept: &str) -> Form {
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    let (text, json) = (liking(&ranges, "text", "plain"), liking(&ranges, "application", "json"));
    match (json > text, liking(&ranges, "application", "vnd.ipld.car") > json.max(text)) {
        (_, true) => Form::Car,
        (true, false) => Form::Json,
        (false, false) => Form::Text,
    }
}

/// The most exact range that fits decides, however much a wider one would give.
fn liking(ranges: &[Range<'_>], kind: &str, subtype: &str) -> Option<Liking> {
    let fits = ranges.iter().enumerate().filter_map(|(place, range)| Some((range.fit(kind, subtype)?, place, range)));
    let (exactness, place, range) = fits.max_by_key(|(exactness, place, _)| (*exactness, std::cmp::Reverse(*place)))?;
    (range.quality > 0).then_some((range.quality, exactness, std::cmp::Reverse(place)))
}

#[derive(Debug)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: u16,
}

impl<'a> Range<'a> {
    /// Reads `text/plain; charset=utf-8; q=0.5`. What is no range is skipped, as if it were not there.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        Some(Self { kind, subtype, quality: quality(parts)? })
    }

    fn fit(&self, kind: &str, subtype: &str) -> Option<u8> {
        let kind_fits = self.kind.eq_ignore_ascii_case(kind);
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (_, "*") if kind_fits => Some(1),
            (_, exact) if kind_fits && exact.eq_ignore_ascii_case(subtype) => Some(2),
            _ => None,
        }
    }
}

/// How much something is liked, in thousandths: what its parameter `q` says, else as much as can be. None when that is no
/// number.
pub(crate) fn quality<'a>(mut parameters: impl Iterator<Item = &'a str>) -> Option<u16> {
    let weight = parameters.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    weight.map_or(Some(1_000), thousandths)
}

/// Reads `0.5` or `1.000`.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole * 1_000 + fraction).min(1_000))
}

#[cfg(test)]
mod tests {
    use super::{Form::*, *};

    fn asking(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().filter_map(|line| Some((ACCEPT, HeaderValue::from_bytes(line).ok()?))).collect()
    }

    #[test]
    fn the_form_that_is_liked_best_is_chosen() {
        let rows = [
            ("text/plain", Text),
            ("application/json", Json),
            ("APPLICATION/JSON", Json),
            ("application/json; charset=utf-8", Json),
            ("application/json;q=0", Text),
            ("application/json;q=0.5, text/plain", Text),
            ("application/json;q=0.5, text/plain;q=0.4", Json),
            ("text/plain;q=0.2, application/*;q=0.3", Json),
            ("*/*, text/plain;q=0.1", Json),
            ("application/json;q=0.1, */*", Text),
            ("text/*;q=0, */*", Json),
            // As often sent by scripts: equally liked, so the first one named.
            ("application/json, text/plain, */*", Json),
            ("text/plain, application/json, */*", Text),
            // Named exactly wins over named by a wildcard.
            ("application/json, */*", Json),
            ("*/*, application/json", Json),
            // As browsers send it for a page.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text),
            // None of the two, or nothing that can be read.
            ("image/png", Text),
            ("", Text),
            (",;=,q", Text),
            ("application/json;q=x", Text),
            ("application/json;q=1.000", Json),
            ("application/json;q=0.0001, text/plain;q=0", Text),
        ];
        for (accept, form) in rows {
            assert_eq!(choose(&asking(&[accept.as_bytes()])), form, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new()), Text);
        assert_eq!(choose(&asking(&[b"\xff\xfe/\x80"])), Text);
        assert_eq!(choose(&asking(&[b"text/plain;q=0.1", b"application/json"])), Json);
    }

    #[test]
    fn only_who_asks_for_a_page_gets_one() {
        let rows = [
            // As browsers send it for a page, and as programs ask for anything.
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
            ("text/html", true),
            ("*/*", false),
            ("", false),
            ("text/*", false),
            ("text/plain, text/html;q=0.9", false),
            ("text/html;q=0", false),
            ("application/json", false),
        ];
        for (accept, html) in rows {
            assert_eq!(prefers_html(&asking(&[accept.as_bytes()])), html, "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_an_answerable_wish(accept: Vec<u8>) {
            choose(&asking(&[&accept, b"*/*"]));
        }
    }
}
