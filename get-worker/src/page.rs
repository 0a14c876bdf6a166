//! A page of a thread as the JSON document that visitors get.
//!
//! ```text
//! {"topic","folder","count","last_seq","epoch","next":null|seq,"comments":[{"id","legacy_id","seq",
//!  "headers":[["Name","value"],…],"text","signature":"valid"|"none","edited_by":null|id,"deleted":bool}]}
//! ```
//!
//! What stands before the comments is known only after them (where the next page begins), so room is left for it.

use std::io::Write as _;

use bytes::Bytes;
use proto::{Cid, CommentId, Epoch, LegacyId, Seq, Topic, threads::PAGE_BYTES};

use crate::json::{push_hex, push_id, push_legacy_id, push_number, push_text};

/// Room for everything before the comments: five numbers of 20 digits, a topic, a CID of at most 160 characters, names.
const HEAD_BYTES: usize = 448;
/// What a comment usually takes, to make room at once.
const COMMENT_BYTES: usize = 768;

/// What a page says of its thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) topic: Topic,
    pub(crate) folder: Option<Cid>,
    pub(crate) count: u64,
    pub(crate) last_seq: Seq,
    pub(crate) epoch: Epoch,
}

/// One place in a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) id: CommentId,
    pub(crate) legacy_id: LegacyId,
    pub(crate) seq: Seq,
    pub(crate) content: Content<'a>,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    /// The comment as its author wrote it: the whole blob.
    Original(&'a str),
    /// A comment's headers with the text of its edit: both blobs.
    Edited { original: &'a str, edit: &'a str, by: CommentId },
    /// Nothing any more.
    Deleted,
}

/// A page being written.
#[derive(Debug)]
pub(crate) struct Page {
    bytes: Vec<u8>,
    last: Option<Seq>,
}

/// Whether a comment was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is on the page.
    Yes,
    /// It did not fit: it begins the next page.
    PageIsFull,
}

impl Page {
    /// A page for about so many comments.
    pub(crate) fn new(comments: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + (comments * COMMENT_BYTES).min(PAGE_BYTES));
        bytes.resize(HEAD_BYTES, b' ');
        Self { bytes, last: None }
    }

    /// Adds a comment, unless the page would grow past its limit; the first is always added.
    pub(crate) fn add(&mut self, entry: &Entry<'_>) -> Added {
        let before = self.bytes.len();
        if self.last.is_some() {
            self.bytes.push(b',');
        }
        push_entry(&mut self.bytes, entry);
        if self.last.is_some() && self.bytes.len() > PAGE_BYTES {
            self.bytes.truncate(before);
            return Added::PageIsFull;
        }
        self.last = Some(entry.seq);
        Added::Yes
    }

    /// The place of the last comment that was added.
    pub(crate) fn last(&self) -> Option<Seq> {
        self.last
    }

    /// The document.
    pub(crate) fn finish(mut self, thread: &Thread, next: Option<Seq>) -> Bytes {
        self.bytes.extend_from_slice(b"]}");
        let head = head(thread, next);
        let start = HEAD_BYTES.checked_sub(head.len()).expect("the room for the head is larger than any head");
        self.bytes[start..HEAD_BYTES].copy_from_slice(&head);
        Bytes::from(self.bytes).slice(start..)
    }
}

fn head(thread: &Thread, next: Option<Seq>) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES);
    out.extend_from_slice(b"{\"topic\":");
    push_hex(&mut out, &thread.topic.0);
    out.extend_from_slice(b",\"folder\":");
    match &thread.folder {
        // Writing to a Vec does not fail.
        Some(cid) => {
            let _ = write!(out, "\"{cid}\"");
        }
        None => out.extend_from_slice(b"null"),
    }
    for (name, number) in [("count", thread.count), ("last_seq", thread.last_seq.0), ("epoch", thread.epoch.0)] {
        let _ = write!(out, ",\"{name}\":{number}");
    }
    match next {
        Some(next) => {
            let _ = write!(out, ",\"next\":{next}");
        }
        None => out.extend_from_slice(b",\"next\":null"),
    }
    out.extend_from_slice(b",\"comments\":[");
    out
}

