//! A comment as bytes that stay readable for ever: header lines, a blank line, text.
//!
//! The canonical bytes are the bytes received; nothing is ever rewritten. `post-worker` parses what it is asked to keep,
//! `get-worker` parses what it shows, and both get the same answer on every server and in every year: what [`Record`]
//! says is a pure function of the bytes. So a rule here may be relaxed, and never tightened.
//!
//! ```text
//! Postmark: …                   only this may stand above the signature, and it has no meaning here
//! Signature: 128 hex digits     Ed25519 over every byte below this line
//! Public-Key: 64 hex digits
//! Date: 2026-11-20T16:47:05.101Z
//! Topic: 40 hex digits          when present, the page that the comment is for
//! Edits: an id                  or `Deletes`: a comment of the same key
//!                               a blank line
//! text
//! ```

mod compose;
mod date;
mod error;
mod header;

pub use compose::Draft;
pub use date::{seconds as date_seconds, text as date_text};
pub use error::{Place, RecordError};
pub use header::Header;

use std::str::FromStr;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::{
    config,
    ids::{AnyId, Topic, parse_hex},
};

/// How large a comment may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a comment, headers included.
    pub comment_bytes: u32,
}

impl Limits {
    /// For bytes that were accepted before, perhaps under other limits.
    pub const NONE: Self = Self { comment_bytes: u32::MAX };
}

impl From<&config::PostWorker> for Limits {
    fn from(config: &config::PostWorker) -> Self {
        Self { comment_bytes: config.comment_bytes }
    }
}

/// A public key of Ed25519: who wrote a comment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AuthorKey(pub [u8; 32]);

/// What a comment does to another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing: it is one.
    Comment,
    /// It takes the place of a comment of the same key.
    Edits(AnyId),
    /// It removes a comment of the same key.
    Deletes(AnyId),
}

/// A signature, and what it covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signed<'a> {
    /// Everything below the `Signature` line.
    pub part: &'a [u8],
    /// Whose signature it is.
    pub key: AuthorKey,
    /// The signature itself.
    pub signature: [u8; 64],
}

/// A comment, read. It borrows from its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// All header lines in their order, also those above the signature.
    pub headers: Vec<Header<'a>>,
    /// What stands below the blank line.
    pub text: &'a str,
    /// None when the comment is not signed. Not yet checked: see [`Record::verify`].
    pub signed: Option<Signed<'a>>,
    /// The `Date` header in whole seconds since 1970; 0 when it is absent, earlier, or not of the form that clients write.
    pub date_s: u64,
    /// The page that the author wrote it for, if the comment says so.
    pub topic: Option<Topic>,
    /// What it does to another comment.
    pub effect: Effect,
}

impl<'a> Record<'a> {
    /// Reads a comment. The signature is not checked yet.
    ///
    /// # Errors
    ///
    /// What is wrong, where, and what would be right.
    pub fn parse(blob: &'a [u8], limits: Limits) -> Result<Self, RecordError> {
        if blob.len() as u64 > u64::from(limits.comment_bytes) {
            let limit_bytes = limits.comment_bytes.into();
            return Err(RecordError::TooLarge { bytes: blob.len() as u64, limit_bytes });
        }
        let whole = plain_text(blob)?;
        let (head, text) = split(whole)?;
        let headers = header::parse(head)?;
        let signed = find_signed(whole, &headers)?;
        let record = Self { text, signed, date_s: 0, topic: None, effect: Effect::Comment, headers };
        record.with_meaning()
    }

    /// Checks the signature, if there is one.
    ///
    /// # Errors
    ///
    /// When there is one that is not the key's signature of what stands below it. Keys and signatures that are valid
    /// for more than one message or in more than one form are refused too.
    pub fn verify(&self) -> Result<(), RecordError> {
        let Some(signed) = &self.signed else { return Ok(()) };
        let key = VerifyingKey::from_bytes(&signed.key.0)
            .map_err(|_| self.wrong("Public-Key", "no such public key", "a public key of Ed25519"))?;
        key.verify_strict(signed.part, &Signature::from_bytes(&signed.signature)).map_err(|_| {
            let expected = "the signature by Public-Key of every byte below the Signature line";
            self.wrong("Signature", "the signature does not fit", expected)
        })
    }

    /// Checks that the comment is for this page, if it says for which.
    ///
    /// # Errors
    ///
    /// When it was written for another page.
    pub fn check_topic(&self, address: &Topic) -> Result<(), RecordError> {
        match self.topic {
            Some(other) if other != *address => {
                Err(self.wrong("Topic", "the comment is for another page", format!("`Topic: {address}` or none")))
            }
            _ => Ok(()),
        }
    }

    /// Who wrote it; none when it is not signed, whatever its headers say.
    #[must_use]
    pub fn key(&self) -> Option<AuthorKey> {
        self.signed.map(|signed| signed.key)
    }

