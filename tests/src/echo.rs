//! An interface for the bus's own tests: `echo`, answered and asked by the program `bus-peer`.
//!
//! It is written out where a real one would use `interface!`, so that the tests need nothing that boxes do not have, and
//! may have what no box has: a question that must not be asked twice, and a second version.

use std::{future::Future, process, time::Duration};

use bytes::Bytes;
use proto::interface::{
    Answer, AnsweredBy, Asked, BadMessage, Encoded, Half, Interface, Message, Question, Retry, decode, describe, encode,
};
use serde::{Deserialize, Serialize};

/// Version 1.
#[derive(Debug, Clone, Copy)]
pub struct Echo;

/// Version 2, which nobody answers.
#[derive(Debug, Clone, Copy)]
pub struct EchoNext;

/// Asks for an echo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Say {
    /// Comes back.
    pub nonce: u64,
    /// How long to think about it.
    pub wait_ms: u32,
    /// The length of the blob that comes back, at least.
    pub reply_bytes: u32,
    /// Comes back as a checksum.
    #[serde(skip)]
    pub blob: Bytes,
}

/// As [`Say`], but not to be asked twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SayOnce {
    /// Comes back.
    pub nonce: u64,
    /// How long to think about it.
    pub wait_ms: u32,
}

/// As [`Say`], in a version that nobody speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SayNext {
    /// Comes back.
    pub nonce: u64,
}

/// The echo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// The question's.
    pub nonce: u64,
    /// Of the question's blob.
    pub checksum: u64,
    /// Who said it.
    pub pid: u32,
    /// As [`blob`] makes it.
    #[serde(skip)]
    pub blob: Bytes,
}

/// Bytes that tell whose they are.
#[must_use]
pub fn blob(nonce: u64, bytes: usize) -> Bytes {
    let mut word = nonce;
    let words = std::iter::repeat_with(|| {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        word.to_be_bytes()
    });
    words.flatten().take(bytes).collect::<Vec<u8>>().into()
}

/// Tells one blob from another (FNV-1a).
#[must_use]
pub fn checksum(blob: &[u8]) -> u64 {
    blob.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

impl Say {
    /// A question that should be answered at once.
    #[must_use]
    pub fn new(nonce: u64, blob_bytes: usize, reply_bytes: u32) -> Self {
        Self { nonce, wait_ms: 0, reply_bytes, blob: blob(nonce, blob_bytes) }
    }

    /// Whether this is the right answer to it.
    #[must_use]
    pub fn is_answered_by(&self, said: &Said) -> bool {
        said.nonce == self.nonce
            && said.checksum == checksum(&self.blob)
            && said.blob == blob(self.nonce, self.reply_bytes as usize)
    }
}

/// Answers.
#[derive(Debug, Clone, Copy)]
pub struct Echoer;

impl Answer<Say> for Echoer {
    async fn answer(&self, question: Say, _asked: Asked) -> Said {
        think(question.wait_ms).await;
        let blob_back = blob(question.nonce, question.reply_bytes as usize);
        said(question.nonce, &question.blob, blob_back)
    }
}

impl Answer<SayOnce> for Echoer {
    async fn answer(&self, question: SayOnce, _asked: Asked) -> Said {
        think(question.wait_ms).await;
        said(question.nonce, b"", Bytes::new())
    }
}

async fn think(wait_ms: u32) {
    if wait_ms > 0 {
        tokio::time::sleep(Duration::from_millis(wait_ms.into())).await;
    }
}

fn said(nonce: u64, blob: &[u8], blob_back: Bytes) -> Said {
    Said { nonce, checksum: checksum(blob), pid: process::id(), blob: blob_back }
}

impl Message for Say {
    fn take_attachment(&mut self) -> Bytes {
        std::mem::take(&mut self.blob)
    }
    fn attach(&mut self, attachment: Bytes) {
        self.blob = attachment;
    }
}

impl Message for Said {
    fn take_attachment(&mut self) -> Bytes {
        std::mem::take(&mut self.blob)
    }
    fn attach(&mut self, attachment: Bytes) {
        self.blob = attachment;
    }
}

impl Message for SayOnce {}
impl Message for SayNext {}

impl Question for Say {
    type Of = Echo;
    type Reply = Said;
    const OP: u16 = 1;
    const RETRY: Retry = Retry::Safe;
    const NAME: &'static str = "Say";
}

impl Question for SayOnce {
    type Of = Echo;
    type Reply = Said;
    const OP: u16 = 2;
    const RETRY: Retry = Retry::Never;
    const NAME: &'static str = "SayOnce";
}

impl Question for SayNext {
    type Of = EchoNext;
    type Reply = Said;
    const OP: u16 = 1;
    const RETRY: Retry = Retry::Safe;
    const NAME: &'static str = "SayNext";
}

impl Interface for Echo {
    const NAME: &'static str = "echo";
    const VERSION: u16 = 1;

    fn op_name(op: u16) -> Option<&'static str> {
        match op {
            1 => Some("Say"),
            2 => Some("SayOnce"),
            _ => None,
        }
    }

    fn describe(op: u16, half: Half, body: &[u8]) -> Result<String, BadMessage> {
        match (op, half) {
            (1, Half::Question) => describe::<Self, Say>(op, body),
            (2, Half::Question) => describe::<Self, SayOnce>(op, body),
            _ => describe::<Self, Said>(op, body),
        }
    }
}

impl Interface for EchoNext {
    const NAME: &'static str = "echo";
    const VERSION: u16 = 2;

    fn op_name(_op: u16) -> Option<&'static str> {
        Some("SayNext")
    }

    fn describe(op: u16, _half: Half, body: &[u8]) -> Result<String, BadMessage> {
        describe::<Self, SayNext>(op, body)
    }
}

impl AnsweredBy<Echoer> for Echo {
    async fn dispatch(handler: &Echoer, op: u16, question: Encoded, asked: Asked) -> Result<Encoded, BadMessage> {
        match op {
            1 => answer::<Say>(handler, op, question, asked).await,
            2 => answer::<SayOnce>(handler, op, question, asked).await,
            _ => Err(BadMessage::new::<Self>(op, "unknown number")),
        }
    }
}

fn answer<Q>(
    handler: &Echoer,
    op: u16,
    question: Encoded,
    asked: Asked,
) -> impl Future<Output = Result<Encoded, BadMessage>> + Send
where
    Q: Question<Of = Echo>,
    Echoer: Answer<Q>,
{
    let question = decode::<Q>(question).map_err(|cause| BadMessage::new::<Echo>(op, cause));
    async move { Ok(encode(handler.answer(question?, asked).await)) }
}