/// Appends a comment as it stands in a page.
pub(crate) fn push_entry(out: &mut Vec<u8>, entry: &Entry<'_>) {
    out.extend_from_slice(b"{\"id\":");
    push_id(out, &entry.id);
    out.extend_from_slice(b",\"legacy_id\":");
    push_legacy_id(out, &entry.legacy_id);
    out.extend_from_slice(b",\"seq\":");
    push_number(out, entry.seq.0);
    match &entry.content {
        Content::Original(blob) => {
            push_content(out, blob, None);
            out.extend_from_slice(b"null,\"deleted\":false}");
        }
        Content::Edited { original, edit, by } => {
            push_content(out, original, Some(edit));
            push_id(out, by);
            out.extend_from_slice(b",\"deleted\":false}");
        }
        // Nothing is left of it that could bear a signature.
        Content::Deleted => out.extend_from_slice(
            b",\"headers\":[],\"text\":null,\"signature\":\"none\",\"edited_by\":null,\"deleted\":true}",
        ),
    }
}

/// Appends what is taken out of blobs, up to the value of `edited_by`.
fn push_content(out: &mut Vec<u8>, original: &str, edit: Option<&str>) {
    out.extend_from_slice(b",\"headers\":[");
    let Headers { signature, text } = push_headers(out, original);
    out.extend_from_slice(b"],\"text\":");
    push_text(out, edit.map_or(text, text_of));
    out.extend_from_slice(match signature {
        Signature::Valid => b",\"signature\":\"valid\",\"edited_by\":",
        Signature::None => b",\"signature\":\"none\",\"edited_by\":",
    });
}

/// Whether a comment is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    /// It has a signature: one that does not fit was never kept.
    Valid,
    /// It has none.
    None,
}

/// What was seen of a blob when its headers were appended.
#[derive(Debug)]
struct Headers<'a> {
    signature: Signature,
    /// What stands below them.
    text: &'a str,
}

fn push_headers<'a>(out: &mut Vec<u8>, blob: &'a str) -> Headers<'a> {
    let mut headers = Headers { signature: Signature::None, text: blob };
    let mut before: &[u8] = b"[";
    while let Some((name, value)) = next_header(&mut headers.text) {
        out.extend_from_slice(before);
        push_text(out, name);
        out.push(b',');
        push_text(out, value);
        out.push(b']');
        before = b",[";
        if name == "Signature" {
            headers.signature = Signature::Valid;
        }
    }
    headers
}

/// Takes a header line off; none at the blank line, which is taken off too. Every blob that was ever kept has one.
fn next_header<'a>(rest: &mut &'a str) -> Option<(&'a str, &'a str)> {
    let (line, below) = rest.split_once('\n')?;
    *rest = below;
    let (name, value) = line.split_once(':')?;
    Some((name, value.strip_prefix(' ').unwrap_or(value)))
}

