//! The `Date` header as clients write it: `2026-11-20T16:47:05.101Z`.

/// Whole seconds since 1970; 0 for anything that is not `YYYY-MM-DDThh:mm:ss`, perhaps a fraction, and `Z`.
///
/// A date that cannot be read is no reason to refuse a comment: old ones have such dates.
pub fn seconds(value: &str) -> u64 {
    read(value).and_then(|seconds| seconds.try_into().ok()).unwrap_or(0)
}

fn read(value: &str) -> Option<i64> {
    let (whole, rest) = value.split_at_checked(19)?;
    let fraction = rest.strip_suffix('Z')?;
    let digits = fraction.strip_prefix('.').unwrap_or("0");
    let right = (fraction.is_empty() || fraction.starts_with('.')) && !digits.is_empty();
    if !right || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| whole.as_bytes()[*at] != *mark) {
        return None;
    }
    let (year, month, day) = (number(whole, 0, 4)?, number(whole, 5, 7)?, number(whole, 8, 10)?);
    let (hour, minute, second) = (number(whole, 11, 13)?, number(whole, 14, 16)?, number(whole, 17, 19)?);
    let possible = (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    let possible = possible && hour < 24 && minute < 60 && second < 60;
    possible.then(|| ((days_before(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let leap_days = |years: i64| years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400);
    let to_year = (year - 1970) * 365 + leap_days(past) - leap_days(1969);
    to_year + (1..month).map(|month| days_in(year, month)).sum::<i64>() + day - 1
}

/// Whole seconds since 1970 as `2026-11-20T16:47:05Z`. Years past 9999 are beyond the format.
#[must_use]
pub fn text(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let (days, second) = (seconds.min(LAST) / 86_400, seconds.min(LAST) % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// The day of the Gregorian calendar that is so many days after 1970-01-01.
///
/// Counted in years that begin in March, so that the day that some years lack is a year's last.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    let days = days + FROM_MARCH_OF_YEAR_0;
    let (cycle, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let from_january = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + u64::from(from_january <= 2), from_january, of_month)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_second_is_written_as_it_is_read(at in 0u64..=253_402_300_799) {
            prop_assert_eq!(seconds(&text(at)), at);
        }
    }

    #[test]
    fn the_last_day_of_february_is_written() {
        assert_eq!(text(951_825_600), "2000-02-29T12:00:00Z");
        assert_eq!(text(u64::MAX), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn dates_are_the_seconds_that_everybody_counts() {
        let rows = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-02T00:00:01Z", 86_401),
            ("2000-02-29T12:00:00.5Z", 951_825_600),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2026-11-20T16:47:05.101Z", 1_795_193_225),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ];
        for (text, expected) in rows {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_the_second_0() {
        let wrong = [
            "",
            "Z",
            "yesterday",
            "2026-11-20",
            "2026-11-20T16:47:05",
            "2026-11-20 16:47:05Z",
            "2026-13-20T16:47:05Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T16:47:60Z",
            "2026-11-20T16:47:05.Z",
            "2026-11-20T16:47:05.1xZ",
            "2026-11-20T16:47:051Z",
            "+026-11-20T16:47:05Z",
            "1969-12-31T23:59:59Z",
            "2026-11-20T16:47:0éZ",
            "2026-11-20T16:47:05+01:00",
        ];
        for text in wrong {
            assert_eq!(seconds(text), 0, "{text}");
        }
    }
}
