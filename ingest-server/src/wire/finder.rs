//! Finds the marker in a stream, however it is cut, without copying and without keeping more than a number.
//!
//! What may be the beginning of the marker is held back until more has come. Held bytes are equal to the beginning of
//! the marker, so they need not be kept: their number says what they are.

use bytes::Bytes;
use memchr::memmem;

use super::{END, Token};

/// The bytes that end a file.
#[must_use]
pub fn marker(token: &Token) -> Bytes {
    format!("{END}{token}").into()
}

/// Looks for the marker of one token.
#[derive(Debug, Clone)]
pub struct Finder {
    marker: Bytes,
    search: memmem::Finder<'static>,
    /// So many bytes at the end of the stream so far are the beginning of the marker.
    held_bytes: usize,
}

/// What a piece of the stream turned out to be. In the order of the stream: `freed`, `file`, then the marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fed {
    /// Bytes of the file that were held back.
    pub freed: Bytes,
    /// More bytes of the file.
    pub file: Bytes,
    /// The marker has come, and these bytes behind it.
    pub after: Option<Bytes>,
}

impl Finder {
    /// A finder at the beginning of a stream.
    #[must_use]
    pub fn new(token: &Token) -> Self {
        let marker = marker(token);
        let search = memmem::Finder::new(&marker).into_owned();
        Self { marker, search, held_bytes: 0 }
    }

    /// Takes the next piece of the stream. Give it nothing more once the marker has come.
    pub fn feed(&mut self, piece: &Bytes) -> Fed {
        if self.held_bytes == 0 {
            return self.search(Bytes::new(), piece);
        }
        // A marker that begins in what is held ends within this many bytes of the piece.
        let reach = piece.len().min(self.marker.len() - 1);
        let seam = [&self.marker[..self.held_bytes], &piece[..reach]].concat();
        if let Some(at) = self.search.find(&seam) {
            let after = piece.slice(at + self.marker.len() - self.held_bytes..);
            let freed = self.free(at);
            return Fed { freed, file: Bytes::new(), after: Some(after) };
        }
        if reach < piece.len() || reach == self.marker.len() - 1 {
            // None does; so all that is held is the file's.
            let freed = self.free(self.held_bytes);
            return self.search(freed, piece);
        }
        let still_held = self.beginning_at_end_of(&seam);
        let settled = seam.len() - still_held;
        let of_piece = settled.saturating_sub(self.held_bytes);
        let freed = self.free(settled.min(self.held_bytes));
        self.held_bytes = still_held;
        Fed { freed, file: piece.slice(..of_piece), after: None }
    }