fn text_of(blob: &str) -> &str {
    let mut rest = blob;
    while next_header(&mut rest).is_some() {}
    rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const TOPIC: Topic = Topic([0xab; 20]);

    fn thread() -> Thread {
        let folder = Some(CommentId([7; 32]).cid());
        Thread { topic: TOPIC, folder, count: 2, last_seq: Seq(9), epoch: Epoch(77) }
    }

    fn entry(seq: u64, content: Content<'_>) -> Entry<'_> {
        let (id, legacy_id) = (CommentId([1; 32]), LegacyId([2; 20]));
        Entry { id, legacy_id, seq: Seq(seq), content }
    }

    fn document(entries: &[Entry<'_>], next: Option<Seq>) -> String {
        let mut page = Page::new(entries.len());
        for entry in entries {
            assert_eq!(page.add(entry), Added::Yes);
        }
        String::from_utf8(page.finish(&thread(), next).to_vec()).unwrap()
    }

    #[test]
    fn a_page_is_golden() {
        let (id, other) = (CommentId([1; 32]), CommentId([3; 32]));
        let original = "Signature: c\nUser: b\n\nold";
        let signed = entry(7, Content::Edited { original, edit: "Edits: x\n\nnew", by: other });
        let entries = [
            entry(4, Content::Original("User: a\nX: 1: 2\n\nsay \"hi\"\n\nSignature: bye")),
            signed,
            entry(8, Content::Deleted),
        ];
        let legacy = "02".repeat(20);
        let golden = [
            format!(r#"{{"topic":"{}","folder":"{}","#, "ab".repeat(20), CommentId([7; 32])),
            r#""count":2,"last_seq":9,"epoch":77,"next":8,"comments":["#.to_owned(),
            format!(r#"{{"id":"{id}","legacy_id":"{legacy}","seq":4,"headers":[["User","a"],["X","1: 2"]],"#),
            r#""text":"say \"hi\"\n\nSignature: bye","signature":"none","edited_by":null,"deleted":false},"#.to_owned(),
            format!(r#"{{"id":"{id}","legacy_id":"{legacy}","seq":7,"headers":[["Signature","c"],["User","b"]],"#),
            format!(r#""text":"new","signature":"valid","edited_by":"{other}","deleted":false}},"#),
            format!(r#"{{"id":"{id}","legacy_id":"{legacy}","seq":8,"headers":[],"text":null,"#),
            r#""signature":"none","edited_by":null,"deleted":true}]}"#.to_owned(),
        ];
        assert_eq!(document(&entries, Some(Seq(8))), golden.concat());
    }

    #[test]
    fn an_empty_thread_is_a_page_too() {
        let nobody = Thread { folder: None, count: 0, last_seq: Seq(0), ..thread() };
        let page: Value = serde_json::from_slice(&Page::new(0).finish(&nobody, None)).unwrap();
        let topic = TOPIC.to_string();
        let expected = json!({"topic": topic, "folder": null, "count": 0, "last_seq": 0, "epoch": 77, "next": null, "comments": []});
        assert_eq!(page, expected);
    }

    #[test]
    fn a_page_closes_before_it_is_too_large_but_never_empty() {
        let (large, huge) = ("x".repeat(PAGE_BYTES / 2), "x".repeat(2 * PAGE_BYTES));
        let blobs = [large, huge].map(|text| format!("A: b\n\n{text}"));
        let mut page = Page::new(1);
        assert_eq!(page.add(&entry(1, Content::Original(&blobs[0]))), Added::Yes);
        assert_eq!(page.add(&entry(2, Content::Original(&blobs[0]))), Added::PageIsFull);
        assert_eq!(page.last(), Some(Seq(1)));
        let whole = page.finish(&thread(), Some(Seq(1)));
        assert!(whole.len() <= PAGE_BYTES);
        assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap()["comments"].as_array().unwrap().len(), 1);
        let mut page = Page::new(1);
        assert_eq!(page.add(&entry(1, Content::Original(&blobs[1]))), Added::Yes);
        assert_eq!(page.add(&entry(2, Content::Deleted)), Added::PageIsFull);
    }

    #[test]
    fn the_largest_head_has_room() {
        let largest = Thread {
            topic: TOPIC,
            folder: Some(Cid(proto_cid_of_64_bytes())),
            count: u64::MAX,
            last_seq: Seq(u64::MAX),
            epoch: Epoch(u64::MAX),
        };
        let page = Page::new(0).finish(&largest, Some(Seq(u64::MAX)));
        assert!(serde_json::from_slice::<Value>(&page).is_ok());
    }

    fn proto_cid_of_64_bytes() -> cid::Cid {
        cid::Cid::new_v1(u64::MAX >> 1, cid::multihash::Multihash::wrap(u64::MAX >> 1, &[255; 64]).unwrap())
    }

    proptest! {
        #[test]
        fn any_comment_is_in_the_page_as_it_was_written(
            names in proptest::collection::vec("[A-Za-z][A-Za-z0-9-]{0,8}", 1..4),
            value in "[^\\x00-\\x1f]{1,20}", text in "\\PC{1,300}", seq: u64,
        ) {
            let lines: String = names.iter().map(|name| format!("{name}: {value}\n")).collect();
            let blob = format!("{lines}\n{text}");
            let page: Value = serde_json::from_str(&document(&[entry(seq, Content::Original(&blob))], None)).unwrap();
            let headers: Vec<_> = names.iter().map(|name| json!([name, value])).collect();
            prop_assert_eq!(&page["comments"][0]["text"], &json!(text));
            prop_assert_eq!(&page["comments"][0]["headers"], &json!(headers));
            prop_assert_eq!(&page["comments"][0]["seq"], &json!(seq));
        }
    }
}
