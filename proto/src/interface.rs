//! What an interface between two boxes is: questions, their replies, and the table that pairs them.
//!
//! A question has one reply type. So an asker never meets an answer of the wrong kind, and a box that answers an
//! interface does not compile until it answers all of it.

use std::{fmt, future::Future, time::Duration};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::ids::RequestId;

/// Something that travels between boxes: named fields as MessagePack, and at most one attachment of raw bytes.
///
/// The attachment travels as a frame of its own, uncopied. A type with one holds it in a field that serde skips.
pub trait Message: Serialize + DeserializeOwned + Send + 'static {
    /// Takes the raw bytes out, to be sent in the second frame.
    fn take_attachment(&mut self) -> Bytes {
        Bytes::new()
    }
    /// Puts the raw bytes of the second frame back.
    fn attach(&mut self, _attachment: Bytes) {}
}

impl<T: Message, E: Serialize + DeserializeOwned + Send + 'static> Message for Result<T, E> {
    fn take_attachment(&mut self) -> Bytes {
        self.as_mut().map(T::take_attachment).unwrap_or_default()
    }
    fn attach(&mut self, attachment: Bytes) {
        if let Ok(message) = self {
            message.attach(attachment);
        }
    }
}

/// Declares that types travel without an attachment.
macro_rules! plain_messages {
    ($($name:ty),* $(,)?) => { $(impl $crate::interface::Message for $name {})* };
}
/// Declares that a type travels with an attachment, and in which field.
macro_rules! attached_messages {
    ($($name:ty : $field:ident),* $(,)?) => { $(
        impl $crate::interface::Message for $name {
            fn take_attachment(&mut self) -> bytes::Bytes {
                std::mem::take(&mut self.$field)
            }
            fn attach(&mut self, attachment: bytes::Bytes) {
                self.$field = attachment;
            }
        }
    )* };
}
pub(crate) use {attached_messages, plain_messages};

impl<T: Message> Message for Option<T> {
    fn take_attachment(&mut self) -> Bytes {
        self.as_mut().map(T::take_attachment).unwrap_or_default()
    }
    fn attach(&mut self, attachment: Bytes) {
        if let Some(message) = self {
            message.attach(attachment);
        }
    }
}

plain_messages!((), u64, Vec<u64>, crate::ids::Cid);

/// May a question be asked twice?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Yes: when its worker dies, the question goes to a sibling or to the successor.
    Safe,
    /// No: when its worker dies, the asker is told.
    Never,
}

/// One question of an interface.
pub trait Question: Message {
    /// The interface that this question belongs to.
    type Of: Interface;
    /// The only type that its reply can have.
    type Reply: Message;
    /// Its number on the bus, never reused within an interface.
    const OP: u16;
    /// Whether it may be asked twice.
    const RETRY: Retry;
    /// Its name, for logs and `supervisor tap`.
    const NAME: &'static str;
}

/// Which half of an exchange some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The question.
    Question,
    /// The reply.
    Reply,
}

/// A named, versioned set of questions that one kind of box answers.
pub trait Interface: Send + Sync + 'static {
    /// Part of the socket's name.
    const NAME: &'static str;
    /// A breaking change counts this up; an added optional field does not.
    const VERSION: u16;

    /// The name of a question by its number.
    fn op_name(op: u16) -> Option<&'static str>;

    /// A message as one line of JSON, for a human.
    ///
    /// # Errors
    ///
    /// When the bytes are no message of that number: the two sides were built from different sources.
    fn describe(op: u16, half: Half, body: &[u8]) -> Result<String, BadMessage>;
}

/// What is known about a question beside its content.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The visitor's request that this question serves.
    pub request: RequestId,
    /// How long the asker will still wait.
    pub left: Duration,
}

/// A box that answers the question `Q`.
pub trait Answer<Q: Question>: Send + Sync + 'static {
    /// Answers. A refusal is part of the reply's type.
    fn answer(&self, question: Q, asked: Asked) -> impl Future<Output = Q::Reply> + Send;
}

/// An encoded message: its two frames.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// MessagePack with named fields.
    pub body: Bytes,
    /// Raw bytes, often none.
    pub attachment: Bytes,
}

