//! A real store, and every question to it. Replies pass through the bus's encoding, as in life.

use std::time::Duration;

use comment_store::{Incoming, Options, Writer};
use ed25519_dalek::SigningKey;
use proto::{
    AnsweredBy, AnyId, CommentId, LegacyId, Threads, Topic,
    interface::{decode, encode},
    posts::{Origin, Receipt},
    record::{Draft, Limits},
};
use serde_json::{Value, json};

use super::*;

mod archive;
mod news;

const TOPIC: Topic = Topic([7; 20]);
const NOWHERE: Topic = Topic([8; 20]);

struct Rig {
    writer: Writer,
    reads: Reads,
    _dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { map_gib: 1, reserve_mib: 0, folder_history_s: 900, lock_wait: Duration::ZERO };
        let writer = Writer::open(dir.path(), &options).unwrap();
        let reads = Reads::new(writer.reader(), Measures::default());
        Self { writer, reads, _dir: dir }
    }

    fn post(&mut self, blob: Vec<u8>) -> Receipt {
        let comment = Incoming::read(TOPIC, Origin::Visitor, blob.into(), Limits::NONE).unwrap();
        let mut batch = self.writer.batch().unwrap();
        let receipt = batch.insert(&comment).unwrap();
        batch.commit().unwrap();
        receipt
    }

    async fn ask<Q: Question<Of = Threads>>(&self, question: Q) -> Q::Reply {
        let asked = Asked { request: RequestId([1; 8]), left: Duration::from_secs(10) };
        let reply = Threads::dispatch(&self.reads, Q::OP, encode(question), asked).await.unwrap();
        decode(reply).unwrap()
    }

    async fn page(&self, after: Option<Seq>, limit: u16) -> (ThreadPage, Value) {
        let page = self.ask(ReadThread { topic: TOPIC, after, limit }).await.unwrap();
        let json = serde_json::from_slice(&page.json).unwrap();
        (page, json)
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn unsigned(text: &str) -> Vec<u8> {
    Draft::new().header("User", "kim").unsigned(text)
}

fn signed(text: &str) -> Vec<u8> {
    Draft::new().header("Date", "2026-11-20T16:47:05Z").signed(&key(), text)
}

fn naming(header: &str, target: &Receipt, text: &str) -> Vec<u8> {
    Draft::new().header("Date", "2026-11-20T17:00:00Z").header(header, &target.id.to_string()).signed(&key(), text)
}

#[tokio::test]
async fn the_newest_page_begins_with_what_came_last() {
    let mut rig = Rig::new();
    let receipts = ["one", "two", "three"].map(|text| rig.post(signed(text)));
    let edit = rig.post(naming("Edits", &receipts[0], "one, edited"));
    let page = rig.ask(ReadNewest { topic: TOPIC, limit: 2 }).await.unwrap();
    assert_eq!((page.count, page.last_seq, page.next), (3, edit.seq, None));
    let texts = |page: &ThreadPage| {
        let json: Value = serde_json::from_slice(&page.json).unwrap();
        json["comments"].as_array().unwrap().iter().map(|comment| comment["text"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&page), ["three", "two"]);
    let all = rig.ask(ReadNewest { topic: TOPIC, limit: 0 }).await.unwrap();
    assert_eq!(texts(&all), ["three"], "at least one");
    let none = rig.ask(ReadNewest { topic: NOWHERE, limit: 2 }).await.unwrap();
    assert_eq!((none.count, texts(&none)), (0, vec![]));
}

#[tokio::test]
async fn a_page_shows_what_authors_said_last() {
    let mut rig = Rig::new();
    let plain = rig.post(unsigned("one \"quoted\""));
    let first = rig.post(signed("to be edited"));
    let second = rig.post(signed("to be deleted"));
    let edit = rig.post(naming("Edits", &first, "edited"));
    let deletion = rig.post(naming("Deletes", &second, "gone"));
    let (page, json) = rig.page(None, 25).await;
    assert_eq!((page.count, page.last_seq, page.next), (2, deletion.seq, None));
    assert_eq!((&json["count"], &json["last_seq"]), (&json!(2), &json!(deletion.seq)));
    assert_eq!((&json["topic"], &json["epoch"]), (&json!(TOPIC), &json!(plain.epoch)));
    let comments = json["comments"].as_array().unwrap();
    let texts: Vec<_> = comments.iter().map(|comment| &comment["text"]).collect();
    assert_eq!(texts, [&json!("one \"quoted\""), &json!("edited"), &Value::Null]);
    let expected = json!({
        "id": plain.id, "legacy_id": plain.legacy_id, "seq": plain.seq, "headers": [["User", "kim"]],
        "text": "one \"quoted\"", "signature": "none", "edited_by": null, "deleted": false,
    });
    assert_eq!(comments[0], expected);
    assert_eq!((&comments[1]["id"], &comments[1]["edited_by"]), (&json!(first.id), &json!(edit.id)));
    assert_eq!(comments[1]["signature"], "valid");
    let expected = json!({
        "id": second.id, "legacy_id": second.legacy_id, "seq": second.seq, "headers": [],
        "text": null, "signature": "none", "edited_by": null, "deleted": true,
    });
    assert_eq!(comments[2], expected);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let mut rig = Rig::new();
    for number in 0..7 {
        rig.post(unsigned(&format!("number {number}")));
    }
    let (mut after, mut texts) = (None, Vec::new());
    loop {
        let (page, json) = rig.page(after, 3).await;
        assert_eq!(json["next"], page.next.map_or(Value::Null, |next| json!(next)));
        let comments = json["comments"].as_array().unwrap();
        texts.extend(comments.iter().map(|comment| comment["text"].as_str().unwrap().to_owned()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(texts, (0..7).map(|number| format!("number {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_long_thread_is_cut_by_bytes_and_goes_on() {
    let mut rig = Rig::new();
    // Every quote becomes two bytes: what fits into the limit as blobs does not fit as JSON.
    let long = "\"".repeat(16_000);
    for number in 0..40 {
        rig.post(unsigned(&format!("{number} {long}")));
    }
    let (mut after, mut seen) = (None, 0);
    loop {
        let (page, json) = rig.page(after, PAGE_LIMIT).await;
        assert!(page.json.len() <= PAGE_BYTES);
        seen += json["comments"].as_array().unwrap().len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, 40);
}

#[tokio::test]
async fn an_unknown_topic_is_an_empty_page() {
    let rig = Rig::new();
    let page = rig.ask(ReadThread { topic: NOWHERE, after: None, limit: 25 }).await.unwrap();
    assert_eq!((page.count, page.folder, page.next), (0, None, None));
    let json: Value = serde_json::from_slice(&page.json).unwrap();
    assert_eq!((&json["comments"], &json["folder"], &json["count"]), (&json!([]), &Value::Null, &json!(0)));
}

#[tokio::test]
async fn counts_come_in_the_order_of_the_topics() {
    let mut rig = Rig::new();
    rig.post(unsigned("x"));
    assert_eq!(rig.ask(CountComments { topics: vec![NOWHERE, TOPIC, NOWHERE] }).await, Ok(vec![0, 1, 0]));
}

#[tokio::test]
async fn the_root_of_nothing_is_the_empty_folder() {
    let rig = Rig::new();
    let root = rig.ask(FindRoot {}).await.unwrap();
    assert_eq!(root.to_string(), "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    assert_eq!(rig.ask(FindFolder { topic: TOPIC }).await, Ok(None));
}

#[tokio::test]
async fn folders_are_what_the_writer_said_they_are() {
    let mut rig = Rig::new();
    rig.post(unsigned("x"));
    let (folder, root) = (CommentId([1; 32]).cid(), CommentId([2; 32]).cid());
    let mut batch = rig.writer.batch().unwrap();
    batch.set_topic_folder(&TOPIC, Some(folder)).unwrap();
    batch.set_root(Some(root));
    batch.commit().unwrap();
    assert_eq!(rig.ask(FindFolder { topic: TOPIC }).await, Ok(Some(folder)));
    assert_eq!(rig.ask(FindRoot {}).await, Ok(root));
    assert_eq!(rig.page(None, 25).await.1["folder"], json!(folder));
}

#[tokio::test]
async fn a_comment_is_found_by_either_id_on_its_own_page() {
    let mut rig = Rig::new();
    let (blob, kept) = (signed("hello"), rig.post(signed("hello")));
    for id in [AnyId::Comment(kept.id), AnyId::Legacy(kept.legacy_id)] {
        let found = rig.ask(ReadComment { topic: TOPIC, id }).await.unwrap();
        assert_eq!((found.id, &found.blob[..]), (kept.id, &blob[..]));
        assert_eq!(rig.ask(ReadComment { topic: NOWHERE, id }).await, Err(ReadError::UnknownComment));
    }
    rig.post(naming("Deletes", &kept, "gone"));
    let id = AnyId::Comment(kept.id);
    assert_eq!(rig.ask(ReadComment { topic: TOPIC, id }).await, Err(ReadError::Deleted));
    let stranger = AnyId::Legacy(LegacyId([9; 20]));
    assert_eq!(rig.ask(ReadComment { topic: TOPIC, id: stranger }).await, Err(ReadError::UnknownComment));
}

#[tokio::test]
async fn topics_are_listed_after_one_another() {
    let mut rig = Rig::new();
    rig.post(unsigned("x"));
    rig.post(unsigned("y"));
    let list = rig.ask(ListTopics { after: None, limit: 10 }).await.unwrap();
    assert_eq!(list, TopicList { topics: vec![TOPIC], stored: 2 });
    let rest = rig.ask(ListTopics { after: Some(TOPIC), limit: 10 }).await.unwrap();
    assert_eq!(rest.topics, []);
}

#[tokio::test]
async fn a_folder_has_every_file_but_deleted_ones() {
    let mut rig = Rig::new();
    let kept = rig.post(unsigned("stays"));
    let target = rig.post(signed("goes"));
    let deletion = rig.post(naming("Deletes", &target, "gone"));
    let folder = rig.ask(ReadFolder { topic: TOPIC, after: None }).await.unwrap();
    let names: Vec<_> = folder.files.iter().map(|(name, _)| *name).collect();
    assert_eq!((names, folder.next), (vec![kept.legacy_id, deletion.legacy_id], None));
    let first_bytes = folder.files[0].1 as usize;
    assert_eq!(folder.blobs[..first_bytes], unsigned("stays"));
    assert_eq!(LegacyId::of(&folder.blobs[first_bytes..]), deletion.legacy_id);
}

#[tokio::test]
async fn arrivals_are_told_in_order_and_deleted_ones_left_out() {
    let mut rig = Rig::new();
    let first = rig.post(unsigned("stays"));
    let target = rig.post(signed("goes"));
    let deletion = rig.post(naming("Deletes", &target, "gone"));
    let all = rig.ask(ReadChanges { after: Seq(0), limit: 100 }).await.unwrap();
    let ids: Vec<_> = all.changes.iter().map(|change| (change.seq, change.id)).collect();
    assert_eq!(ids, [(first.seq, first.id), (deletion.seq, deletion.id)]);
    assert_eq!((all.epoch, all.last_seq, all.told_seq), (first.epoch, deletion.seq, deletion.seq));
    let one = rig.ask(ReadChanges { after: first.seq, limit: 1 }).await.unwrap();
    assert_eq!((one.changes.len(), one.told_seq), (0, target.seq));
    let end = rig.ask(ReadChanges { after: deletion.seq, limit: 100 }).await.unwrap();
    assert_eq!((end.changes.len(), end.told_seq), (0, deletion.seq));
}
