//! `multipart/form-data` without I/O: pieces of a body go in, parts come out. File bytes are slices of the pieces.
//!
//! A library of layer 1: asked by `ipfs-node` and `ingest-server`, which take files over HTTP. Keeps at most one piece of
//! input and one header. The crate `multer` was looked at first: it reads its source until that would block, which has no
//! bound, and copies every byte (docs/decisions/0009).

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// The most bytes of one part's header.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// The longest boundary that the format allows.
const BOUNDARY_BYTES_MAX: usize = 70;

/// What comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    Part(Header),
    /// Bytes of it.
    Bytes(Bytes),
    /// It is over.
    PartEnd,
    /// There are no more parts.
    End,
    /// Push the next piece.
    More,
}

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// Names in lower case, in their order.
    fields: Vec<(String, String)>,
}

impl Header {
    /// The value of a field, by its name in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of `Content-Disposition`, unquoted.
    #[must_use]
    pub fn disposition(&self, parameter: &str) -> Option<String> {
        parameters(self.get("content-disposition")?).find(|(name, _)| name == parameter).map(|(_, value)| value)
    }
}

/// Why a body cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MultipartError {
    /// The content type names no boundary, or one that is too long: send the request with another.
    #[error("multipart: the content type names no usable boundary")]
    Boundary,
    /// Something stands before the first boundary.
    #[error("multipart: the body does not begin with its boundary")]
    Start,
    /// A part's header cannot be read.
    #[error("multipart: a part's header is damaged or over {HEADER_BYTES_MAX} bytes")]
    Header,
    /// The body ended before its last boundary: send it again. The words are those of Kubo.
    #[error("multipart: NextPart: EOF")]
    Cut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first boundary.
    Start,
    /// After a boundary: either the end or a part.
    AfterBoundary,
    Header,
    Content,
    End,
}

/// The parser.
#[derive(Debug)]
pub struct Multipart {
    /// `\r\n--boundary`.
    delimiter: Vec<u8>,
    at: At,
    input: BytesMut,
    /// The piece that content is sliced from; `input` then holds only what may be the beginning of a delimiter.
    piece: Bytes,
}

impl Multipart {
    /// A parser for the body of a request with this content type.
    ///
    /// # Errors
    ///
    /// `Boundary` when it names none that can be used.
    pub fn new(content_type: &str) -> Result<Self, MultipartError> {
        let boundary = parameters(content_type).find(|(name, _)| name == "boundary").map(|(_, value)| value);
        let boundary = boundary.filter(|text| !text.is_empty() && text.len() <= BOUNDARY_BYTES_MAX);
        let delimiter = format!("\r\n--{}", boundary.ok_or(MultipartError::Boundary)?).into_bytes();
        // The first delimiter may stand at the very beginning, without a line end before it.
        Ok(Self { delimiter, at: At::Start, input: BytesMut::from(&b"\r\n"[..]), piece: Bytes::new() })
    }

    /// Adds the next piece. All events of the former one must have been taken.
    pub fn push(&mut self, piece: Bytes) {
        if self.piece.is_empty() {
            self.piece = piece;
        } else {
            let mut both = BytesMut::from(&self.piece[..]);
            both.extend_from_slice(&piece);
            self.piece = both.freeze();
        }
    }

