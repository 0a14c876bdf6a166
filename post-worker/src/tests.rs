//! Real stores: folders against what adding everything at once gives, and every question to the box.

use std::{path::Path, time::Duration};

use comment_store::{Incoming, Options, Writer};
use daemon::{
    board::{BoardReader, BoardWriter},
    bus::{Heard, Listener, Teller},
    context::Context,
    pulse::Pulse,
    stop::{self, StopSender},
};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use proto::{
    AnsweredBy, Arrived, CommentId, Posts, Question, RequestId, Topic,
    config::{self, Unsigned},
    interface::{Asked, decode, encode},
    posts::{Kept, Origin, PostComment, PostComments, PostError},
    record::{Draft, Limits},
};

use crate::{group, measures::Measures, posts::Keeper, readers::Readers, tree, writing::Writing};

fn options() -> Options {
    Options { map_gib: 1, reserve_mib: 0, folder_history_s: 900, lock_wait: Duration::ZERO }
}

fn open(dir: &Path) -> Writer {
    Writer::open(&dir.join("comments"), &options()).unwrap()
}

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn signed(text: &str) -> Vec<u8> {
    Draft::new().header("Date", "2026-11-20T16:47:05Z").signed(&key(1), text)
}

fn unsigned(text: &str) -> Vec<u8> {
    Draft::new().header("User", "me").unsigned(text)
}

fn deletion(of: &CommentId) -> Vec<u8> {
    Draft::new().header("Deletes", &of.to_string()).signed(&key(1), "gone")
}

fn incoming(topic: Topic, blob: Vec<u8>) -> Incoming {
    Incoming::read(topic, Origin::Server, blob.into(), Limits::NONE).unwrap()
}

fn write(store: &mut Writer, comments: &[Incoming]) -> group::Written {
    group::write(store, &comments.iter().collect::<Vec<_>>()).unwrap()
}

/// What is wrong with the folders of a store.
fn faults(store: &Writer) -> Vec<String> {
    tree::check(&store.reader().snapshot().unwrap()).unwrap()
}

/// Topics that share the first byte, the first two, or nothing.
fn topic(number: u8) -> Topic {
    let mut topic = [number; 20];
    topic[..2].copy_from_slice(&[number % 2, number % 3]);
    Topic(topic)
}

#[derive(Debug, Clone)]
enum Act {
    Unsigned(u8, u8),
    Signed(u8, u8),
    Delete(u8, u8),
}

fn acts() -> impl Strategy<Value = Vec<Vec<Act>>> {
    let act = (0..3u8, 0..12u8, 0..6u8).prop_map(|(kind, topic, text)| match kind {
        0 => Act::Unsigned(topic, text),
        1 => Act::Signed(topic, text),
        _ => Act::Delete(topic, text),
    });
    prop::collection::vec(prop::collection::vec(act, 0..12), 1..8)
}

fn perform(act: &Act) -> Incoming {
    match act {
        Act::Unsigned(on, text) => incoming(topic(*on), unsigned(&text.to_string())),
        Act::Signed(on, text) => incoming(topic(*on), signed(&text.to_string())),
        Act::Delete(on, text) => {
            let target = CommentId::of(&signed(&text.to_string()));
            incoming(topic(*on), deletion(&target))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folders_are_those_that_building_from_scratch_gives(groups in acts()) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = open(dir.path());
        for group in groups {
            let comments: Vec<_> = group.iter().map(perform).collect();
            write(&mut store, &comments);
            prop_assert_eq!(faults(&store), Vec::<String>::new());
        }
    }
}

#[test]
fn two_servers_with_the_same_comments_have_the_same_root() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut comments: Vec<_> = (0..30).map(|number| incoming(topic(number), signed(&number.to_string()))).collect();
    comments.push(incoming(topic(7), deletion(&comments[7].id.clone())));
    let roots = dirs.each_ref().map(|dir| {
        let mut store = open(dir.path());
        comments.chunks(4).for_each(|some| drop(write(&mut store, some)));
        comments.reverse();
        store.reader().snapshot().unwrap().root()
    });
    assert!(roots[0].is_some());
    assert_eq!(roots[0], roots[1]);
}

