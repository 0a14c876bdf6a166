//! What `supervisor tap BOX` reads: copies of the messages that a box sends and gets.
//!
//! Whoever connects to `<box>.<instance>.tap` in the runtime directory is sent [`Tapped`] after [`Tapped`], each as
//! MessagePack behind its length (four bytes, big-endian), until one of the two hangs up. Nothing is sent back.

use bytes::{Buf as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::{
    Arrived, Blocks, Posts, Threads,
    bus::Kind,
    hints::{self, Hint},
    ids::RequestId,
    interface::{BadMessage, Half, Interface},
};

/// A longer body is left out of a copy; its length is told.
pub const COPIED_BODY_BYTES: usize = 64 * 1024;
/// No copy is longer.
const TAPPED_BYTES: usize = 2 * COPIED_BODY_BYTES;
const LENGTH_BYTES: usize = 4;

/// The name of the socket where a box's messages can be watched.
#[must_use]
pub fn socket_name(name: &str, instance: u16) -> String {
    format!("{name}.{instance}.tap")
}

/// Which side of the bus copied a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The box that asks.
    Asking,
    /// The box that answers.
    Answering,
    /// The box that tells.
    Telling,
    /// The box that hears.
    Hearing,
}

/// One thing that a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tapped {
    /// A message passed.
    Message(TapEntry),
    /// Messages passed that the watcher was too slow for.
    Dropped {
        /// So many.
        messages: u64,
    },
}

/// A copy of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapEntry {
    /// When it passed, in microseconds since 1970.
    pub at_unix_us: u64,
    /// Who copied it.
    pub side: Side,
    /// Question, answer, refusal or hint.
    pub kind: Kind,
    /// The interface, or the hint.
    pub interface: String,
    /// The number of the question in its interface; 0 for a hint.
    pub op: u16,
    /// Names the question on its connection.
    pub id: u64,
    /// The visitor's request that it serves.
    pub request: RequestId,
    /// The other end: an asker's name, or the instance that was asked.
    pub peer: String,
    /// From the question to this answer; none for a question.
    pub took_us: Option<u64>,
    /// MessagePack, or a refusal's reason as text; empty when it is longer than [`COPIED_BODY_BYTES`].
    pub body: Bytes,
    /// Its full length.
    pub body_bytes: u64,
    /// The length of the attachment, which is not copied.
    pub attachment_bytes: u64,
}

/// Bytes that no tap sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapError {
    /// The length is impossible.
    #[error("a copy of {bytes} bytes; expected at most {TAPPED_BYTES}; is it a tap that was connected to?")]
    TooLong {
        /// What the prefix said.
        bytes: usize,
    },
    /// The bytes are no copy.
    #[error("not a copy of a message ({0}); run the supervisor and the box from one build")]
    Unreadable(String),
}

impl Tapped {
    /// Its bytes behind their length.
    ///
    /// # Panics
    ///
    /// Never: nothing in it cannot be serialised, and its body is short.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = vec![0; LENGTH_BYTES];
        rmp_serde::encode::write_named(&mut bytes, self).expect("a copy can be serialised");
        let length = u32::try_from(bytes.len() - LENGTH_BYTES).expect("a copy is short");
        bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        bytes.into()
    }

    /// Takes the first one out of what was received so far; none when it is not complete yet.
    ///
    /// # Errors
    ///
    /// When the bytes come from something else than a tap.
    pub fn take_from(received: &mut BytesMut) -> Result<Option<Self>, TapError> {
        let Some(prefix) = received.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let bytes = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if bytes > TAPPED_BYTES {
            return Err(TapError::TooLong { bytes });
        }
        if received.len() < LENGTH_BYTES + bytes {
            return Ok(None);
        }
        received.advance(LENGTH_BYTES);
        let copy = received.split_to(bytes);
        rmp_serde::from_slice(&copy).map(Some).map_err(|cause| TapError::Unreadable(cause.to_string()))
    }
}

impl TapEntry {
    /// The question's name, and the message as JSON or a refusal's reason.
    #[must_use]
    pub fn describe(&self) -> (String, String) {
        let half = if self.kind == Kind::Answer { Half::Reply } else { Half::Question };
        let (name, json) = match describe(&self.interface, self.op, half, &self.body) {
            Some((name, json)) => (name.to_owned(), json),
            None => (format!("question {}", self.op), None),
        };
        let content = match self.kind {
            Kind::Refuse => String::from_utf8_lossy(&self.body).into_owned(),
            _ if self.body.len() as u64 != self.body_bytes => "too long to be copied".to_owned(),
            _ => json.unwrap_or_else(|| "not understood".to_owned()),
        };
        (name, content)
    }
}

/// The name of a question of any interface, and one of its halves as JSON if it can be read.
#[must_use]
pub fn describe(interface: &str, op: u16, half: Half, body: &[u8]) -> Option<(&'static str, Option<String>)> {
    let face = FACES.iter().find(|face| face.name == interface)?;
    Some(((face.op_name)(op)?, (face.describe)(op, half, body).ok()))
}

