//! Both sides in one process. Across processes: `tests/tests/bus_conformance.rs`.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::{BufMut as _, Bytes, BytesMut};
use proto::{
    Answer, Asked, CommentId, Epoch, LegacyId, Posts, RequestId, Seq, Topic,
    bus::Kind,
    posts::{Kept, Origin, PostComment, PostComments, PostError, Receipt, Receipts},
    tap::{TapEntry, Tapped},
};
use tokio::{
    io::AsyncReadExt as _,
    net::UnixStream,
    sync::Semaphore,
    time::{Instant, interval, timeout},
};

use super::*;
use crate::{
    context::Context,
    failure::Failure,
    pulse::Pulse,
    stop::{self, StopSender},
};

mod hints;

const LONG: Duration = Duration::from_secs(20);

/// Answers when the test lets it.
#[derive(Clone)]
struct Keeper(Arc<Semaphore>);

impl Answer<PostComment> for Keeper {
    async fn answer(&self, question: PostComment, asked: Asked) -> Result<Receipt, PostError> {
        self.0.acquire().await.unwrap().forget();
        assert_ne!(question.blob, "panic", "asked to");
        let (id, legacy_id) = (CommentId::of(&question.blob), LegacyId::of(&question.blob));
        let seq = Seq(u64::from_be_bytes(asked.request.0));
        Ok(Receipt { id, legacy_id, seq, epoch: Epoch(1), kept: Kept::New })
    }
}

impl Answer<PostComments> for Keeper {
    async fn answer(&self, _question: PostComments, _asked: Asked) -> Result<Receipts, PostError> {
        Err(PostError::Busy)
    }
}

struct Worker {
    stop: StopSender,
    gate: Arc<Semaphore>,
    ended: tokio::task::JoinHandle<Result<(), Failure>>,
}

fn context(folder: &Path, instance: u16) -> (StopSender, Context) {
    let (sender, stop) = stop::channel();
    (sender, Context::new("test", instance, folder.to_owned(), stop, Pulse::new(None)))
}

fn worker(folder: &Path, instance: u16, answers: usize) -> Worker {
    let (stop, context) = context(folder, instance);
    let gate = Arc::new(Semaphore::new(answers));
    let ended = tokio::spawn(serve::<Posts, _>(context, Keeper(Arc::clone(&gate))));
    Worker { stop, gate, ended }
}

fn asker(folder: &Path) -> Asker<Posts> {
    Asker::open(context(folder, 9).1).unwrap()
}

fn post(blob: impl Into<Bytes>) -> PostComment {
    PostComment { topic: Topic([1; 20]), origin: Origin::Visitor, blob: blob.into() }
}

const REQUEST: RequestId = RequestId([0, 0, 0, 0, 0, 0, 1, 2]);

