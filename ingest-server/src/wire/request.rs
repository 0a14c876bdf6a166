//! What a download begins with: `<token> <cid>`. The original clients send no end of line, so the end is where a CID is
//! complete; a client that sends an end of line is told at once when its CID is none.

use proto::Cid;

use super::Token;

/// The longest request: a token, a space, a path and a CID. The original clients send about 65 bytes.
const REQUEST_BYTES: usize = 1_024;
/// What may stand before a CID.
const PATH: &str = "/ipfs/";

/// Asks for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The client's own word; it ends the file.
    pub token: Token,
    /// Which file.
    pub cid: Cid,
}

/// Bytes that ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// It is not a token, a space and something else.
    #[error("expected `<token> <cid>`: a word of your own, a space and a CID")]
    NoToken,
    /// What stands behind the token.
    #[error("`{0}` is no CID; expected one such as QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH")]
    NoCid(String),
    /// It does not end.
    #[error("more than {REQUEST_BYTES} bytes; expected `<token> <cid>`")]
    TooLong,
}

impl Request {
    /// The bytes that ask.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.token, self.cid)
    }
}

/// How far a request has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It may go on.
    More,
    /// It is complete.
    Done(Request),
}

/// Reads a request that comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct RequestReader(Vec<u8>);

impl RequestReader {
    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// When nothing that may still come can make a request of it.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Reading, BadRequest> {
        self.0.extend_from_slice(piece);
        let text = self.0.trim_ascii_start();
        let is_whole_line = text.contains(&b'\n');
        match parse(text) {
            Ok(request) => Ok(Reading::Done(request)),
            Err(bad) if is_whole_line => Err(bad),
            Err(_) if self.0.len() > REQUEST_BYTES => Err(BadRequest::TooLong),
            Err(_) => Ok(Reading::More),
        }
    }

    /// Nothing more will come.
    ///
    /// # Errors
    ///
    /// When what has come is no request.
    pub fn finish(self) -> Result<Request, BadRequest> {
        parse(&self.0)
    }
}

/// A CID names its own length, so a part of one is none.
fn parse(bytes: &[u8]) -> Result<Request, BadRequest> {
    let line = bytes.trim_ascii_start().split(|&byte| byte == b'\n').next().unwrap_or_default();
    let space = line.iter().position(|&byte| byte == b' ').ok_or(BadRequest::NoToken)?;
    let token = Token::read(&line[..space]).map_err(|_| BadRequest::NoToken)?;
    let name = line[space..].trim_ascii();
    let text = std::str::from_utf8(name).ok().map(|text| text.strip_prefix(PATH).unwrap_or(text));
    let cid = text.and_then(|text| text.parse().ok());
    let cid =
        cid.ok_or_else(|| BadRequest::NoCid(String::from_utf8_lossy(&name[..name.len().min(100)]).into_owned()))?;
    Ok(Request { token, cid })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const V0: &str = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH";
    const V1: &str = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";

    fn request(cid: &str) -> Request {
        Request { token: Token::read(b"0.5").unwrap(), cid: cid.parse().unwrap() }
    }

    #[test]
    fn a_request_is_complete_when_its_cid_is_and_not_before() {
        for cid in [V0, V1] {
            let line = request(cid).line();
            let mut reader = RequestReader::default();
            for byte in &line.as_bytes()[..line.len() - 1] {
                assert_eq!(reader.feed(&[*byte]), Ok(Reading::More));
            }
            assert_eq!(reader.feed(&line.as_bytes()[line.len() - 1..]), Ok(Reading::Done(request(cid))));
        }
    }

    #[test]
    fn a_line_and_a_path_are_understood_too() {
        for text in [format!("0.5 {V0}\r\n"), format!("\n0.5  /ipfs/{V0} \n")] {
            assert_eq!(RequestReader::default().feed(text.as_bytes()), Ok(Reading::Done(request(V0))), "{text}");
        }
    }

    #[test]
    fn a_line_that_asks_for_nothing_is_refused_at_once_and_the_rest_at_its_end() {
        let mut reader = RequestReader::default();
        assert_eq!(reader.feed(b"0.5 Qmnone\n"), Err(BadRequest::NoCid("Qmnone".to_owned())));
        assert_eq!(RequestReader::default().feed(b"hello\n"), Err(BadRequest::NoToken));
        let mut open = RequestReader::default();
        assert_eq!(open.feed(b"0.5 Qmno"), Ok(Reading::More));
        assert_eq!(open.finish(), Err(BadRequest::NoCid("Qmno".to_owned())));
    }

    #[test]
    fn a_request_without_an_end_is_refused() {
        assert_eq!(RequestReader::default().feed(&[b'x'; 1_025]), Err(BadRequest::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_read_without_a_panic(pieces: Vec<Vec<u8>>) {
            let mut reader = RequestReader::default();
            for piece in &pieces {
                if reader.feed(piece).is_err() {
                    return Ok(());
                }
            }
            let _ = reader.finish();
        }
    }
}
