//! The headers of an answer, letter for letter those of Kubo's gateway, so that caches and clients keep working.
//!
//! Asked by `exchange`. Keeps nothing.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LOCATION, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use unixfs::Cid;
use xxhash_rust::xxh64::xxh64;

use crate::{
    Ask, CarParams, ContentPath,
    car::{Dups, Order, Scope},
    format::{Kind, Query},
};

pub(crate) const X_IPFS_PATH: HeaderName = HeaderName::from_static("x-ipfs-path");
pub(crate) const X_IPFS_ROOTS: HeaderName = HeaderName::from_static("x-ipfs-roots");
/// What a CID names can never change.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=29030400, immutable");
const RAW: HeaderValue = HeaderValue::from_static("application/vnd.ipld.raw");

/// What a segment of a path may hold unescaped; RFC 3986 less the comma and the semicolon.
pub(crate) const IN_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b':')
    .remove(b'=')
    .remove(b'@');
/// What may stand in a header that shows a path.
const IN_HEADER: &AsciiSet = &percent_encoding::CONTROLS.add(b'%');

/// `X-Ipfs-Path`, also of a refusal: the path as it was understood.
pub(crate) fn path(path: &ContentPath) -> HeaderValue {
    path_text(path.as_bytes())
}

/// The same for any path.
pub(crate) fn path_text(path: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(path).unwrap_or_else(|_| text(percent_encode(path, IN_HEADER).to_string()))
}

/// `X-Ipfs-Roots`: where the path was after each of its segments.
pub(crate) fn roots(roots: &[Cid]) -> HeaderValue {
    let names: Vec<_> = roots.iter().map(Cid::to_string).collect();
    text(names.join(","))
}

/// What a block's answer has in common, range or not.
pub(crate) fn raw(ask: &Ask, cid: &Cid) -> HeaderMap {
    let name = ask.filename.clone().unwrap_or_else(|| format!("{cid}.bin"));
    HeaderMap::from_iter([
        (CONTENT_TYPE, RAW),
        (CONTENT_DISPOSITION, attachment(&name)),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ])
}

/// The tag of a block, and how long it may be kept: all that a 304 says.
pub(crate) fn raw_tag(cid: &Cid) -> String {
    format!("\"{cid}.raw\"")
}

/// The tag and how long the content may be kept.
pub(crate) fn keep(etag: &str) -> HeaderMap {
    HeaderMap::from_iter([(ETAG, text(etag.to_owned())), (CACHE_CONTROL, IMMUTABLE)])
}

/// `Content-Disposition` of an archive.
pub(crate) fn car_name(ask: &Ask) -> HeaderValue {
    let root = ask.path.root;
    let name = match (&ask.filename, ask.path.segments.last()) {
        (Some(name), _) => name.clone(),
        (None, Some(last)) => format!("{root}_{}.car", String::from_utf8_lossy(last)),
        (None, None) => format!("{root}.car"),
    };
    attachment(&name)
}

/// `Content-Type` of an archive.
pub(crate) fn car_kind(params: &CarParams) -> HeaderValue {
    let (order, dups) = (params.order.name(), params.dups.name());
    text(format!("application/vnd.ipld.car; version=1; order={order}; dups={dups}"))
}

/// The tag of an archive: one per path and parameters. Weak, for another build may order blocks in another way.
pub(crate) fn car_tag(path: &ContentPath, params: &CarParams) -> String {
    let mut salted = path.as_bytes().to_vec();
    if params.scope != Scope::All {
        salted.extend_from_slice(b"\0scope=");
        salted.extend_from_slice(params.scope.name().as_bytes());
    }
    if params.order != Order::Dfs {
        salted.extend_from_slice(b"\0order=");
        salted.extend_from_slice(params.order.name().as_bytes());
    }
    if params.dups == Dups::Sent {
        salted.extend_from_slice(b"\0dups=y");
    }
    if let Some(bytes) = params.bytes.filter(|bytes| bytes.from != 0 || bytes.to.is_some()) {
        salted.extend_from_slice(b"\0range=");
        salted.extend_from_slice(&bytes.from.to_le_bytes());
        salted.extend(bytes.to.iter().flat_map(|to| to.to_le_bytes()));
    }
    format!("W/\"{}.car.{}\"", path.root, base_32(xxh64(&salted, 0)))
}

