//! Points in time as records have them: RFC 3339 in UTC, to the nanosecond.
//!
//! Asked by `record`. Knows no clock: who asks brings the time along.

use std::{fmt, time::Duration};

use thiserror::Error;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(OffsetDateTime);

/// A text is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is no point in time; write it like 2026-01-31T12:00:00Z")]
pub struct MomentError {
    text: String,
}

impl Moment {
    /// The moment so long after the first of January 1970; the last of the year 9999 when that would be later.
    #[must_use]
    pub fn from_unix(since: Duration) -> Self {
        let last = time::Date::MAX.with_hms(23, 59, 59).expect("the last second of a day").assume_utc();
        let nanos = i128::try_from(since.as_nanos()).unwrap_or(i128::MAX);
        Self(OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(last).min(last))
    }

    /// How long after the first of January 1970; nothing when it was before.
    #[must_use]
    pub fn since_unix(self) -> Duration {
        (self.0 - OffsetDateTime::UNIX_EPOCH).try_into().unwrap_or_default()
    }

    /// So much later, or the last moment that can be written.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self::from_unix(self.since_unix().saturating_add(wait))
    }

    /// Reads RFC 3339, whatever its zone.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn parse(text: &str) -> Result<Self, MomentError> {
        let wrong = || MomentError { text: text.to_owned() };
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| wrong())?;
        // A zone may lead past the last year that can be written, or before the first.
        let utc = parsed.checked_to_offset(UtcOffset::UTC).filter(|utc| (0..=9999).contains(&utc.year()));
        utc.map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_go_writes_them() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (0, 1, "1970-01-01T00:00:00.000000001Z"),
            (1_767_225_600, 120_000_000, "2026-01-01T00:00:00.12Z"),
        ] {
            let moment = Moment::from_unix(Duration::new(seconds, nanos));
            assert_eq!(moment.to_string(), text);
            assert_eq!(Moment::parse(text), Ok(moment));
        }
    }

    #[test]
    fn another_zone_is_the_same_moment() {
        assert_eq!(Moment::parse("2026-01-01T02:00:00+02:00"), Moment::parse("2026-01-01T00:00:00Z"));
    }

    #[test]
    fn a_zone_that_leads_out_of_the_years_is_refused() {
        for text in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
        assert!(Moment::parse("9999-12-31T23:59:59Z").is_ok());
    }

    #[test]
    fn what_is_no_moment_is_refused_and_what_is_too_late_is_written_all_the_same() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01"] {
            assert!(Moment::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Moment::from_unix(Duration::MAX).to_string(), "9999-12-31T23:59:59Z");
    }

    proptest::proptest! {
        #[test]
        fn what_strangers_wrote_is_refused_or_written_again(
            (year, month, day) in (0_u16..=9999, 1_u8..=12, 1_u8..=31),
            (hour, minute, second) in (0_u8..=23, 0_u8..=59, 0_u8..=60),
            (sign, zone_h, zone_m) in ("[+-]", 0_u8..=23, 0_u8..=59),
        ) {
            let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{zone_h:02}:{zone_m:02}");
            if let Ok(moment) = Moment::parse(&text) {
                proptest::prop_assert_eq!(Moment::parse(&moment.to_string()), Ok(moment));
            }
        }
    }
}
