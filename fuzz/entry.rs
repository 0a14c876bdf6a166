//! The entry that the fuzzer and a test of `ingest-server` share: any bytes, cut anywhere, must mean the same as in one piece.

use bytes::Bytes;
use ingest_server::wire::{Answer, Beginning, Begun, Finder, Reading, RequestReader, Token, read_from};

/// The token of every upload here; what begins or ends one is likely to be tried only if it stands in the corpus.
const TOKEN: &[u8] = b"0.1234567890123456";

/// What a stream turned out to be.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Unfinished(Vec<u8>),
    Whole(Vec<u8>, usize),
    Named(Vec<u8>),
    Secure(Vec<u8>),
    Open,
}

/// The first byte says where the rest is cut: into pieces of so many bytes.
pub fn upload(input: &[u8]) {
    let Some((&size, stream)) = input.split_first() else { return };
    let size = usize::from(size).max(1);
    let whole = [stream];
    let pieces: Vec<&[u8]> = stream.chunks(size).collect();
    assert_eq!(read(&whole), read(&pieces), "pieces of {size} bytes mean something else");
    let _ = Token::read(stream);
    let _ = Answer::read(stream);
    let _ = read_from(stream);
    let _ = request(&pieces);
}

fn read(pieces: &[&[u8]]) -> Read {
    let token = Token::read(TOKEN).expect("this is a token");
    let mut beginning = Beginning::new(&token);
    for (at, piece) in pieces.iter().enumerate() {
        let rest = |first: &[u8]| [first, &pieces[at + 1..].concat()].concat();
        match beginning.feed(Bytes::copy_from_slice(piece)) {
            Begun::Open => {}
            Begun::Named(_, first) => return Read::Named(rest(&first)),
            Begun::Secure(first) => return Read::Secure(rest(&first)),
            Begun::File(first) => return file(&token, &first, &pieces[at + 1..]),
        }
    }
    Read::Open
}

fn file(token: &Token, first: &[u8], pieces: &[&[u8]]) -> Read {
    let (mut finder, mut file) = (Finder::new(token), Vec::new());
    for (at, piece) in std::iter::once(&first).chain(pieces).enumerate() {
        let fed = finder.feed(&Bytes::copy_from_slice(piece));
        file.extend_from_slice(&fed.freed);
        file.extend_from_slice(&fed.file);
        if let Some(after) = fed.after {
            let later: usize = pieces.iter().skip(at).map(|piece| piece.len()).sum();
            return Read::Whole(file, after.len() + later);
        }
    }
    Read::Unfinished(file)
}

fn request(pieces: &[&[u8]]) -> bool {
    let mut reader = RequestReader::default();
    for piece in pieces {
        match reader.feed(piece) {
            Ok(Reading::More) => {}
            Ok(Reading::Done(_)) => return true,
            Err(_) => return false,
        }
    }
    reader.finish().is_ok()
}