/// `Content-Location`, when the format came by `Accept`: what a cache may keep the answer under.
pub(crate) fn location(
    uri_path: &str,
    query: &Query,
    kind: Kind,
    params: &[(String, String)],
) -> Option<(HeaderName, HeaderValue)> {
    let format = kind.word();
    if query.get("format") == Some(format) {
        return None;
    }
    let mut pairs: Vec<(String, String)> = query.0.iter().filter(|(name, _)| name != "format").cloned().collect();
    pairs.push(("format".to_owned(), format.to_owned()));
    for (name, value) in params {
        let name = format!("{format}-{name}");
        if query.get(&name).is_none() {
            pairs.push((name, value.clone()));
        }
    }
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    HeaderValue::try_from(format!("{uri_path}?{query}")).ok().map(|value| (CONTENT_LOCATION, value))
}

/// `Content-Disposition` of what is to be saved.
pub(crate) fn attachment(name: &str) -> HeaderValue {
    disposition("attachment", name)
}

/// `Content-Disposition`, with the name in two spellings.
pub(crate) fn disposition(how: &str, name: &str) -> HeaderValue {
    let ascii: String = name.chars().map(|char| if char.is_ascii() { char } else { '_' }).collect();
    let (ascii, full) = (utf8_percent_encode(&ascii, IN_SEGMENT), utf8_percent_encode(name, IN_SEGMENT));
    text(format!("{how}; filename=\"{ascii}\"; filename*=UTF-8''{full}"))
}

pub(crate) fn base_32(number: u64) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let digits = (64 - number.leading_zeros()).div_ceil(5).max(1);
    let digit = |place: u32| char::from(DIGITS[(number >> (5 * place)) as usize & 31]);
    (0..digits).rev().map(digit).collect()
}

pub(crate) fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("CIDs, escaped names and our own words may stand in a header")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::car::EntityBytes;

    #[test]
    fn a_name_is_escaped_twice_over() {
        let expected = "attachment; filename=\"a%20b_%22c%2F.car\"; filename*=UTF-8''a%20b%C3%A9%22c%2F.car";
        assert_eq!(attachment("a bé\"c/.car"), expected);
        assert_eq!(
            attachment("-_.~$&+:=@,;"),
            "attachment; filename=\"-_.~$&+:=@%2C%3B\"; filename*=UTF-8''-_.~$&+:=@%2C%3B"
        );
    }

    #[test]
    fn numbers_are_written_in_base_32() {
        let all = [(0, "0"), (31, "v"), (32, "10"), (u64::MAX, "fvvvvvvvvvvvv")];
        assert!(all.iter().all(|(number, text)| base_32(*number) == *text));
    }

    #[test]
    fn every_parameter_makes_another_tag() {
        let path = ContentPath::read("/ipfs/bafkqaaa").unwrap();
        let whole = CarParams { scope: Scope::All, bytes: None, order: Order::Dfs, dups: Dups::LeftOut };
        let entity = CarParams { scope: Scope::Entity, ..whole };
        let range = |from, to| CarParams { bytes: Some(EntityBytes { from, to }), ..entity };
        let all = [
            whole,
            entity,
            CarParams { scope: Scope::Block, ..whole },
            CarParams { order: Order::Unknown, ..whole },
            CarParams { dups: Dups::Sent, ..whole },
            range(0, Some(1)),
            range(1, None),
            range(-1, None),
            range(1, Some(1)),
        ];
        let tags: std::collections::BTreeSet<_> = all.iter().map(|params| car_tag(&path, params)).collect();
        assert_eq!(tags.len(), all.len());
        assert_eq!(car_tag(&path, &range(0, None)), car_tag(&path, &entity), "the whole file is the whole file");
    }
}
