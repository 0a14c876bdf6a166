//! How a client asks for TLS, and how it knows whom it talks to.
//!
//! Upload: `tls <token>` and a line end, instead of the file, if the token says that the server would understand. Download:
//! `tls` and a line end, before the request. The server answers `tls` and a line end, TLS begins, and within it everything
//! goes on as it would have without.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use super::Token;

/// What the server answers, and what a download begins with.
pub const TLS_LINE: &str = "tls\n";

/// What a client says before an upload.
#[must_use]
pub fn tls_line(token: &Token) -> String {
    format!("tls {token}\n")
}

/// The SHA-256 of a certificate: 64 hexadecimal digits, perhaps with colons between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// It is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 64 hexadecimal digits; the server says it in its log, and in ingest-server/tls/fingerprint")]
pub struct BadFingerprint;

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let digits: Vec<u8> = text.bytes().filter(|letter| *letter != b':').collect();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(BadFingerprint);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| BadFingerprint)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BadFingerprint)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it_and_as_we_do() {
        let ours = Fingerprint::of(b"certificate");
        let text = ours.to_string();
        let with_colons: Vec<String> =
            text.to_uppercase().as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).into()).collect();
        assert_eq!((text.parse(), with_colons.join(":").parse()), (Ok(ours), Ok(ours)));
        for wrong in ["", "ab", &text[1..], &format!("{text}0"), &text.replace(&text[..1], "x")] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(BadFingerprint), "{wrong}");
        }
    }

    #[test]
    fn the_lines_are_these() {
        let token = Token::read(b"0.1234567890123456").unwrap();
        assert_eq!((tls_line(&token).as_str(), TLS_LINE), ("tls 0.1234567890123456\n", "tls\n"));
    }
}