    /// The value of a header that counts: of an unsigned comment any, of a signed one those below the signature.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|header| header.value)
    }

    fn find(&self, name: &str) -> Option<&Header<'a>> {
        let from = self.headers.iter().position(|header| header.name == header::SIGNATURE).map_or(0, |at| at + 1);
        self.headers[from..].iter().find(|header| header.name == name)
    }

    fn with_meaning(mut self) -> Result<Self, RecordError> {
        self.date_s = self.header("Date").map_or(0, date::seconds);
        self.topic = self.id("Topic", "a topic: 40 lower-case hex digits")?;
        self.effect = self.find_effect()?;
        Ok(self)
    }

    fn find_effect(&self) -> Result<Effect, RecordError> {
        const EXPECTED: &str = "a comment's id: `bafkrei…` or 40 lower-case hex digits";
        let (edits, deletes) = (self.id("Edits", EXPECTED)?, self.id("Deletes", EXPECTED)?);
        let (name, effect) = match (edits, deletes) {
            (None, None) => return Ok(Effect::Comment),
            (Some(_), Some(_)) => return Err(self.wrong("Deletes", "both Edits and Deletes", "one of the two")),
            (Some(id), None) => ("Edits", Effect::Edits(id)),
            (None, Some(id)) => ("Deletes", Effect::Deletes(id)),
        };
        match self.signed {
            Some(_) => Ok(effect),
            None => Err(self.wrong(name, "an edit or a deletion without a signature", "a Signature line above it")),
        }
    }

    fn id<T: FromStr>(&self, name: &str, expected: &'static str) -> Result<Option<T>, RecordError> {
        let Some(value) = self.header(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| self.wrong(name, "no id", expected))
    }

    /// An error about a header that was found before.
    fn wrong(&self, name: &str, what: &'static str, expected: impl Into<String>) -> RecordError {
        let header = self.headers.iter().find(|header| header.name == name);
        RecordError::refused(what, header.map(Header::place), expected)
    }
}

/// UTF-8 without control characters but tab and line feed.
fn plain_text(blob: &[u8]) -> Result<&str, RecordError> {
    let text = str::from_utf8(blob).map_err(|e| {
        let line = 1 + blob[..e.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        RecordError::refused("not UTF-8", Some(Place::byte(line, e.valid_up_to())), "UTF-8 text")
    })?;
    // Most comments pass here, a few bytes at a time; 0xc2 begins the control characters beyond ASCII, and others.
    let suspicious = |byte: u8| byte < 0x20 && byte != b'\n' && byte != b'\t' || byte == 0x7f || byte == 0xc2;
    if !text.bytes().any(suspicious) {
        return Ok(text);
    }
    match text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\t')) {
        None => Ok(text),
        Some((at, _)) => {
            let expected = "no control characters but tab and line feed; lines end with a line feed alone";
            Err(RecordError::refused("a control character", Some(Place::of(text, at)), expected))
        }
    }
}

/// The header block (with the line feed of its last line) and the text.
fn split(whole: &str) -> Result<(&str, &str), RecordError> {
    let first_line = || Some(Place::of(whole, 0));
    if whole.starts_with('\n') {
        return Err(RecordError::refused("no headers", first_line(), "at least one header line above the blank line"));
    }
    let Some(at) = whole.find("\n\n") else {
        return Err(RecordError::refused(
            "no blank line",
            first_line(),
            "a blank line between the headers and the text",
        ));
    };
    let (head, text) = (&whole[..=at], &whole[at + 2..]);
    if text.trim().is_empty() {
        let place = Place::line(1 + whole[..at + 2].matches('\n').count(), text);
        return Err(RecordError::refused("no text", Some(place), "some text below the blank line"));
    }
    Ok((head, text))
}

fn find_signed<'a>(whole: &'a str, headers: &[Header<'a>]) -> Result<Option<Signed<'a>>, RecordError> {
    let Some(at) = headers.iter().position(|header| header.name == header::SIGNATURE) else { return Ok(None) };
    let line = &headers[at];
    if let Some(above) = headers[..at].iter().find(|header| header.name != header::POSTMARK) {
        let expected = "nothing but Postmark: what stands above the signature is not covered by it";
        return Err(RecordError::refused("a header above the signature", Some(above.place()), expected));
    }
    let Some(key) = headers[at + 1..].iter().find(|header| header.name == header::PUBLIC_KEY) else {
        let expected = "a Public-Key line below the Signature line";
        return Err(RecordError::refused("no public key", Some(line.place()), expected));
    };
    Ok(Some(Signed {
        part: &whole.as_bytes()[line.end..],
        key: AuthorKey(hex_value(key, "64 lower-case hex digits")?),
        signature: hex_value(line, "128 lower-case hex digits")?,
    }))
}

fn hex_value<const N: usize>(header: &Header<'_>, expected: &'static str) -> Result<[u8; N], RecordError> {
    parse_hex(header.value).ok_or_else(|| RecordError::refused("not hex digits", Some(header.place()), expected))
}

#[cfg(test)]
mod tests;
