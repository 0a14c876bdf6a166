//! Comments as clients write them, and what the server says about them.

use ed25519_dalek::SigningKey;
use proto::{AnyId, CommentId, LegacyId, Topic, record::Draft};
use serde_json::Value;

use crate::http::{Answer, Client};

/// Somebody with a key.
#[derive(Debug, Clone)]
pub struct Author {
    key: SigningKey,
}

impl Author {
    /// The author whose key is made of this number.
    #[must_use]
    pub fn number(number: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[number; 32]) }
    }

    /// A signed comment. Its second (0 to 59) is all that tells two dates apart.
    #[must_use]
    pub fn says(&self, topic: &Topic, second: u8, text: &str) -> Vec<u8> {
        draft(topic, second).signed(&self.key, text)
    }

    /// A signed comment that takes the place of another.
    #[must_use]
    pub fn edits(&self, topic: &Topic, target: AnyId, second: u8, text: &str) -> Vec<u8> {
        draft(topic, second).header("Edits", &target.to_string()).signed(&self.key, text)
    }

    /// A signed comment that removes another.
    #[must_use]
    pub fn deletes(&self, topic: &Topic, target: AnyId, second: u8) -> Vec<u8> {
        draft(topic, second).header("Deletes", &target.to_string()).signed(&self.key, "gone")
    }

    /// Any headers, signed.
    #[must_use]
    pub fn signs(&self, draft: Draft, text: &str) -> Vec<u8> {
        draft.signed(&self.key, text)
    }
}

/// A comment without a signature.
#[must_use]
pub fn unsigned(topic: &Topic, second: u8, text: &str) -> Vec<u8> {
    draft(topic, second).unsigned(text)
}

fn draft(topic: &Topic, second: u8) -> Draft {
    let date = format!("2026-11-20T12:00:{second:02}Z");
    Draft::new().header("Date", &date).header("User", "Kim Example").header("Parent", &topic.to_string())
}

/// The topic of a page with this name.
#[must_use]
pub fn topic(name: &str) -> Topic {
    Topic::of_address(&format!("https://example.com/{name}"))
}

/// What the server said about a comment that it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: CommentId,
    /// Its other id.
    pub legacy_id: LegacyId,
    /// Its place in the order of arrival.
    pub seq: u64,
    /// The life of the arrival log.
    pub epoch: u64,
}

impl Receipt {
    /// Reads the receipt in an answer to a POST.
    ///
    /// # Panics
    ///
    /// When it is none, or has more or fewer members than it should.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        let json = answer.json();
        let names: Vec<_> = json.as_object().expect("a receipt is an object").keys().cloned().collect();
        assert_eq!(names, ["epoch", "id", "legacy_id", "seq"], "{json}");
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no text {name} in {json}"));
        Self {
            id: text("id").parse().expect("a comment's id"),
            legacy_id: text("legacy_id").parse().expect("a legacy id"),
            seq: number(&json, "seq"),
            epoch: number(&json, "epoch"),
        }
    }
}

fn number(json: &Value, name: &str) -> u64 {
    json[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {json}"))
}

/// Posts a new comment and returns its receipt.
///
/// # Panics
///
/// When it was not kept, or the receipt is not that of these bytes.
pub fn post(web: &mut Client, topic: &Topic, blob: &[u8]) -> Receipt {
    let receipt = Receipt::of(&web.post(&format!("/{topic}"), blob).expect(201));
    assert_eq!((receipt.id, receipt.legacy_id), (CommentId::of(blob), LegacyId::of(blob)));
    receipt
}

/// The JSON of a page of a thread; `query` is empty or begins with `?`.
///
/// # Panics
///
/// When the answer is no page.
pub fn page(web: &mut Client, topic: &Topic, query: &str) -> Value {
    web.ask("GET", &format!("/{topic}{query}"), &[("Accept", "application/json")], b"").expect(200).json()
}

/// All comments of a thread, page by page.
///
/// # Panics
///
/// When an answer is no page, or the pages do not come to an end.
pub fn thread(web: &mut Client, topic: &Topic) -> Vec<Value> {
    let mut all = Vec::new();
    let mut query = "?limit=1000".to_owned();
    for _ in 0..10_000 {
        let mut page = page(web, topic, &query);
        all.append(page["comments"].as_array_mut().expect("a page has comments"));
        match page["next"].as_u64() {
            Some(next) => query = format!("?limit=1000&after={next}"),
            None => return all,
        }
    }
    panic!("the pages of {topic} have no end");
}
