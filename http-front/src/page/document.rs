//! The JSON document of a page, as `get-worker` gives it and `docs/http.md` describes it.

use proto::{AnyId, CommentId, LegacyId, Seq, Topic, record};
use serde::Deserialize;

/// Longer names are cut.
const NAME_CHARACTERS: usize = 60;

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

    /// The name to show. Whatever would turn around what stands beside it is left out, and it has an end.
    pub(crate) fn author(&self) -> String {
        let raw = self.header("User").unwrap_or_default();
        let mut name: String = raw.chars().filter(|character| !turns(*character)).take(NAME_CHARACTERS + 1).collect();
        if let Some((end, _)) = name.char_indices().nth(NAME_CHARACTERS) {
            name.replace_range(end.., "…");
        }
        if name.trim().is_empty() { "Anonymous".to_owned() } else { name }
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

/// Whether a character changes the direction of reading.
fn turns(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text is a date that machines understand: RFC 3339 in UTC.
pub(crate) fn is_date(text: &str) -> bool {
    record::date_seconds(text) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(name: &str) -> Comment {
        let json = serde_json::json!({
            "id": CommentId([1; 32]), "legacy_id": LegacyId([1; 20]), "seq": 1, "headers": [["User", name]],
            "text": "text", "signature": "none", "edited_by": null, "deleted": false,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_name_is_seen_and_turns_nothing_around() {
        let rows = [
            ("Kim", "Kim".to_owned()),
            ("", "Anonymous".to_owned()),
            (" \u{202e}\u{2069}", "Anonymous".to_owned()),
            ("\u{202e}miK", "miK".to_owned()),
            (&"é".repeat(60), "é".repeat(60)),
            (&"é".repeat(61), format!("{}…", "é".repeat(60))),
        ];
        for (raw, shown) in rows {
            assert_eq!(by(raw).author(), shown, "{raw:?}");
        }
    }

    #[test]
    fn the_page_itself_is_no_parent_and_a_comment_is_one() {
        let topic = Topic([7; 20]);
        let answering = |parent: &str| Comment { headers: vec![("Parent".to_owned(), parent.to_owned())], ..by("Kim") };
        assert_eq!(answering(&topic.to_string()).parent(&topic), None);
        assert_eq!(answering("elsewhere").parent(&topic), None);
        let id = CommentId([9; 32]);
        assert_eq!(answering(&id.to_string()).parent(&topic), Some(AnyId::Comment(id)));
    }
}