/// An interface or a hint, as far as a watcher needs it.
struct Face {
    name: &'static str,
    op_name: fn(u16) -> Option<&'static str>,
    describe: fn(u16, Half, &[u8]) -> Result<String, BadMessage>,
}

const FACES: &[Face] = &[face::<Threads>(), face::<Posts>(), face::<Blocks>(), hint::<Arrived>()];

const fn face<I: Interface>() -> Face {
    Face { name: I::NAME, op_name: I::op_name, describe: I::describe }
}

const fn hint<H: Hint>() -> Face {
    Face { name: H::NAME, op_name: |_| Some(H::TITLE), describe: |_, _, body| hints::describe::<H>(body) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Seq, Topic,
        interface::encode,
        threads::{CountComments, FindFolder},
        wiring,
    };

    fn entry() -> TapEntry {
        let body = encode(CountComments { topics: vec![Topic([0x11; 20])] }).body;
        TapEntry {
            at_unix_us: 1,
            side: Side::Asking,
            kind: Kind::Ask,
            interface: "threads".to_owned(),
            op: 2,
            id: 3,
            request: RequestId([0xab; 8]),
            peer: "threads.0".to_owned(),
            took_us: None,
            body_bytes: body.len() as u64,
            body,
            attachment_bytes: 0,
        }
    }

    #[test]
    fn a_question_is_described_by_name_and_json() {
        let described = entry().describe();
        let json = format!("{{\"topics\":[\"{}\"]}}", "11".repeat(20));
        assert_eq!(described, ("CountComments".to_owned(), json));
    }

    #[test]
    fn what_is_not_understood_is_told_as_that() {
        let unknown = TapEntry { op: 999, ..entry() };
        assert_eq!(unknown.describe(), ("question 999".to_owned(), "not understood".to_owned()));
        let cut = TapEntry { body: Bytes::new(), ..entry() };
        assert_eq!(cut.describe().1, "too long to be copied");
        let refused = TapEntry { kind: Kind::Refuse, body: Bytes::from_static(b"no"), body_bytes: 2, ..entry() };
        assert_eq!(refused.describe(), ("CountComments".to_owned(), "no".to_owned()));
    }

    #[test]
    fn every_interface_can_be_described() {
        for face in wiring::TABLE.iter().flat_map(|row| row.answers.iter().chain(row.tells)) {
            assert!(FACES.iter().any(|known| known.name == *face), "{face} is missing in FACES");
        }
        let body = encode(FindFolder { topic: Topic([0; 20]) }).body;
        assert!(describe("threads", 3, Half::Question, &body).unwrap().1.is_some());
        let body = encode(Arrived { last_seq: Seq(1), topics: vec![] }).body;
        let (name, json) = describe("arrived", 0, Half::Question, &body).unwrap();
        assert_eq!((name, json.unwrap()), ("Arrived", r#"{"last_seq":1,"topics":[]}"#.to_owned()));
    }

    #[test]
    fn copies_come_out_one_by_one_however_the_bytes_arrive() {
        let sent = [Tapped::Message(entry()), Tapped::Dropped { messages: 7 }];
        let bytes: Vec<u8> = sent.iter().flat_map(|tapped| tapped.encode().to_vec()).collect();
        let (mut received, mut seen) = (BytesMut::new(), Vec::new());
        for byte in bytes {
            received.extend_from_slice(&[byte]);
            seen.extend(Tapped::take_from(&mut received).unwrap());
        }
        assert_eq!(seen, sent);
        assert!(received.is_empty());
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_bytes_of_a_copy_are_golden() {
        let golden = [
            "000000b3",                                 // length
            "81a74d657373616765",                       // Message
            "8c",                                       // a map of twelve
            "aa61745f756e69785f757301",                 // at_unix_us: 1
            "a473696465a661736b696e67",                 // side: asking
            "a46b696e64a341736b",                       // kind: Ask
            "a9696e74657266616365a774687265616473",     // interface: threads
            "a26f7002",                                 // op: 2
            "a2696403",                                 // id: 3
            "a772657175657374c408abababababababab",     // request: 8 bytes
            "a470656572a9746872656164732e30",           // peer: threads.0
            "a7746f6f6b5f7573c0",                       // took_us: none
            "a4626f6479c41f81a6746f7069637391c414",     // body: 31 bytes
            "1111111111111111111111111111111111111111", //
            "aa626f64795f62797465731f",                 // body_bytes: 31
            "b06174746163686d656e745f627974657300",     // attachment_bytes: 0
        ];
        assert_eq!(hex(&Tapped::Message(entry()).encode()), golden.concat());
    }

    #[test]
    fn the_bytes_of_a_gap_are_golden() {
        let golden = [
            "00000014",               // length
            "81a744726f70706564",     // Dropped
            "81a86d6573736167657307", // messages: 7
        ];
        assert_eq!(hex(&Tapped::Dropped { messages: 7 }.encode()), golden.concat());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut received = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = Tapped::take_from(&mut received) {}
        }
    }
}
