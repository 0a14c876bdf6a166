//! The writing half of the format: headers and a text become a comment's bytes. Asked by clients, importers and tests.

use std::fmt::Write as _;

use ed25519_dalek::{Signer as _, SigningKey};

/// A comment in the making. Checks nothing: [`Record::parse`](super::Record::parse) does.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    below: String,
}

impl Draft {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header line, below those added before.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let _ = writeln!(self.below, "{name}: {value}");
        self
    }

    /// The comment's bytes without a signature.
    #[must_use]
    pub fn unsigned(self, text: &str) -> Vec<u8> {
        format!("{}\n{text}", self.below).into_bytes()
    }

    /// The comment's bytes with a signature and the public key above all headers.
    #[must_use]
    pub fn signed(self, key: &SigningKey, text: &str) -> Vec<u8> {
        let part = format!("Public-Key: {}\n{}\n{text}", hex(key.verifying_key().as_bytes()), self.below);
        format!("Signature: {}\n{part}", hex(&key.sign(part.as_bytes()).to_bytes())).into_bytes()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
