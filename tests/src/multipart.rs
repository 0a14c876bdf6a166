//! Files and folders as Kubo's RPC wants them: a multipart body.

use std::fmt::Write as _;

/// The boundary between parts; no test file holds it.
const BOUNDARY: &str = "rookery-boundary-5f1c";

/// What the `Content-Type` header of such a body is.
#[must_use]
pub fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// A body in the making.
#[derive(Debug, Clone, Default)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    /// No part yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A body with a single file.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Vec<u8> {
        Self::new().file("file", bytes).end()
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        self.part(path, "application/octet-stream", bytes);
        self
    }

    /// Adds a folder, before what it holds.
    #[must_use]
    pub fn folder(mut self, path: &str) -> Self {
        self.part(path, "application/x-directory", b"");
        self
    }

    /// The whole body.
    #[must_use]
    pub fn end(mut self) -> Vec<u8> {
        self.body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.body
    }

    fn part(&mut self, path: &str, kind: &str, bytes: &[u8]) {
        let mut head = String::new();
        let _ = write!(
            head,
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\nContent-Type: {kind}\r\n\r\n",
            percent(path)
        );
        self.body.extend_from_slice(head.as_bytes());
        self.body.extend_from_slice(bytes);
        self.body.extend_from_slice(b"\r\n");
    }
}

fn percent(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => text.push(byte.into()),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text
    })
}
