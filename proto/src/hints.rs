//! Hints: what a box tells whoever listens. A hint may be lost at any time, and nothing may depend on it but speed.
//!
//! Who tells binds a PUB socket, who hears connects a SUB socket to it ([`crate::bus`]); who may do which is in
//! [`crate::wiring`].

use serde::{Deserialize, Serialize};

use crate::{
    ids::{Seq, Topic},
    interface::{BadMessage, Message, plain_messages},
};

/// Something that boxes are told and nobody answers.
pub trait Hint: Message + Clone + Sync {
    /// Part of the socket's name.
    const NAME: &'static str;
    /// A breaking change counts this up; an added optional field does not.
    const VERSION: u16;
    /// Its name, for logs and `supervisor tap`.
    const TITLE: &'static str;
}

/// A hint as one line of JSON, for a human.
///
/// # Errors
///
/// When the bytes are no `H`: the two sides were built from different sources.
pub fn describe<H: Hint>(body: &[u8]) -> Result<String, BadMessage> {
    let bad = |cause: String| BadMessage { interface: H::NAME, op: 0, cause };
    let hint: H = rmp_serde::from_slice(body).map_err(|error| bad(error.to_string()))?;
    serde_json::to_string(&hint).map_err(|error| bad(error.to_string()))
}

/// Declares a type as a hint: its name and its version.
macro_rules! hint {
    ($($hint:ident = $name:literal, version $version:literal;)+) => {
        plain_messages!($($hint),+);
        $(impl Hint for $hint {
            const NAME: &'static str = $name;
            const VERSION: u16 = $version;
            const TITLE: &'static str = stringify!($hint);
        })+
    };
}

/// The most topics that one hint names: some 6 KiB of them.
pub const ARRIVED_TOPICS: usize = 256;

/// Comments arrived, and whoever reads these topics now sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// The newest arrival of the whole store.
    pub last_seq: Seq,
    /// Where something changed, at most [`ARRIVED_TOPICS`].
    pub topics: Vec<Topic>,
}

impl Arrived {
    /// The hints that name all these topics: one, unless there are very many.
    pub fn at(last_seq: Seq, topics: impl IntoIterator<Item = Topic>) -> impl Iterator<Item = Self> {
        let mut topics = topics.into_iter();
        std::iter::from_fn(move || {
            let topics: Vec<Topic> = topics.by_ref().take(ARRIVED_TOPICS).collect();
            (!topics.is_empty()).then_some(Self { last_seq, topics })
        })
    }
}

hint! {
    Arrived = "arrived", version 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::{decode, encode};

    fn topic(number: u16) -> Topic {
        let [high, low] = number.to_be_bytes();
        let mut topic = Topic([0; 20]);
        (topic.0[0], topic.0[19]) = (high, low);
        topic
    }

    #[test]
    fn the_bytes_of_a_hint_are_golden() {
        let hint = Arrived { last_seq: Seq(300), topics: vec![Topic([0x11; 20])] };
        let golden = [
            "82",                                       // a map of two
            "a86c6173745f736571cd012c",                 // last_seq: 300
            "a6746f7069637391c414",                     // topics: one of 20 bytes
            "1111111111111111111111111111111111111111", //
        ];
        let encoded = encode(hint.clone());
        let hex: String = encoded.body.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden.concat());
        assert!(encoded.attachment.is_empty());
        assert_eq!(decode::<Arrived>(encoded).unwrap(), hint);
    }

    #[test]
    fn many_topics_are_named_by_several_hints_and_each_once() {
        let topics: Vec<_> = (0..600).map(topic).collect();
        let hints: Vec<_> = Arrived::at(Seq(9), topics.iter().copied()).collect();
        assert_eq!(hints.iter().map(|hint| hint.topics.len()).collect::<Vec<_>>(), [256, 256, 88]);
        assert_eq!(hints.iter().flat_map(|hint| hint.topics.clone()).collect::<Vec<_>>(), topics);
        assert!(hints.iter().all(|hint| hint.last_seq == Seq(9)));
        assert_eq!(Arrived::at(Seq(9), []).count(), 0);
    }

    #[test]
    fn a_hint_is_described_as_json() {
        let body = encode(Arrived { last_seq: Seq(2), topics: vec![] }).body;
        assert_eq!(describe::<Arrived>(&body).unwrap(), r#"{"last_seq":2,"topics":[]}"#);
        assert!(describe::<Arrived>(b"no").unwrap_err().to_string().contains("arrived"));
    }
}
