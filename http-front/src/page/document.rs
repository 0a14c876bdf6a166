//! The JSON document of a page, as `get-worker` gives it and `docs/http.md` describes it.

use proto::{AnyId, CommentId, LegacyId, Seq, Topic, record};
use serde::Deserialize;

/// A page of a thread.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    pub(crate) topic: Topic,
    /// Of the whole thread.
    pub(crate) count: u64,
    /// Where the next page begins.
    pub(crate) next: Option<Seq>,
    pub(crate) comments: Vec<Comment>,
}

/// A comment, or the place where one was.
#[derive(Debug, Deserialize)]
pub(crate) struct Comment {
    pub(crate) id: CommentId,
    pub(crate) legacy_id: LegacyId,
    pub(crate) seq: Seq,
    pub(crate) headers: Vec<(String, String)>,
    /// None when its author deleted it.
    pub(crate) text: Option<String>,
    pub(crate) signature: Signature,
    pub(crate) edited_by: Option<CommentId>,
}

/// Whether somebody answers for a comment with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signature {
    Valid,
    None,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    ///
    /// When it is not what `get-worker` writes.
    pub(crate) fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl Comment {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The name to show.
    pub(crate) fn author(&self) -> &str {
        self.header("User").map(str::trim).filter(|name| !name.is_empty()).unwrap_or("anonymous")
    }

    /// The key of whoever signed it.
    pub(crate) fn key(&self) -> Option<&str> {
        self.header("Public-Key").filter(|_| self.signature == Signature::Valid)
    }

    /// When its author says it was written; none when that is no date.
    pub(crate) fn date(&self) -> Option<&str> {
        self.header("Date").filter(|date| is_date(date))
    }

    /// What it answers, if that is a comment: a topic looks like a legacy id, and is one of nobody's.
    pub(crate) fn parent(&self, topic: &Topic) -> Option<AnyId> {
        let id = self.header("Parent")?.parse().ok()?;
        (id != AnyId::Legacy(LegacyId(topic.0))).then_some(id)
    }
}

/// Whether a text is a date that machines understand: RFC 3339 in UTC.
pub(crate) fn is_date(text: &str) -> bool {
    record::date_seconds(text) > 0
}
