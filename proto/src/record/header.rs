//! The header block of a comment: lines of `Name: value`.

use super::error::{Place, RecordError};

pub(super) const POSTMARK: &str = "Postmark";
pub(super) const SIGNATURE: &str = "Signature";
pub(super) const PUBLIC_KEY: &str = "Public-Key";
/// Names with a meaning here. In another spelling they would mean something to one reader and nothing to the next.
const KNOWN: [&str; 7] = [POSTMARK, SIGNATURE, PUBLIC_KEY, "Date", "Topic", "Edits", "Deletes"];
/// Enough for every client that ever was; keeps the search for repeated names short.
const LINES_LIMIT: usize = 64;

/// One header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Letters, digits, `_`, and single `-` between them.
    pub name: &'a str,
    /// Not empty, without space around it.
    pub value: &'a str,
    /// The line's number in the comment, from 1.
    pub line: usize,
    /// Where the next line begins, in bytes from the beginning of the comment.
    pub(super) end: usize,
}

impl Header<'_> {
    pub(super) fn place(&self) -> Place {
        Place::line(self.line, &format!("{}: {}", self.name, self.value))
    }
}

/// Reads the lines of a header block, each with its line feed.
pub(super) fn parse(head: &str) -> Result<Vec<Header<'_>>, RecordError> {
    let mut headers: Vec<Header<'_>> = Vec::with_capacity(8);
    let mut end = 0;
    for (index, text) in head.split_terminator('\n').enumerate() {
        end += text.len() + 1;
        let header = parse_line(text, index + 1, end)?;
        check_name(&header, &headers)?;
        headers.push(header);
    }
    Ok(headers)
}

fn parse_line(text: &str, line: usize, end: usize) -> Result<Header<'_>, RecordError> {
    let halves = text.split_once(": ").filter(|(name, value)| is_name(name) && is_value(value));
    match halves {
        Some((name, value)) => Ok(Header { name, value, line, end }),
        None => {
            let expected = "`Name: value`, or a blank line before the text";
            Err(RecordError::refused("not a header line", Some(Place::line(line, text)), expected))
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    name.split('-').all(is_word)
}

fn is_value(value: &str) -> bool {
    !value.is_empty() && value.trim().len() == value.len()
}

fn check_name(header: &Header<'_>, above: &[Header<'_>]) -> Result<(), RecordError> {
    if above.len() >= LINES_LIMIT {
        return Err(RecordError::refused("too many headers", Some(header.place()), format!("at most {LINES_LIMIT}")));
    }
    if let Some(first) = above.iter().find(|other| other.name.eq_ignore_ascii_case(header.name)) {
        let expected = format!("every header once; the first is in line {}", first.line);
        return Err(RecordError::refused("a repeated header", Some(header.place()), expected));
    }
    match KNOWN.iter().find(|known| known.eq_ignore_ascii_case(header.name) && **known != header.name) {
        Some(known) => {
            Err(RecordError::refused("a header in another spelling", Some(header.place()), format!("`{known}`")))
        }
        None => Ok(()),
    }
}
