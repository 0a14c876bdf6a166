//! Why bytes are no comment: what is wrong, where, and what would be right.

use std::fmt;

use crate::posts::PostError;

/// The most characters of a wrong line that an error repeats.
const SHOWN: usize = 80;

/// A line of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The line's number, from 1.
    pub line: usize,
    /// How it begins.
    pub shown: String,
}

impl Place {
    /// A line by its number and its text.
    pub(super) fn line(line: usize, text: &str) -> Self {
        let shown = text.lines().next().unwrap_or_default();
        Self { line, shown: shown.chars().take(SHOWN).flat_map(char::escape_debug).collect() }
    }

    /// The line with the byte number `at`.
    pub(super) fn of(whole: &str, at: usize) -> Self {
        let start = whole[..at].rfind('\n').map_or(0, |before| before + 1);
        Self::line(1 + whole[..start].matches('\n').count(), &whole[start..])
    }

    /// A byte that is no text.
    pub(super) fn byte(line: usize, at: usize) -> Self {
        Self { line, shown: format!("byte {at} of the comment") }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}`", self.line, self.shown)
    }
}

/// Bytes are no comment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Too long.
    #[error("the comment has {bytes} bytes; expected at most {limit_bytes}")]
    TooLarge {
        /// What it has.
        bytes: u64,
        /// What is allowed.
        limit_bytes: u64,
    },
    /// Not as it should be.
    #[error("{what}{}; expected {expected}", place.as_ref().map(|place| format!(" in {place}")).unwrap_or_default())]
    Refused {
        /// What is wrong, a short stable phrase.
        what: &'static str,
        /// Where, and what stood there; none when something is absent.
        place: Option<Place>,
        /// What would be right.
        expected: String,
    },
}

impl RecordError {
    pub(super) fn refused(what: &'static str, place: Option<Place>, expected: impl Into<String>) -> Self {
        Self::Refused { what, place, expected: expected.into() }
    }
}

impl From<RecordError> for PostError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::TooLarge { bytes, limit_bytes } => Self::TooLarge { bytes, limit_bytes },
            RecordError::Refused { what, place, expected } => {
                let found = place.map_or_else(|| "the comment".to_owned(), |place| place.to_string());
                Self::Refused { what: what.to_owned(), found, expected }
            }
        }
    }
}