    /// The stream has ended without the marker: what was held back is the file's.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        self.free(self.held_bytes)
    }

    /// Nothing is held.
    fn search(&mut self, freed: Bytes, piece: &Bytes) -> Fed {
        match self.search.find(piece) {
            Some(at) => Fed { freed, file: piece.slice(..at), after: Some(piece.slice(at + self.marker.len()..)) },
            None => {
                self.held_bytes = self.beginning_at_end_of(piece);
                Fed { freed, file: piece.slice(..piece.len() - self.held_bytes), after: None }
            }
        }
    }

    /// How many of the last bytes are the beginning of the marker; as many as possible, but not all of it.
    fn beginning_at_end_of(&self, bytes: &[u8]) -> usize {
        let most = bytes.len().min(self.marker.len() - 1);
        (1..=most).rev().find(|&count| bytes.ends_with(&self.marker[..count])).unwrap_or(0)
    }

    /// Lets go of what is held, of which so many of the first bytes are the file's.
    fn free(&mut self, file_bytes: usize) -> Bytes {
        self.held_bytes = 0;
        self.marker.slice(..file_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> Token {
        Token::read(b"0.1234567890123456").unwrap()
    }

    /// The file, and what came behind the marker in the piece that ended it.
    fn split(pieces: &[&[u8]]) -> (Vec<u8>, Option<Bytes>) {
        let mut finder = Finder::new(&token());
        let mut file = Vec::new();
        for piece in pieces {
            let fed = finder.feed(&Bytes::copy_from_slice(piece));
            file.extend_from_slice(&fed.freed);
            file.extend_from_slice(&fed.file);
            if fed.after.is_some() {
                return (file, fed.after);
            }
        }
        file.extend_from_slice(&finder.finish());
        (file, None)
    }

    fn whole(text: &[u8]) -> Vec<u8> {
        [text, &marker(&token())].concat()
    }

    #[test]
    fn the_marker_is_found_when_it_is_cut_at_any_of_its_offsets() {
        let stream = whole(b"some text\n");
        for cut in 0..=stream.len() {
            let (file, after) = split(&[&stream[..cut], &stream[cut..]]);
            assert_eq!((&file[..], after.is_some()), (&b"some text\n"[..], true), "cut at {cut}");
        }
    }

    #[test]
    fn the_marker_is_found_when_it_is_cut_at_any_two_of_its_offsets() {
        let stream = whole(b"x");
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let (file, after) = split(&[&stream[..first], &stream[first..second], &stream[second..]]);
                assert_eq!((&file[..], after.is_some()), (&b"x"[..], true), "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn one_byte_at_a_time_is_enough() {
        let stream = whole(b"This is the end of This is the end of the file: 0.12 \xff\x00");
        let pieces: Vec<&[u8]> = stream.chunks(1).collect();
        let (file, after) = split(&pieces);
        assert_eq!(file, b"This is the end of This is the end of the file: 0.12 \xff\x00");
        assert_eq!(after.unwrap(), "");
    }

    #[test]
    fn the_marker_of_another_connection_is_text() {
        let text = b"This is the end of the file: 0.1234567890123457 and on";
        assert_eq!(split(&[&whole(text)]), (text.to_vec(), Some(Bytes::new())));
    }

    #[test]
    fn bytes_behind_the_marker_are_told_apart() {
        let stream = [&whole(b"file")[..], b"\nmore"].concat();
        for cut in 0..stream.len() - 5 {
            let (file, after) = split(&[&stream[..cut], &stream[cut..]]);
            assert_eq!((&file[..], &after.unwrap()[..]), (&b"file"[..], &b"\nmore"[..]), "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_that_ends_in_the_middle_of_the_marker_has_it_as_text() {
        let stream = whole(b"file");
        let cut = &stream[..stream.len() - 1];
        assert_eq!(split(&[cut]), (cut.to_vec(), None));
    }

    #[test]
    fn what_cannot_be_the_marker_is_not_held_back_and_not_copied() {
        let piece = Bytes::from(vec![b'z'; 1 << 16]);
        let fed = Finder::new(&token()).feed(&piece);
        assert_eq!((fed.file.as_ptr(), fed.file.len(), fed.after), (piece.as_ptr(), piece.len(), None));
    }

    fn likely_bytes() -> impl Strategy<Value = Vec<u8>> {
        let mark = marker(&token());
        let part =
            (0..mark.len(), 0..mark.len()).prop_map(move |(from, to)| mark.slice(from.min(to)..from.max(to)).to_vec());
        let part = prop_oneof![part, proptest::collection::vec(any::<u8>(), 0..8), Just(marker(&token()).to_vec())];
        proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_stream_is_split_where_the_marker_first_stands_however_it_is_cut(
            stream in likely_bytes(), mut cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12)
        ) {
            let mark = marker(&token());
            let at = stream.windows(mark.len()).position(|window| window == mark);
            let mut ends: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len() + 1)).collect();
            ends.push(stream.len());
            ends.sort_unstable();
            let mut from = 0;
            let pieces: Vec<&[u8]> = ends.iter().map(|&end| &stream[std::mem::replace(&mut from, end)..end]).collect();
            let (file, after) = split(&pieces);
            prop_assert_eq!(&file[..], &stream[..at.unwrap_or(stream.len())]);
            prop_assert_eq!(after.is_some(), at.is_some());
            if let Some(after) = after {
                prop_assert!(stream[at.unwrap() + mark.len()..].starts_with(&after));
            }
        }
    }
}
