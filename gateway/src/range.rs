//! `Range` on a block: one range of bytes; of several the first.
//!
//! Asked by `exchange`. Keeps nothing.

use std::ops::Range;

use http::{
    HeaderMap,
    header::{IF_RANGE, RANGE},
};

use crate::{
    Refusal,
    conditions::{Compare, is_same},
};

/// What of a block of this length is asked for; all of it when `None`.
///
/// # Errors
///
/// `Range` when the header cannot be read, `OutOfRange` when nothing of the block is in any of its ranges.
pub(crate) fn read(headers: &HeaderMap, etag: &str, block_bytes: u64) -> Result<Option<Range<u64>>, Refusal> {
    let Some(value) = headers.get(RANGE) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refusal::Range)?;
    // Another unit than bytes is not for us to understand: RFC 9110 has it ignored.
    let Some(list) = text.strip_prefix("bytes=") else { return Ok(None) };
    let is_other = headers.get(IF_RANGE).is_some_and(|known| !is_of_this(known.to_str().ok(), etag));
    let all = ranges(list, block_bytes)?;
    if is_other {
        return Ok(None);
    }
    let within: Vec<_> = all.iter().flatten().collect();
    let asked_bytes = within.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
    match within.first() {
        None if !all.is_empty() && block_bytes > 0 => Err(Refusal::OutOfRange { block_bytes }),
        // Who asks for more than there is gets what there is.
        Some(first) if asked_bytes <= block_bytes => Ok(Some((*first).clone())),
        _ => Ok(None),
    }
}

fn is_of_this(known: Option<&str>, etag: &str) -> bool {
    known.is_some_and(|known| is_same(known, etag, Compare::Strong))
}

/// Every range of a list; `None` for one that lies beyond the end.
fn ranges(list: &str, block_bytes: u64) -> Result<Vec<Option<Range<u64>>>, Refusal> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| range(entry, block_bytes)).collect()
}

fn range(entry: &str, block_bytes: u64) -> Result<Option<Range<u64>>, Refusal> {
    let (first, last) = entry.split_once('-').ok_or(Refusal::Range)?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let bytes = number(last)?.min(block_bytes);
        return Ok((bytes > 0).then_some(block_bytes - bytes..block_bytes));
    }
    let first = number(first)?;
    let end = if last.is_empty() { block_bytes } else { number(last)?.saturating_add(1) };
    if !last.is_empty() && first >= end {
        return Err(Refusal::Range);
    }
    Ok((first < block_bytes).then(|| first..end.min(block_bytes)))
}

fn number(text: &str) -> Result<u64, Refusal> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than a number has: it lies beyond any end.
    if is_number { Ok(text.parse().unwrap_or(u64::MAX)) } else { Err(Refusal::Range) }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str, block_bytes: u64) -> Result<Option<Range<u64>>, Refusal> {
        let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_str(text).unwrap())]);
        read(&headers, "\"x\"", block_bytes)
    }

    #[test]
    fn one_range_is_read_in_every_form() {
        assert_eq!(of("bytes=0-3", 10), Ok(Some(0..4)));
        assert_eq!(of("bytes=4-", 10), Ok(Some(4..10)));
        assert_eq!(of("bytes=-3", 10), Ok(Some(7..10)));
        assert_eq!(of("bytes=-30", 10), Ok(Some(0..10)));
        assert_eq!(of("bytes=8-800", 10), Ok(Some(8..10)));
        assert_eq!(of("bytes=1-2,4-5", 10), Ok(Some(1..3)));
        assert_eq!(of("bytes=20-30, 4-5", 10), Ok(Some(4..6)));
    }

    #[test]
    fn what_is_no_range_of_bytes_is_refused_or_ignored() {
        for text in ["bytes=x", "bytes=3-1", "bytes=1", "bytes=-", "bytes=--1", "bytes=1-x"] {
            assert_eq!(of(text, 10), Err(Refusal::Range), "{text}");
        }
        assert_eq!(of("bytes=10-", 10), Err(Refusal::OutOfRange { block_bytes: 10 }));
        assert_eq!(of("bytes=-0", 10), Err(Refusal::OutOfRange { block_bytes: 10 }));
        assert_eq!(of("bytes=0-", 0), Ok(None));
        assert_eq!(of("items=0-1", 10), Ok(None));
        assert_eq!(of("bytes=0-9,0-9", 10), Ok(None));
    }

    #[test]
    fn a_range_of_another_block_is_not_given() {
        let with = |known| {
            HeaderMap::from_iter([
                (RANGE, HeaderValue::from_static("bytes=0-1")),
                (IF_RANGE, HeaderValue::from_static(known)),
            ])
        };
        assert_eq!(read(&with("\"x\""), "\"x\"", 10), Ok(Some(0..2)));
        for known in ["\"y\"", "W/\"x\"", "Sat, 21 Nov 2026 00:00:00 GMT"] {
            assert_eq!(read(&with(known), "\"x\"", 10), Ok(None), "{known}");
        }
    }

    proptest! {
        #[test]
        fn a_range_lies_within_its_block(text in "bytes=[0-9, -]{0,24}", block_bytes in 0u64..100) {
            if let Ok(Some(range)) = of(&text, block_bytes) {
                prop_assert!(range.start < range.end && range.end <= block_bytes);
            }
        }
    }
}