#[test]
fn a_large_topic_is_split_and_stays_what_building_gives() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let many: Vec<_> = (0..3_200).map(|number| incoming(topic(1), unsigned(&number.to_string()))).collect();
    many.chunks(1_000).for_each(|some| drop(write(&mut store, some)));
    assert_eq!(faults(&store), Vec::<String>::new());
    let mine = incoming(topic(1), signed("mine"));
    let gone = incoming(topic(1), deletion(&mine.id));
    for one in [mine, gone] {
        write(&mut store, &[one]);
        assert_eq!(faults(&store), Vec::<String>::new());
    }
}

/// The box without its sockets.
struct Rig {
    keeper: Keeper,
    reader: comment_store::Reader,
    board: BoardReader,
    dir: tempfile::TempDir,
    _stop: StopSender,
}

fn context(dir: &Path, name: &'static str) -> (StopSender, Context) {
    let (sender, stop) = stop::channel();
    (sender, Context::new(name, 0, dir.to_owned(), stop, Pulse::new(None)))
}

impl Rig {
    fn with(options: &Options, config: &config::PostWorker) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Writer::open(&dir.path().join("comments"), options).unwrap();
        let reader = store.reader();
        let (stop, context) = context(dir.path(), "post-worker");
        let readers = Readers { board: BoardWriter::open(dir.path()).unwrap(), arrived: Teller::open(context) };
        let (writing, _) = Writing::start(store, readers, config.group_comments, Measures::default()).unwrap();
        let board = BoardReader::open(dir.path()).unwrap();
        Self { keeper: Keeper::new(writing, config), reader, board, dir, _stop: stop }
    }

    fn new() -> Self {
        Self::with(&options(), &config::PostWorker::default())
    }

    /// Asks as the bus does: everything passes through its encoding.
    async fn ask<Q: Question<Of = Posts>>(&self, question: Q) -> Q::Reply {
        let asked = Asked { request: RequestId([1; 8]), left: Duration::from_secs(10) };
        let reply = Posts::dispatch(&self.keeper, Q::OP, encode(question), asked).await.unwrap();
        decode(reply).unwrap()
    }

    async fn post(&self, topic: Topic, blob: Vec<u8>) -> Result<proto::posts::Receipt, PostError> {
        self.ask(PostComment { topic, origin: Origin::Visitor, blob: blob.into() }).await
    }
}

