//! Where a reader of a topic is: up to which arrival he has been told, in which life of the arrival log.

use std::{fmt, str::FromStr};

use hyper::HeaderMap;
use proto::{Epoch, Seq};

use crate::problem::Problem;

/// What a browser sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";
/// The same in the address, for the first time: from a page's `epoch` and `last_seq`.
const AFTER: &str = "after";

/// A place in the stream of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: Epoch,
    pub(super) seq: Seq,
}

impl Place {
    /// Where a visitor wants to begin; none when that is now. What a browser has heard goes before what was in the
    /// address when it first came.
    ///
    /// # Errors
    ///
    /// 400 when it is no place.
    pub(super) fn asked(headers: &HeaderMap, query: Option<&str>) -> Result<Option<Self>, Problem> {
        let told = headers.get(LAST_EVENT_ID).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        // A browser that was told no id yet sends an empty one.
        let typed = told.filter(|typed| !typed.is_empty()).or_else(|| after(query?).map(str::to_owned));
        let Some(typed) = typed else { return Ok(None) };
        typed.parse().map(Some).map_err(|NoPlace| Problem::bad_place(&typed))
    }
}

fn after(query: &str) -> Option<&str> {
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == AFTER).map(|(_, value)| value)
}

/// A text that is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (epoch, seq) = text.split_once('-').ok_or(NoPlace)?;
        Ok(Self { epoch: Epoch(number(epoch)?), seq: Seq(number(seq)?) })
    }
}

fn number(digits: &str) -> Result<u64, NoPlace> {
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { digits.parse().map_err(|_| NoPlace) } else { Err(NoPlace) }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    const PLACE: Place = Place { epoch: Epoch(7), seq: Seq(300) };

    fn asked(header: Option<&str>, query: Option<&str>) -> Result<Option<Place>, Problem> {
        let header = header.map(|value| (LAST_EVENT_ID.parse().unwrap(), HeaderValue::from_str(value).unwrap()));
        Place::asked(&header.into_iter().collect(), query)
    }

    #[test]
    fn the_header_goes_before_the_address_and_neither_is_needed() {
        let rows = [
            (None, None, None),
            (None, Some("x=1"), None),
            (Some(""), None, None),
            (Some("7-300"), Some("after=1-2"), Some(PLACE)),
            (Some(""), Some("y&after=7-300"), Some(PLACE)),
        ];
        for (header, query, place) in rows {
            assert_eq!(asked(header, query).unwrap(), place, "{header:?} {query:?}");
        }
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_would_be_one() {
        for typed in ["7", "7-", "-7", "a-1", "1-b", "1-2-3", "+1-2", "1-99999999999999999999", " 1-2"] {
            let problem = asked(Some(typed), None).unwrap_err();
            assert_eq!(problem.status(), hyper::StatusCode::BAD_REQUEST, "{typed}");
            assert!(problem.detail().contains("epoch"), "{}", problem.detail());
        }
    }

    proptest::proptest! {
        #[test]
        fn a_place_reads_back_as_itself(epoch: u64, seq: u64) {
            let place = Place { epoch: Epoch(epoch), seq: Seq(seq) };
            proptest::prop_assert_eq!(place.to_string().parse(), Ok(place));
        }
    }
}
