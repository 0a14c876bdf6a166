//! What a client may send before its file so that a broken upload goes on where it ended: `resume <token> <id>` and a line end.
//! The server answers `from <bytes>` and a line end, and takes the file from there.
//!
//! Only a server whose token says so understands it. No file begins so by chance: it would have to guess the token.

use std::fmt;

use bytes::Bytes;

use super::{Token, tls_line};

const RESUME: &str = "resume ";
const FROM: &str = "from ";
/// Of an id: 128 bits in hexadecimal digits.
const ID_BYTES: usize = 32;

/// The name of an upload, chosen by its client at random, the same for every try.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UploadId(u128);

impl UploadId {
    /// An id of these bits.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        Self(bits)
    }

    fn read(digits: &[u8]) -> Option<Self> {
        let is_hex = digits.len() == ID_BYTES && digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever reads it in a log could go on with somebody else's upload.
        f.write_str("UploadId(…)")
    }
}

/// The line of the client.
#[must_use]
pub fn resume_line(token: &Token, id: UploadId) -> String {
    format!("{RESUME}{token} {:032x}\n", id.0)
}

/// The line of the server: it has so many bytes.
#[must_use]
pub fn from_line(file_bytes: u64) -> String {
    format!("{FROM}{file_bytes}\n")
}

/// Reads the line of the server; none when it is something else.
#[must_use]
pub fn read_from(line: &[u8]) -> Option<u64> {
    std::str::from_utf8(line).ok()?.strip_prefix(FROM)?.trim_end().parse().ok()
}

/// How an upload begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// That cannot be said yet.
    Open,
    /// As it always did: these are the first bytes.
    File(Bytes),
    /// With a name; these bytes came behind it.
    Named(UploadId, Bytes),
    /// With the wish for TLS; these bytes came behind it.
    Secure(Bytes),
}

/// Reads how an upload begins.
#[derive(Debug, Clone)]
pub struct Beginning {
    before_id: Vec<u8>,
    secure: Vec<u8>,
    seen: Vec<u8>,
}

impl Beginning {
    /// Of an upload with this token.
    #[must_use]
    pub fn new(token: &Token) -> Self {
        let before_id = format!("{RESUME}{token} ").into_bytes();
        Self { before_id, secure: tls_line(token).into_bytes(), seen: Vec::new() }
    }

    /// Takes the next bytes, none of which are lost. Give it nothing more once it has said how the upload begins.
    pub fn feed(&mut self, piece: Bytes) -> Begun {
        if self.seen.is_empty() && !self.may_go_on(&piece) {
            return Begun::File(piece);
        }
        self.seen.extend_from_slice(&piece);
        if !self.may_go_on(&self.seen) {
            return Begun::File(std::mem::take(&mut self.seen).into());
        }
        if self.seen.starts_with(&self.secure) {
            return Begun::Secure(Bytes::from(std::mem::take(&mut self.seen)).slice(self.secure.len()..));
        }
        let line_bytes = self.before_id.len() + ID_BYTES + 1;
        if self.seen.len() < line_bytes {
            return Begun::Open;
        }
        let seen = Bytes::from(std::mem::take(&mut self.seen));
        match UploadId::read(&seen[self.before_id.len()..line_bytes - 1]) {
            Some(id) if seen[line_bytes - 1] == b'\n' => Begun::Named(id, seen.slice(line_bytes..)),
            _ => Begun::File(seen),
        }
    }

    /// Whether what begins so may become one of the lines.
    fn may_go_on(&self, begun: &[u8]) -> bool {
        starts_alike(begun, &self.before_id) || starts_alike(begun, &self.secure)
    }
}

/// Whether one of the two is the beginning of the other.
fn starts_alike(one: &[u8], other: &[u8]) -> bool {
    let shared = one.len().min(other.len());
    one[..shared] == other[..shared]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> Token {
        Token::read(b"0.1234567890123456").unwrap()
    }

    fn id() -> UploadId {
        UploadId::from_random(0x0123_4567_89ab_cdef_0011_2233_4455_6677)
    }

    fn read(pieces: &[&[u8]]) -> Begun {
        let mut beginning = Beginning::new(&token());
        for (at, piece) in pieces.iter().enumerate() {
            match beginning.feed(Bytes::copy_from_slice(piece)) {
                Begun::Open => {}
                Begun::File(bytes) => return Begun::File([&bytes[..], &pieces[at + 1..].concat()].concat().into()),
                Begun::Named(id, bytes) => {
                    return Begun::Named(id, [&bytes[..], &pieces[at + 1..].concat()].concat().into());
                }
                Begun::Secure(bytes) => {
                    return Begun::Secure([&bytes[..], &pieces[at + 1..].concat()].concat().into());
                }
            }
        }
        Begun::Open
    }

    #[test]
    fn the_lines_are_these() {
        let line = resume_line(&token(), id());
        assert_eq!(line, "resume 0.1234567890123456 0123456789abcdef0011223344556677\n");
        assert_eq!(from_line(1_048_576), "from 1048576\n");
        assert_eq!((read_from(b"from 1048576\n"), read_from(b"ERROR no\n")), (Some(1_048_576), None));
    }

    #[test]
    fn a_named_upload_is_known_wherever_its_line_is_cut() {
        let stream = [resume_line(&token(), id()).as_bytes(), b"file"].concat();
        for cut in 0..=stream.len() {
            assert_eq!(
                read(&[&stream[..cut], &stream[cut..]]),
                Begun::Named(id(), Bytes::from_static(b"file")),
                "{cut}"
            );
        }
    }

    #[test]
    fn a_wish_for_tls_is_known_wherever_its_line_is_cut() {
        let stream = [tls_line(&token()).as_bytes(), b"hello"].concat();
        for cut in 0..=stream.len() {
            assert_eq!(read(&[&stream[..cut], &stream[cut..]]), Begun::Secure(Bytes::from_static(b"hello")), "{cut}");
        }
    }

    #[test]
    fn a_file_that_only_looks_like_it_is_a_file() {
        let other = resume_line(&Token::read(b"0.1234567890123457").unwrap(), id());
        let wrong = resume_line(&token(), id()).replace("cdef", "wxyz");
        for text in [&other, &wrong, "resume my work", "x", "tls", "tls 0.1234567890123457\n"] {
            let file = format!("{text}{}", "#".repeat(70));
            assert_eq!(read(&[file.as_bytes()]), Begun::File(Bytes::copy_from_slice(file.as_bytes())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_of_a_file_is_lost_however_it_is_cut(
            text in "(r|re|resume |resume 0\\.12|t|tls 0\\.12)?[a-z0-9 .]{0,40}", cut in any::<prop::sample::Index>()
        ) {
            let cut = cut.index(text.len() + 1);
            let end = b"#################################################################";
            let all = [text.as_bytes(), end].concat();
            prop_assert_eq!(read(&[&all[..cut], &all[cut..]]), Begun::File(all.into()));
        }
    }
}