fn what(outcome: Result<proto::posts::Receipt, PostError>) -> String {
    match outcome {
        Err(PostError::Refused { what, .. }) => what,
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_comment_is_kept_and_every_cache_is_told_before_its_author_is() {
    let rig = Rig::new();
    let before = rig.board.count(&topic(1));
    let receipt = rig.post(topic(1), signed("hi")).await.unwrap();
    assert_eq!((receipt.kept, receipt.seq.0), (Kept::New, 1));
    assert_ne!(rig.board.count(&topic(1)), before);
    let snapshot = rig.reader.snapshot().unwrap();
    let summary = snapshot.topic(&topic(1)).unwrap().unwrap();
    assert_eq!(summary.count, 1);
    assert!(summary.folder.is_some() && snapshot.root().is_some());
    let again = rig.post(topic(1), signed("hi")).await.unwrap();
    assert_eq!(again, proto::posts::Receipt { kept: Kept::Known, ..receipt });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_is_told_where_something_arrived_and_can_read_it_then() {
    let rig = Rig::new();
    let (_stop, context) = context(rig.dir.path(), "http-front");
    let mut listener = Listener::<Arrived>::open(context);
    let mut number = 0;
    // What is told before the listener is let in is lost, as hints may be.
    let hint = loop {
        number += 1;
        rig.post(topic(1), signed(&number.to_string())).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(50), listener.next()).await;
        if let Ok(Heard::Hint(hint)) = heard {
            break hint;
        }
        assert!(number < 400, "no hint came");
    };
    assert_eq!(hint.topics, [topic(1)]);
    assert!(rig.reader.snapshot().unwrap().last_seq() >= hint.last_seq && hint.last_seq.0 > 0);
}

#[tokio::test]
async fn what_is_no_comment_is_refused_with_a_reason() {
    let rig = Rig::new();
    assert_eq!(what(rig.post(topic(1), b"no headers".to_vec()).await), "no blank line");
    let mut forged = signed("hi");
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(what(rig.post(topic(1), forged).await), "the signature does not fit");
    let elsewhere = Draft::new().header("Topic", &topic(2).to_string()).signed(&key(1), "hi");
    assert_eq!(what(rig.post(topic(1), elsewhere).await), "the comment is for another page");
    let large = unsigned(&"x".repeat(16_384));
    assert!(matches!(rig.post(topic(1), large).await, Err(PostError::TooLarge { limit_bytes: 16_384, .. })));
    let theirs = rig.post(topic(1), unsigned("not mine")).await.unwrap();
    assert_eq!(what(rig.post(topic(1), deletion(&theirs.id)).await), "a comment of another author");
    assert_eq!(rig.reader.snapshot().unwrap().stored(), 1);
}

#[tokio::test]
async fn unsigned_comments_are_refused_where_the_operator_says_so() {
    let rig = Rig::with(&options(), &config::PostWorker { unsigned: Unsigned::Refuse, ..Default::default() });
    assert_eq!(what(rig.post(topic(1), unsigned("hi")).await), "a comment without a signature");
    assert!(rig.post(topic(1), signed("hi")).await.is_ok());
}

#[tokio::test]
async fn of_many_comments_each_has_its_own_outcome() {
    let rig = Rig::new();
    let blobs = [signed("one"), b"broken".to_vec(), unsigned("two"), signed("one")];
    let lengths = blobs.iter().map(|blob| blob.len() as u32).collect();
    let question = PostComments { topic: topic(1), origin: Origin::Server, lengths, blobs: blobs.concat().into() };
    let each = rig.ask(question.clone()).await.unwrap().each;
    let kept: Vec<_> = each.iter().map(|outcome| outcome.as_ref().map(|receipt| receipt.kept).ok()).collect();
    assert_eq!(kept, [Some(Kept::New), None, Some(Kept::New), Some(Kept::Known)]);
    assert_eq!(each[2].as_ref().unwrap().id, CommentId::of(&blobs[2]));
    let wrong = rig.ask(PostComments { lengths: vec![1], ..question }).await;
    assert!(matches!(wrong, Err(PostError::Refused { .. })), "{wrong:?}");
}

#[tokio::test]
async fn a_full_disk_is_told_to_everybody_who_waits() {
    let rig = Rig::with(&Options { reserve_mib: u32::MAX, ..options() }, &config::PostWorker::default());
    let (first, second) = tokio::join!(rig.post(topic(1), signed("one")), rig.post(topic(1), signed("two")));
    assert_eq!((first, second), (Err(PostError::DiskFull), Err(PostError::DiskFull)));
}

#[tokio::test]
async fn more_than_can_wait_is_told_to_come_back() {
    let rig = Rig::new();
    // Forty thousand places at once: one question of so many large comments never fits, however idle the writer is.
    let comment = incoming(topic(1), unsigned(&"x".repeat(400_000)));
    let too_many = vec![comment; 200];
    assert_eq!(rig.keeper.writing().keep(too_many).await, Ok(Err(PostError::Busy)));
    assert!(rig.post(topic(1), signed("still here")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_together_is_kept_in_few_commits() {
    let rig = std::sync::Arc::new(Rig::new());
    let posts: Vec<_> = (0..256)
        .map(|number| {
            let rig = std::sync::Arc::clone(&rig);
            tokio::spawn(async move { rig.post(topic(number as u8), signed(&number.to_string())).await.unwrap() })
        })
        .collect();
    let mut seqs = Vec::new();
    for post in posts {
        seqs.push(post.await.unwrap().seq.0);
    }
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=256).collect::<Vec<_>>());
    let snapshot = rig.reader.snapshot().unwrap();
    assert!(snapshot.last_commit() < 256, "{} commits", snapshot.last_commit());
    assert_eq!(tree::check(&snapshot).unwrap(), Vec::<String>::new());
}
