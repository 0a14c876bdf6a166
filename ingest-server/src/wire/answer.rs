//! The one line that ends an upload: the CID, or why there is none.

use std::fmt;

use proto::Cid;

/// How a refusal begins. No CID does.
pub(super) const REFUSED: &str = "ERROR ";
/// The most bytes of an answer: the original clients read it with one `recv(1024)`.
pub const LINE_BYTES: usize = 1_000;

/// The line that ends an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The file is kept, and this is its name.
    Kept(Cid),
    /// It is not, and why.
    Refused(String),
}

/// A line that is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no answer of an ingest server; send the file again")]
pub struct BadAnswer(String);

impl Answer {
    /// The line as it is sent, its end included. A refusal is cut to what a client reads at once.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Kept(cid) => format!("{cid}\n"),
            Self::Refused(why) => {
                let words: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                let end = words.floor_char_boundary(LINE_BYTES - REFUSED.len() - 1);
                format!("{REFUSED}{}\n", &words[..end])
            }
        }
    }

    /// What a client has read, with or without the end of the line.
    ///
    /// # Errors
    ///
    /// When it is neither a CID nor a refusal.
    pub fn read(line: &[u8]) -> Result<Self, BadAnswer> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if let Some(why) = text.strip_prefix(REFUSED) {
            return Ok(Self::Refused(why.to_owned()));
        }
        text.parse().map(Self::Kept).map_err(|_| BadAnswer(text.chars().take(LINE_BYTES).collect()))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.line().trim_end())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY_FILE: &str = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH";

    #[test]
    fn an_answer_is_one_line_with_the_cid_and_nothing_else() {
        let line = Answer::Kept(EMPTY_FILE.parse().unwrap()).line();
        assert_eq!(line, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH\n");
        assert_eq!(Answer::read(line.as_bytes()), Ok(Answer::Kept(EMPTY_FILE.parse().unwrap())));
    }

    #[test]
    fn a_refusal_is_one_line_that_begins_with_error() {
        let refused = Answer::Refused("no\nroom\tleft".to_owned());
        assert_eq!(refused.line(), "ERROR no room left\n");
        assert_eq!(Answer::read(b"ERROR no room left\n"), Ok(Answer::Refused("no room left".to_owned())));
    }

    #[test]
    fn what_is_neither_is_shown() {
        assert_eq!(
            Answer::read(b"hello\n").unwrap_err().to_string(),
            "`hello` is no answer of an ingest server; send the file again"
        );
        assert!(Answer::read(b"").is_err());
    }

    proptest! {
        #[test]
        fn every_refusal_is_one_line_that_a_client_reads_at_once(why in "\\PC{0,2000}|[\\x00-\\x1f]{0,50}") {
            let line = Answer::Refused(why).line();
            prop_assert!(line.len() <= LINE_BYTES && line.starts_with("ERROR ") && line.ends_with('\n'));
            prop_assert_eq!(line.matches('\n').count(), 1);
        }

        #[test]
        fn any_bytes_can_be_read_as_an_answer(line: Vec<u8>) {
            let _ = Answer::read(&line);
        }
    }
}