async fn until(mut wanted: impl FnMut() -> bool) {
    let mut looks = interval(Duration::from_millis(1));
    let looking = async {
        while !wanted() {
            looks.tick().await;
        }
    };
    timeout(LONG, looking).await.expect("came true in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_answered_with_its_attachment_and_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path(), 0, 10);
    let posts = asker(folder.path());
    for bytes in [0, 1, 70_000, 2 * 1024 * 1024] {
        let blob = vec![b'x'; bytes];
        let receipt = posts.ask(post(blob.clone()), REQUEST).await.unwrap().unwrap();
        assert_eq!((receipt.id, receipt.seq), (CommentId::of(&blob), Seq(258)));
    }
    worker.stop.ask();
    timeout(LONG, worker.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_in_a_message_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let posts = asker(folder.path());
    let error = posts.ask(post(vec![0; 2 * 1024 * 1024 + 1]), REQUEST).await.unwrap_err();
    assert!(matches!(error, AskError::TooLarge { bytes: 2_097_153, limit_bytes: 2_097_152 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_waits_for_an_instance_and_then_says_that_nobody_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let posts = asker(folder.path());
    let nobody = posts.ask_within(post("a"), REQUEST, Duration::from_millis(50)).await;
    assert_eq!(nobody.unwrap_err(), AskError::NobodyThere);
    let waiting = tokio::spawn({
        let posts = posts.clone();
        async move { posts.ask(post("a"), REQUEST).await }
    });
    let _worker = worker(folder.path(), 3, 1);
    assert!(timeout(LONG, waiting).await.unwrap().unwrap().unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_window_is_told_at_once_and_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path(), 0, 0);
    let posts = asker(folder.path());
    until(|| posts.live() == 1).await;
    // Right after an instance came, questions wait instead.
    until(|| !posts.pool.is_recovering()).await;
    let open: Vec<_> = (0..64)
        .map(|_| {
            let posts = posts.clone();
            tokio::spawn(async move { posts.ask(post("a"), REQUEST).await })
        })
        .collect();
    until(|| posts.pool.counted.asked.get() == 64).await;
    assert_eq!(posts.ask(post("b"), REQUEST).await.unwrap_err(), AskError::Busy);
    worker.gate.add_permits(65);
    for answer in open {
        assert!(answer.await.unwrap().is_ok());
    }
    assert!(posts.ask(post("b"), REQUEST).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_instance_answers_what_is_open_and_new_questions_go_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let first = worker(folder.path(), 0, 0);
    let posts = asker(folder.path());
    until(|| posts.live() == 1).await;
    let open = tokio::spawn({
        let posts = posts.clone();
        async move { posts.ask(post("a"), REQUEST).await }
    });
    until(|| posts.pool.counted.asked.get() == 1).await;
    let second = worker(folder.path(), 1, 100);
    until(|| posts.live() == 2).await;
    first.stop.ask();
    until(|| posts.live() == 1).await;
    for _ in 0..100 {
        assert!(posts.ask(post("b"), REQUEST).await.is_ok());
    }
    first.gate.add_permits(1);
    assert!(open.await.unwrap().is_ok());
    timeout(LONG, first.ended).await.unwrap().unwrap().unwrap();
    second.stop.ask();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_refuses_its_question_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let _worker = worker(folder.path(), 0, 10);
    let posts = asker(folder.path());
    let refused = posts.ask(post("panic"), REQUEST).await.unwrap_err();
    assert!(matches!(refused, AskError::Refused(reason) if reason.contains("panicked")));
    assert!(posts.ask(post("a"), REQUEST).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_asker_ends_its_connections() {
    let folder = tempfile::tempdir().unwrap();
    let worker = worker(folder.path(), 0, 1);
    let posts = asker(folder.path());
    assert!(posts.ask(post("a"), REQUEST).await.is_ok());
    drop(posts);
    worker.stop.ask();
    // It would wait a second for an asker that does not hang up.
    let began = Instant::now();
    timeout(LONG, worker.ended).await.unwrap().unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_sees_a_question_and_its_answer_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let _worker = worker(folder.path(), 0, 1);
    let posts = asker(folder.path());
    let mut watcher = UnixStream::connect(folder.path().join("test.0.tap")).await.unwrap();
    let tap = &posts.pool.context.tap;
    let mut own_watcher = UnixStream::connect(folder.path().join("test.9.tap")).await.unwrap();
    until(|| tap.is_watched()).await;
    assert!(posts.ask(post("some"), REQUEST).await.is_ok());
    for watcher in [&mut own_watcher, &mut watcher] {
        let [question, answer] = [next_entry(watcher).await, next_entry(watcher).await];
        assert_eq!((question.kind, answer.kind), (Kind::Ask, Kind::Answer));
        assert_eq!((question.describe().0, question.attachment_bytes), ("PostComment".to_owned(), 4));
        assert!(answer.describe().1.contains(r#""kept":"New""#), "{}", answer.describe().1);
        assert!(question.took_us.is_none() && answer.took_us.is_some());
        assert_eq!((question.request, answer.request), (REQUEST, REQUEST));
    }
    drop(own_watcher);
    until(|| !tap.is_watched()).await;
}

async fn next_entry(watcher: &mut UnixStream) -> TapEntry {
    let mut received = BytesMut::new();
    loop {
        if let Some(tapped) = Tapped::take_from(&mut received).unwrap() {
            let Tapped::Message(entry) = tapped else { panic!("copies were dropped") };
            return entry;
        }
        // Byte by byte, so that the next entry stays in the socket.
        received.put_u8(timeout(LONG, watcher.read_u8()).await.unwrap().unwrap());
    }
}
