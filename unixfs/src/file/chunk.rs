//! Cuts a stream of bytes into chunks of one size, copying only what straddles two pieces of input.

use crate::ChunkBytes;
use bytes::{Buf, Bytes, BytesMut};

/// Cuts a stream of bytes into chunks of one size; the last may be shorter.
///
/// Holds at most one piece of input and one partial chunk. Input that comes in whole chunks is never copied.
#[derive(Debug)]
pub struct Chunker {
    chunk_bytes: usize,
    input: Bytes,
    partial: BytesMut,
}

impl Chunker {
    /// A chunker at the start of a stream.
    #[must_use]
    pub fn new(chunk_bytes: ChunkBytes) -> Self {
        Self { chunk_bytes: chunk_bytes.get(), input: Bytes::new(), partial: BytesMut::new() }
    }

    /// Adds the next piece of the stream. Take all chunks before the next push: input that waits is copied together.
    pub fn push(&mut self, piece: Bytes) {
        if self.input.is_empty() {
            self.input = piece;
        } else {
            self.input = [&self.input[..], &piece[..]].concat().into();
        }
    }

    /// The next full chunk, or `None` until more is pushed.
    pub fn next_chunk(&mut self) -> Option<Bytes> {
        if self.partial.is_empty() && self.input.len() >= self.chunk_bytes {
            return Some(self.input.split_to(self.chunk_bytes));
        }
        self.fill_partial();
        (self.partial.len() == self.chunk_bytes).then(|| self.take_partial())
    }

    /// The last, shorter chunk; `None` when the stream ended on a full one or was empty.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.fill_partial();
        (!self.partial.is_empty()).then(|| self.take_partial())
    }

    /// Keeps no hold of its memory: who waits for input should cost nothing.
    fn take_partial(&mut self) -> Bytes {
        std::mem::take(&mut self.partial).freeze()
    }

    fn fill_partial(&mut self) {
        let wanted = (self.chunk_bytes - self.partial.len()).min(self.input.len());
        if wanted == 0 {
            return;
        }
        if self.partial.is_empty() {
            self.partial.reserve(self.chunk_bytes);
        }
        self.partial.extend_from_slice(&self.input[..wanted]);
        self.input.advance(wanted);
        if self.input.is_empty() {
            // An empty end of a piece would keep all of the piece.
            self.input = Bytes::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunks_of(pieces: &[Vec<u8>], chunk_bytes: usize) -> Vec<Bytes> {
        let mut chunker = Chunker::new(ChunkBytes::new(chunk_bytes).unwrap());
        let mut chunks = Vec::new();
        for piece in pieces {
            chunker.push(piece.clone().into());
            chunks.extend(std::iter::from_fn(|| chunker.next_chunk()));
        }
        chunks.extend(chunker.finish());
        chunks
    }

    proptest! {
        #[test]
        fn chunks_do_not_depend_on_how_the_bytes_arrive(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..12),
            chunk_bytes in 1usize..20,
        ) {
            let whole = pieces.concat();
            let expected: Vec<Bytes> = whole.chunks(chunk_bytes).map(Bytes::copy_from_slice).collect();
            prop_assert_eq!(chunks_of(&pieces, chunk_bytes), expected);
        }
    }

    #[test]
    fn whole_chunks_are_not_copied() {
        let input = Bytes::from(vec![7u8; 64]);
        let mut chunker = Chunker::new(ChunkBytes::new(32).unwrap());
        chunker.push(input.clone());
        assert_eq!(chunker.next_chunk().unwrap().as_ptr(), input.as_ptr());
        assert_eq!(chunker.next_chunk().unwrap().as_ptr(), input[32..].as_ptr());
        assert_eq!((chunker.next_chunk(), chunker.finish()), (None, None));
    }

    #[test]
    fn a_chunker_that_waits_for_input_holds_on_to_nothing() {
        let mut chunker = Chunker::new(ChunkBytes::new(4).unwrap());
        for piece in ["ab", "cd", "efgh", "ij"] {
            let piece = Bytes::from(piece.as_bytes().to_vec());
            chunker.push(piece.clone());
            let chunk = chunker.next_chunk();
            drop(chunk);
            assert!(piece.is_unique(), "{piece:?}");
        }
        assert_eq!(chunker.finish().unwrap(), "ij");
        assert_eq!(chunker.partial.capacity(), 0);
    }

    #[test]
    fn pushes_that_wait_lose_nothing() {
        let mut chunker = Chunker::new(ChunkBytes::new(4).unwrap());
        chunker.push(Bytes::from_static(b"abc"));
        chunker.push(Bytes::from_static(b"defg"));
        assert_eq!(chunker.next_chunk().unwrap(), "abcd");
        assert_eq!(chunker.finish().unwrap(), "efg");
    }
}
