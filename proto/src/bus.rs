//! The envelope of a message between two boxes of one host.
//!
//! A message on the bus is two or three frames: the [`Header`] as MessagePack with named fields, the body
//! ([`crate::interface::Encoded::body`]), and the attachment if there is one.
//!
//! An interface's endpoint is a socket in the runtime directory, named `<interface>.<instance>.sock`; a version above 1
//! has an endpoint of its own, `<interface>@<version>.<instance>.sock`, so that old and new boxes serve side by side.
//! Hints have endpoints of the same kind, named `<hint>.<instance>.hint`: who tells them binds, who hears them connects.

use serde::{Deserialize, Serialize};

use crate::{hints::Hint, ids::RequestId, interface::Interface};

/// The most bytes of a body.
pub const BODY_BYTES: usize = 1024 * 1024;
/// The most bytes of an attachment: one block.
pub const ATTACHMENT_BYTES: usize = 2 * 1024 * 1024;
/// The most questions that one asker may have open at one instance.
pub const WINDOW_QUESTIONS: usize = 64;
/// The most bytes that one asker may have in open questions at one instance.
pub const WINDOW_BYTES: usize = 16 * 1024 * 1024;

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A question; the body is the question.
    Ask,
    /// Its reply; the body is the reply.
    Answer,
    /// The question was not understood; the body is the reason as text. Nothing was done.
    Refuse,
    /// Are you there? Every second, from either side.
    Ping,
    /// I am here.
    Pong,
    /// I am about to end: ask me nothing more. What is open will still be answered.
    Leaving,
    /// A hint for whoever listens; the body is the hint. Nobody answers, and it may be lost.
    Tell,
}

/// The first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The interface's version.
    pub version: u16,
    /// What the message is for.
    pub kind: Kind,
    /// Names a question between these two; its answer carries the same.
    pub id: u64,
    /// The number of the question in its interface.
    #[serde(default)]
    pub op: u16,
    /// How long the asker will still wait.
    #[serde(default)]
    pub left_ms: u32,
    /// The visitor's request that the question serves.
    #[serde(default = "no_request")]
    pub request: RequestId,
}

fn no_request() -> RequestId {
    RequestId([0; 8])
}

impl Header {
    /// A header without a question: ping, pong or leaving.
    #[must_use]
    pub fn bare(version: u16, kind: Kind) -> Self {
        Self { version, kind, id: 0, op: 0, left_ms: 0, request: no_request() }
    }

    /// Its bytes.
    ///
    /// # Panics
    ///
    /// Never: a header has no field that cannot be serialised.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a header can be serialised")
    }

    /// Reads a first frame.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn decode(frame: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(frame)
    }
}

/// The name of the socket file on which an instance answers an interface.
#[must_use]
pub fn socket_name<I: Interface>(instance: u16) -> String {
    endpoint(I::NAME, I::VERSION, instance, "sock")
}

/// Reads the instance out of a socket file's name, if it is one of `I`.
#[must_use]
pub fn instance_of_socket<I: Interface>(file_name: &str) -> Option<u16> {
    instance_of(file_name, socket_name::<I>)
}

/// The name of the socket file on which an instance tells hints.
#[must_use]
pub fn hint_socket_name<H: Hint>(instance: u16) -> String {
    endpoint(H::NAME, H::VERSION, instance, "hint")
}

/// Reads the instance out of a socket file's name, if hints `H` are told there.
#[must_use]
pub fn instance_of_hint_socket<H: Hint>(file_name: &str) -> Option<u16> {
    instance_of(file_name, hint_socket_name::<H>)
}

fn endpoint(name: &str, version: u16, instance: u16, suffix: &str) -> String {
    match version {
        1 => format!("{name}.{instance}.{suffix}"),
        version => format!("{name}@{version}.{instance}.{suffix}"),
    }
}

fn instance_of(file_name: &str, name_of: fn(u16) -> String) -> Option<u16> {
    let (_, rest) = file_name.split_once('.')?;
    let instance = rest.split_once('.')?.0.parse().ok()?;
    (name_of(instance) == file_name).then_some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Threads, hints::Arrived};

    #[test]
    fn header_bytes_are_golden() {
        let header =
            Header { version: 1, kind: Kind::Ask, id: 300, op: 2, left_ms: 10_000, request: RequestId([0xab; 8]) };
        let golden = concat!(
            "86", // a map of six
            "a776657273696f6e",
            "01", // version
            "a46b696e64",
            "a341736b", // kind: Ask
            "a26964",
            "cd012c", // id: 300
            "a26f70",
            "02", // op
            "a76c6566745f6d73",
            "cd2710", // left_ms: 10,000
            "a772657175657374",
            "c408abababababababab", // request: 8 bytes
        );
        let hex: String = header.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden);
        assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    }

    #[test]
    fn a_socket_name_tells_its_instance() {
        assert_eq!(socket_name::<Threads>(3), "threads.3.sock");
        assert_eq!(instance_of_socket::<Threads>("threads.3.sock"), Some(3));
        assert_eq!(instance_of_socket::<Threads>("posts.3.sock"), None);
        assert_eq!(instance_of_socket::<Threads>("threads.03.sock"), None);
        assert_eq!(instance_of_socket::<Threads>("threads.lock"), None);
        assert_eq!(instance_of_socket::<Threads>("threads.3.hint"), None);
        assert_eq!(hint_socket_name::<Arrived>(2), "arrived.2.hint");
        assert_eq!(instance_of_hint_socket::<Arrived>("arrived.2.hint"), Some(2));
        assert_eq!(instance_of_hint_socket::<Arrived>("arrived.2.sock"), None);
    }

    #[test]
    fn an_older_header_without_the_newer_fields_is_read() {
        let old = [
            0x83, 0xa7, b'v', b'e', b'r', b's', b'i', b'o', b'n', 1, 0xa4, b'k', b'i', b'n', b'd', 0xa4, b'P', b'i',
            b'n', b'g', 0xa2, b'i', b'd', 0,
        ];
        assert_eq!(Header::decode(&old).unwrap(), Header::bare(1, Kind::Ping));
    }
}
