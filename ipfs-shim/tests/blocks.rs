//! The answers to `Blocks`, with a daemon that does what each test needs.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod fake;

use std::{
    iter::{once, repeat_n},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use fake::{Asked, Fake, Step, no, ok, then};
use ipfs_shim::blocks::{Desk, Published, batching};
use proto::{
    Answer, Cid, CommentId, RequestId, Seq,
    blocks::{BATCH_BYTES, BlockError, FindDaemon, GetBlock, GetBlocks, PinRoot, PutBlocks, SomeBlocks, UnpinRoot},
};
use tokio::{sync::watch, task::JoinHandle};

fn desk(fake: &Fake, published: Published) -> Arc<Desk> {
    let kubo = fake.kubo(10_000);
    let (puts, batcher) = batching(kubo.clone());
    tokio::spawn(batcher.run());
    // The sender may go: what it told last stays.
    Arc::new(Desk::new(kubo, puts, watch::channel(published).1))
}

fn left(ms: u64) -> proto::Asked {
    proto::Asked { request: RequestId([0; 8]), left: Duration::from_millis(ms) }
}

fn put(text: &str) -> PutBlocks {
    let blocks = vec![(CommentId::of(text.as_bytes()).cid(), text.len() as u32)];
    PutBlocks { blocks, bytes: Bytes::from(text.to_owned()) }
}

/// The texts of the files in a multipart body.
fn files(asked: &Asked) -> Vec<String> {
    let body = String::from_utf8(asked.body.clone()).unwrap();
    let parts = body.split("octet-stream\r\n\r\n").skip(1);
    parts.map(|part| part.split("\r\n--rookery-").next().unwrap().to_owned()).collect()
}

/// What a sound daemon answers to `block/put`.
fn names(asked: &Asked) -> Vec<Step> {
    let line = |text: &String| format!("{{\"Key\":\"{}\",\"Size\":1}}\n", CommentId::of(text.as_bytes()));
    ok(files(asked).iter().map(line).collect::<String>())
}

/// A daemon that stores everything but blocks with `bad` in them, and begins when the gate opens.
async fn gated(gate: watch::Receiver<bool>) -> Fake {
    let answers = move |asked: &Asked| {
        let answer = if files(asked).iter().any(|text| text.contains("bad")) { no("bad block") } else { names(asked) };
        then(vec![Step::Gate(gate.clone())], answer)
    };
    Fake::answering(Arc::new(answers)).await
}

type Asking = JoinHandle<Result<(), BlockError>>;

/// Asks for each block on its own, and returns when a call runs and the others wait for theirs.
async fn ask_all(fake: &Fake, desk: &Arc<Desk>, texts: &[String]) -> Vec<Asking> {
    let ask = |text: &String| {
        let (desk, question) = (desk.clone(), put(text));
        tokio::spawn(async move { desk.answer(question, left(20_000)).await })
    };
    let asking = texts.iter().map(ask).collect();
    fake.has_been_asked(1).await;
    // Every task has had its turn by then: this runtime has one thread.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    asking
}

#[tokio::test]
async fn blocks_that_wait_share_a_call() {
    let (open, gate) = watch::channel(false);
    let fake = gated(gate).await;
    let desk = desk(&fake, Published::default());
    let mut texts: Vec<String> = (10..60).map(|n| format!("block {n}")).collect();
    let asking = ask_all(&fake, &desk, &texts).await;
    open.send_replace(true);
    for answer in asking {
        assert_eq!(answer.await.unwrap(), Ok(()));
    }
    let calls = fake.asked();
    let mut stored: Vec<_> = calls.iter().flat_map(files).collect();
    stored.sort();
    texts.sort();
    assert_eq!(stored, texts);
    assert!(calls.len() < 20, "{} calls for {} blocks", calls.len(), texts.len());
}

#[tokio::test]
async fn a_refused_block_fails_its_asker_and_nobody_else() {
    let (open, gate) = watch::channel(false);
    let fake = gated(gate).await;
    let desk = desk(&fake, Published::default());
    let texts: Vec<String> = (0..12).map(|n| if n == 9 { "bad".to_owned() } else { format!("block {n}") }).collect();
    let asking = ask_all(&fake, &desk, &texts).await;
    open.send_replace(true);
    for (text, answer) in texts.iter().zip(asking) {
        let refused = matches!(answer.await.unwrap(), Err(BlockError::Refused(why)) if why.contains("bad block"));
        assert_eq!(refused, text == "bad", "{text}");
    }
    assert!(fake.asked().iter().any(|asked| files(asked).len() > 1), "no call was shared");
}

#[tokio::test]
async fn a_wrong_block_never_reaches_the_daemon() {
    let fake = Fake::scripted([]).await;
    let mut wrong = put("right");
    wrong.bytes = Bytes::from_static(b"wrong");
    let answer = desk(&fake, Published::default()).answer(wrong, left(10_000)).await;
    assert!(matches!(answer, Err(BlockError::Refused(_))), "{answer:?}");
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn an_asker_hears_of_a_silent_daemon_before_it_gives_up() {
    let fake = Fake::scripted([]).await;
    let desk = desk(&fake, Published::default());
    let answer = desk.answer(put("x"), left(150)).await;
    assert_eq!(answer, Err(BlockError::DaemonDown("no answer within 100 ms".to_owned())));
}

#[tokio::test]
async fn a_block_that_the_daemon_lacks_is_not_found() {
    let missing = || no("block was not found locally (offline): ipld: could not find x");
    let fake = Fake::scripted([missing(), missing(), ok("hello")]).await;
    let desk = desk(&fake, Published::default());
    let cid = CommentId::of(b"hello").cid();
    assert_eq!(desk.answer(GetBlock { cid }, left(10_000)).await, Err(BlockError::NotFound));
    assert_eq!(desk.answer(PinRoot { cid }, left(10_000)).await, Err(BlockError::NotFound));
    assert_eq!(desk.answer(GetBlock { cid }, left(10_000)).await.unwrap().bytes, "hello");
}

#[tokio::test]
async fn a_block_within_its_cid_is_given_without_asking_the_daemon() {
    let fake = Fake::scripted([]).await;
    let cid = Cid(cid::Cid::new_v1(0x55, cid::multihash::Multihash::wrap(0, b"tiny").unwrap()));
    let read = desk(&fake, Published::default()).answer(GetBlock { cid }, left(10_000)).await;
    assert_eq!(read.unwrap().bytes, "tiny");
}

#[tokio::test]
async fn the_root_of_all_comments_cannot_be_unpinned_from_outside() {
    let fake = Fake::scripted([ok("{\"Pins\":[]}\n")]).await;
    let (root, other) = (CommentId::of(b"root").cid(), CommentId::of(b"other").cid());
    let desk = desk(&fake, Published { root: Some(root), ..Published::default() });
    let answer = desk.answer(UnpinRoot { cid: root }, left(10_000)).await;
    assert!(matches!(answer, Err(BlockError::Refused(_))), "{answer:?}");
    assert_eq!(desk.answer(UnpinRoot { cid: other }, left(10_000)).await, Ok(()));
}

#[tokio::test]
async fn the_state_of_the_daemon_tells_what_is_published_and_whether_it_answers() {
    let fake = Fake::scripted(once(ok("hello")).chain(repeat_n(vec![Step::Close], 12))).await;
    let published =
        Published { seq: Seq(3), stored_seq: Seq(5), agent: Some("kubo".to_owned()), ..Published::default() };
    let desk = desk(&fake, published);
    let cid = CommentId::of(b"hello").cid();
    assert!(!desk.answer(FindDaemon {}, left(100)).await.unwrap().reachable);
    desk.answer(GetBlock { cid }, left(10_000)).await.unwrap();
    let state = desk.answer(FindDaemon {}, left(100)).await.unwrap();
    assert!(state.reachable && state.rpc.starts_with("127.0.0.1:"), "{state:?}");
    assert_eq!((state.published_seq, state.stored_seq, state.version.as_deref()), (Seq(3), Seq(5), Some("kubo")));
    assert!(desk.answer(GetBlock { cid }, left(10_000)).await.is_err());
    assert!(!desk.answer(FindDaemon {}, left(100)).await.unwrap().reachable);
}

/// A daemon that has these blocks.
async fn holding(texts: Vec<Vec<u8>>) -> Fake {
    let answers = move |asked: &Asked| {
        let named = |text: &&Vec<u8>| asked.call.contains(&CommentId::of(text).to_string());
        let found = texts.iter().find(named);
        found.map_or_else(
            || no("block was not found locally (offline): ipld: could not find it"),
            |text| ok(text.clone()),
        )
    };
    Fake::answering(Arc::new(answers)).await
}

#[tokio::test]
async fn several_blocks_come_in_their_order_without_those_that_are_missing() {
    let fake = holding(vec![b"one".to_vec(), b"three".to_vec()]).await;
    let cids = [&b"one"[..], b"two", b"three", b"one"].map(|text| CommentId::of(text).cid()).to_vec();
    let desk = desk(&fake, Published::default());
    let found = desk.answer(GetBlocks { cids }, left(10_000)).await;
    let expected =
        SomeBlocks { found: vec![Some(3), None, Some(5), Some(3)], bytes: Bytes::from_static(b"onethreeone") };
    assert_eq!(found, Ok(expected));
    let none = desk.answer(GetBlocks { cids: Vec::new() }, left(10_000)).await.unwrap();
    assert_eq!((none.found.len(), none.bytes.len()), (0, 0));
}

#[tokio::test]
async fn no_more_blocks_come_than_fit_into_a_message() {
    let large: Vec<Vec<u8>> = (0..5).map(|n| vec![n; BATCH_BYTES / 2 - 10]).collect();
    let cids = large.iter().map(|block| CommentId::of(block).cid()).collect();
    let fake = holding(large).await;
    let found = desk(&fake, Published::default()).answer(GetBlocks { cids }, left(10_000)).await.unwrap();
    assert_eq!(found.found, [Some(BATCH_BYTES as u32 / 2 - 10); 2]);
    assert_eq!(found.bytes.len(), BATCH_BYTES - 20);
}
