//! The body of a question: nothing, or files as `multipart/form-data`, sent without copying them.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::wait::Progress;

/// So much at a time is handed to the connection: small enough to see that it moves, large enough for few system calls.
const STEP_BYTES: usize = 64 * 1024;

/// Files to be sent. Cheap to clone: the bytes are shared.
#[derive(Debug, Clone, Default)]
pub(super) struct Files {
    boundary: String,
    pieces: Vec<Bytes>,
    /// The same files without what stands between them; the bytes are shared.
    contents: Vec<Vec<Bytes>>,
}

impl Files {
    /// No file yet.
    pub(super) fn new() -> Self {
        // 128 random bits do not occur in the files by chance, nor can a stranger who wrote a comment guess them.
        Self { boundary: format!("rookery-{:032x}", rand::random::<u128>()), pieces: Vec::new(), contents: Vec::new() }
    }

    /// Adds a file, which may come in several pieces.
    pub(super) fn push(&mut self, pieces: impl IntoIterator<Item = Bytes>) {
        let between = if self.pieces.is_empty() { "" } else { "\r\n" };
        let head = format!(
            "{between}--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: \
             application/octet-stream\r\n\r\n",
            self.boundary
        );
        self.pieces.push(head.into());
        let content: Vec<_> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        self.pieces.extend(content.iter().cloned());
        self.contents.push(content);
    }

    /// Each file in its pieces.
    pub(super) fn contents(&self) -> &[Vec<Bytes>] {
        &self.contents
    }

    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The body, which notes in `sent` what the connection has taken.
    pub(super) fn body(&self, sent: Progress) -> Upload {
        let mut pieces: VecDeque<Bytes> = self.pieces.iter().cloned().collect();
        if !pieces.is_empty() {
            pieces.push_back(format!("\r\n--{}--\r\n", self.boundary).into());
        }
        let left_bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        Upload { pieces, left_bytes, sent }
    }
}

/// A body on its way.
#[derive(Debug)]
pub(super) struct Upload {
    pieces: VecDeque<Bytes>,
    left_bytes: u64,
    sent: Progress,
}

impl Upload {
    pub(super) fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    fn next_step(&mut self) -> Option<Bytes> {
        let first = self.pieces.front_mut()?;
        let step = if first.len() > STEP_BYTES { first.split_to(STEP_BYTES) } else { self.pieces.pop_front()? };
        self.left_bytes -= step.len() as u64;
        self.sent.add(step.len());
        Some(step)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next_step().map(|step| Ok(Frame::data(step))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mut upload: Upload) -> String {
        let steps = std::iter::from_fn(|| upload.next_step());
        String::from_utf8(steps.flatten().collect()).unwrap()
    }

    #[test]
    fn two_files_make_the_multipart_body_that_kubo_reads() {
        let mut files = Files { boundary: "B".to_owned(), ..Files::default() };
        files.push([Bytes::from("one")]);
        files.push([Bytes::from("t"), Bytes::new(), Bytes::from("wo")]);
        let upload = files.body(Progress::default());
        let promised = upload.left_bytes();
        let sent = text(upload);
        let head = "Content-Disposition: form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: \
                    application/octet-stream\r\n\r\n";
        assert_eq!(sent, format!("--B\r\n{head}one\r\n--B\r\n{head}two\r\n--B--\r\n"));
        assert_eq!(promised, sent.len() as u64);
        assert_eq!(files.content_type(), "multipart/form-data; boundary=B");
    }

    #[test]
    fn no_file_makes_no_body() {
        let upload = Files::default().body(Progress::default());
        assert!(upload.is_end_stream());
        assert_eq!(text(upload), "");
    }

    #[test]
    fn a_large_piece_goes_in_steps_that_count_as_progress() {
        let mut files = Files::new();
        files.push([Bytes::from(vec![7; 3 * STEP_BYTES])]);
        let mut upload = files.body(Progress::default());
        let steps: Vec<_> = std::iter::from_fn(|| upload.next_step()).map(|step| step.len()).collect();
        assert_eq!(steps.len(), 5);
        assert!(steps.iter().all(|&bytes| bytes <= STEP_BYTES));
        assert_eq!(upload.left_bytes(), 0);
    }
}