/// An interface all of whose questions `H` answers; made by `interface!`.
pub trait AnsweredBy<H>: Interface {
    /// Decodes a question, has it answered, encodes the reply.
    ///
    /// # Errors
    ///
    /// When the bytes are no question of this interface; the asker should be told so.
    fn dispatch(
        handler: &H,
        op: u16,
        question: Encoded,
        asked: Asked,
    ) -> impl Future<Output = Result<Encoded, BadMessage>> + Send;
}

/// Bytes on the bus that are no message of this interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no message of {interface} with number {op}: {cause}; run boxes of one build, or restart the older ones")]
pub struct BadMessage {
    /// The interface.
    pub interface: &'static str,
    /// The number that the message had.
    pub op: u16,
    /// What the decoder said.
    pub cause: String,
}

impl BadMessage {
    /// A message of `Q` could not be read.
    #[must_use]
    pub fn new<I: Interface>(op: u16, cause: impl fmt::Display) -> Self {
        Self { interface: I::NAME, op, cause: cause.to_string() }
    }
}

/// Encodes a message into its two frames.
///
/// # Panics
///
/// When a type of `proto` cannot be serialised, which its golden test would have shown.
#[must_use]
pub fn encode<M: Message>(mut message: M) -> Encoded {
    let attachment = message.take_attachment();
    let body = rmp_serde::to_vec_named(&message).expect("every message of proto can be serialised");
    Encoded { body: body.into(), attachment }
}

/// Decodes a message from its two frames.
///
/// # Errors
///
/// When the bytes are not an `M`.
pub fn decode<M: Message>(encoded: Encoded) -> Result<M, rmp_serde::decode::Error> {
    let mut message: M = rmp_serde::from_slice(&encoded.body)?;
    message.attach(encoded.attachment);
    Ok(message)
}

/// One line of JSON for a message. Used by the code that `interface!` makes.
///
/// # Errors
///
/// When the bytes are not an `M`.
pub fn describe<I: Interface, M: Message>(op: u16, body: &[u8]) -> Result<String, BadMessage> {
    let message: M = rmp_serde::from_slice(body).map_err(|e| BadMessage::new::<I>(op, e))?;
    serde_json::to_string(&message).map_err(|e| BadMessage::new::<I>(op, e))
}

/// Declares an interface: its name, its version and the table of its questions.
macro_rules! interface {
    ($(#[$doc:meta])* $face:ident = $name:literal, version $version:literal:
        $($op:literal => $question:ident -> $reply:ty, retry $retry:ident;)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $face;

        impl $crate::interface::Interface for $face {
            const NAME: &'static str = $name;
            const VERSION: u16 = $version;

            fn op_name(op: u16) -> Option<&'static str> {
                match op { $($op => Some(stringify!($question)),)+ _ => None }
            }

            fn describe(
                op: u16, half: $crate::interface::Half, body: &[u8],
            ) -> Result<String, $crate::interface::BadMessage> {
                use $crate::interface::{BadMessage, Half, describe};
                match (op, half) {
                    $(($op, Half::Question) => describe::<Self, $question>(op, body),
                      ($op, Half::Reply) => describe::<Self, $reply>(op, body),)+
                    _ => Err(BadMessage::new::<Self>(op, "unknown number")),
                }
            }
        }

        $(impl $crate::interface::Question for $question {
            type Of = $face;
            type Reply = $reply;
            const OP: u16 = $op;
            const RETRY: $crate::interface::Retry = $crate::interface::Retry::$retry;
            const NAME: &'static str = stringify!($question);
        })+

        impl<H: $($crate::interface::Answer<$question> +)+ Sized> $crate::interface::AnsweredBy<H> for $face {
            async fn dispatch(
                handler: &H, op: u16, question: $crate::interface::Encoded, asked: $crate::interface::Asked,
            ) -> Result<$crate::interface::Encoded, $crate::interface::BadMessage> {
                use $crate::interface::{Answer, BadMessage, decode, encode};
                match op {
                    $($op => {
                        let question: $question = decode(question).map_err(|e| BadMessage::new::<Self>(op, e))?;
                        Ok(encode(<H as Answer<$question>>::answer(handler, question, asked).await))
                    })+
                    _ => Err(BadMessage::new::<Self>(op, "unknown number")),
                }
            }
        }
    };
}
pub(crate) use interface;
