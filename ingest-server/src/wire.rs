//! What passes over the wire, as bytes and nothing else: no socket, no clock.
//!
//! Used by both ends: the box and the client. The protocol is that of the original ARTC servers (docs/ingest.md):
//!
//! * upload: the server greets with a [`Token`]; the client sends bytes and then the marker, which is [`END`] and the
//!   token; the server answers with one line, an [`Answer`];
//! * download: the client sends a [`Request`]; the server sends bytes and then the marker with the client's own token.
//!
//! * between token and bytes, if the token [says so](Token::resumes): the client may name the upload, and is told from where
//!   to go on; or ask for TLS first.
//!
//! The marker is found by a [`Finder`], however the bytes are cut on their way.

mod answer;
mod finder;
mod request;
mod resume;
mod secure;
mod token;

pub use answer::{Answer, BadAnswer, LINE_BYTES};
pub use finder::{Fed, Finder, marker};
pub use request::{BadRequest, Reading, Request, RequestReader};
pub use resume::{Beginning, Begun, UploadId, from_line, read_from, resume_line};
pub use secure::{BadFingerprint, Fingerprint, TLS_LINE, tls_line};
pub use token::{BadToken, Token};

/// What stands before the token in the marker.
pub const END: &str = "This is the end of the file: ";