    /// The next event.
    ///
    /// # Errors
    ///
    /// `Start` and `Header` when what has come is no such body; it cannot be read on.
    #[expect(clippy::should_implement_trait, reason = "it may fail, and goes on after `More`")]
    pub fn next(&mut self) -> Result<Event, MultipartError> {
        loop {
            let event = match self.at {
                At::Start => self.start()?,
                At::AfterBoundary => self.after_boundary()?,
                At::Header => self.header()?,
                At::Content => self.content(),
                At::End => {
                    // What follows the last delimiter means nothing.
                    self.piece.clear();
                    Some(Event::End)
                }
            };
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    fn start(&mut self) -> Result<Option<Event>, MultipartError> {
        self.gather(self.delimiter.len());
        match self.input.starts_with(&self.delimiter) {
            true => {
                self.input.advance(self.delimiter.len());
                self.at = At::AfterBoundary;
                Ok(None)
            }
            false if self.input.len() < self.delimiter.len() => Ok(Some(Event::More)),
            false => Err(MultipartError::Start),
        }
    }

    fn after_boundary(&mut self) -> Result<Option<Event>, MultipartError> {
        loop {
            self.gather(2);
            match &self.input[..] {
                [b'-', b'-', ..] => {
                    self.input.clear();
                    self.at = At::End;
                    return Ok(None);
                }
                [b'\r', b'\n', ..] => {
                    // Kept, so that an empty header ends like any other.
                    self.at = At::Header;
                    return Ok(None);
                }
                // White space that a gateway may have added.
                [b' ' | b'\t', ..] => self.input.advance(1),
                [_, _, ..] => return Err(MultipartError::Header),
                _ => return Ok(Some(Event::More)),
            }
        }
    }

    fn header(&mut self) -> Result<Option<Event>, MultipartError> {
        const END: &[u8] = b"\r\n\r\n";
        let wanted = (self.input.len() + self.piece.len()).min(HEADER_BYTES_MAX);
        self.gather(wanted);
        let Some(end) = find(&self.input, END) else {
            return if self.input.len() < HEADER_BYTES_MAX {
                Ok(Some(Event::More))
            } else {
                Err(MultipartError::Header)
            };
        };
        let header = parse_header(&self.input[..end])?;
        self.input.advance(end + END.len());
        // What was gathered beyond the header goes back before the piece; at most a header's size is copied.
        if !self.input.is_empty() {
            let mut rest = std::mem::take(&mut self.input);
            rest.extend_from_slice(&self.piece);
            self.piece = rest.freeze();
        }
        self.at = At::Content;
        Ok(Some(Event::Part(header)))
    }

    fn content(&mut self) -> Option<Event> {
        if self.piece.is_empty() {
            return Some(Event::More);
        }
        if !self.input.is_empty() {
            return self.held_back();
        }
        if let Some(at) = find(&self.piece, &self.delimiter) {
            if at > 0 {
                return Some(Event::Bytes(self.piece.split_to(at)));
            }
            self.piece.advance(self.delimiter.len());
            self.at = At::AfterBoundary;
            return Some(Event::PartEnd);
        }
        let kept = tail_that_may_begin(&self.piece, &self.delimiter);
        let sure = self.piece.split_to(self.piece.len() - kept);
        self.input.extend_from_slice(&std::mem::take(&mut self.piece));
        if sure.is_empty() { None } else { Some(Event::Bytes(sure)) }
    }

    /// Decides about the end of an earlier piece that may have been the beginning of a delimiter.
    fn held_back(&mut self) -> Option<Event> {
        self.gather(self.delimiter.len());
        if self.input[..] == self.delimiter[..] {
            self.input.clear();
            self.at = At::AfterBoundary;
            return Some(Event::PartEnd);
        }
        if self.delimiter.starts_with(&self.input) {
            return Some(Event::More);
        }
        // It was content, but a delimiter may begin further on in it.
        let kept = tail_that_may_begin(&self.input, &self.delimiter);
        Some(Event::Bytes(self.input.split_to(self.input.len() - kept).freeze()))
    }

    /// Moves bytes from the piece until `input` holds so many, as far as there are.
    fn gather(&mut self, wanted: usize) {
        let missing = wanted.saturating_sub(self.input.len()).min(self.piece.len());
        self.input.extend_from_slice(&self.piece[..missing]);
        self.piece.advance(missing);
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

/// How many of the last bytes are the beginning of `what`; never all of it.
fn tail_that_may_begin(bytes: &[u8], what: &[u8]) -> usize {
    let longest = bytes.len().min(what.len() - 1);
    (1..=longest).rev().find(|len| bytes.ends_with(&what[..*len])).unwrap_or(0)
}

fn parse_header(bytes: &[u8]) -> Result<Header, MultipartError> {
    let text = std::str::from_utf8(bytes).map_err(|_| MultipartError::Header)?;
    let lines = text.split("\r\n").filter(|line| !line.is_empty());
    let field = |line: &str| {
        let (name, value) = line.split_once(':').ok_or(MultipartError::Header)?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    Ok(Header { fields: lines.map(field).collect::<Result<_, _>>()? })
}

/// The parameters of a header's value: `form-data; name="file"; filename="a \"b\""`.
fn parameters(value: &str) -> impl Iterator<Item = (String, String)> {
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, after) = rest.split_once('=')?;
        let (parsed, end) = parameter_value(after);
        rest = &after[end..];
        Some((name.trim().to_ascii_lowercase(), parsed))
    })
}

/// A value and where it ends.
fn parameter_value(text: &str) -> (String, usize) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), end);
    };
    let mut parsed = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (parsed, at + 2),
            '\\' => parsed.extend(letters.next().map(|(_, escaped)| escaped)),
            _ => parsed.push(letter),
        }
    }
    (parsed, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; boundary=\"xyz\"";

    /// What a sequence of pieces parses to: the parts' names and contents, or why not.
    fn parse(pieces: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, MultipartError> {
        let mut multipart = Multipart::new(TYPE)?;
        let mut parts = Vec::new();
        for piece in pieces {
            multipart.push(Bytes::copy_from_slice(piece));
            loop {
                match multipart.next()? {
                    Event::Part(header) => parts.push((header.disposition("filename").unwrap_or_default(), vec![])),
                    Event::Bytes(bytes) => parts.last_mut().unwrap().1.extend_from_slice(&bytes),
                    Event::PartEnd => {}
                    Event::End | Event::More => break,
                }
            }
        }
        if multipart.at == At::End { Ok(parts) } else { Err(MultipartError::Cut) }
    }

    fn body(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in parts {
            let head = format!("--xyz\r\nContent-Disposition: form-data; filename=\"{name}\"\r\n\r\n");
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(content);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"--xyz--\r\n");
        out
    }

    #[test]
    fn a_body_as_curl_sends_it_is_read() {
        let body = b"--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
            Content-Type: text/plain\r\n\r\nhello\r\n--xyz--\r\n";
        assert_eq!(parse(&[body]), Ok(vec![("a.txt".to_owned(), b"hello".to_vec())]));
    }

    #[test]
    fn a_part_without_a_header_is_a_part() {
        assert_eq!(parse(&[b"--xyz\r\n\r\nhi\r\n--xyz--"]), Ok(vec![(String::new(), b"hi".to_vec())]));
    }

    #[test]
    fn a_body_that_is_cut_is_an_error() {
        let whole = body(&[("a".to_owned(), b"content".to_vec())]);
        for cut in 0..whole.len() - 4 {
            assert!(parse(&[&whole[..cut]]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn content_is_not_copied() {
        let mut multipart = Multipart::new(TYPE).unwrap();
        multipart.push(Bytes::from_static(b"--xyz\r\n\r\n"));
        while multipart.next().unwrap() != Event::More {}
        let piece = Bytes::from(vec![7; 1000]);
        multipart.push(piece.clone());
        let Event::Bytes(bytes) = multipart.next().unwrap() else { panic!("no bytes") };
        assert_eq!((bytes.as_ptr(), bytes.len()), (piece.as_ptr(), 1000));
    }

    #[test]
    fn quoted_parameters_may_hold_anything() {
        let parsed: Vec<_> = parameters(r#"form-data; name="a;b\"c"; filename=plain"#).collect();
        let expected = [("name", "a;b\"c"), ("filename", "plain")];
        assert_eq!(parsed, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    fn content() -> impl Strategy<Value = Vec<u8>> {
        // Mostly the letters of a delimiter, so that beginnings of one are frequent.
        let letter = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'x'), Just(b'y'), Just(b'z'), any::<u8>()];
        proptest::collection::vec(letter, 0..60)
    }

    proptest! {
        #[test]
        fn parts_do_not_depend_on_how_the_body_arrives(
            parts in proptest::collection::vec(("[a-z]{0,5}", content()), 0..4),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let parts: Vec<_> = parts.into_iter().filter(|(_, bytes)| find(bytes, b"\r\n--xyz").is_none()
                && !bytes.starts_with(b"--xyz")).collect();
            prop_assume!(parts.iter().all(|(_, bytes)| find(&[&bytes[..], b"\r\n--xyz"].concat(), b"\r\n--xyz")
                == Some(bytes.len())));
            let whole = body(&parts);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&whole[from..cut]);
                from = cut;
            }
            pieces.push(&whole[from..]);
            prop_assert_eq!(parse(&pieces), Ok(parts));
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(
            pieces in proptest::collection::vec(content(), 0..8),
        ) {
            let mut all: Vec<&[u8]> = vec![b"--xyz\r\n\r\n"];
            all.extend(pieces.iter().map(Vec::as_slice));
            let _ = parse(&all);
            let _ = parse(&all[1..]);
        }
    }
}
