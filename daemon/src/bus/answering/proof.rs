//! The answering loop with askers that are pretended, on a clock that jumps.

use std::{
    os::fd::{AsRawFd as _, OwnedFd},
    sync::Arc,
};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socketpair};
use proptest::prelude::*;
use proto::{
    Answer, Posts, Topic,
    interface::{Question, decode, encode},
    posts::{Origin, PostComment, PostComments, PostError, Receipt, Receipts},
};
use tempfile::TempDir;
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

use super::*;
use crate::{
    bus::binding::Undelivered,
    pulse::Pulse,
    stop::{self, StopSender},
};

/// Answers as often as it is let.
struct Gate(Arc<Semaphore>);

impl Answer<PostComment> for Gate {
    async fn answer(&self, _question: PostComment, _asked: Asked) -> Result<Receipt, PostError> {
        self.0.acquire().await.unwrap().forget();
        Err(PostError::DiskFull)
    }
}

impl Answer<PostComments> for Gate {
    async fn answer(&self, question: PostComments, _asked: Asked) -> Result<Receipts, PostError> {
        Ok(Receipts { each: vec![Err(PostError::Busy); question.lengths.len()] })
    }
}

/// Askers that say what the test lets them say.
struct Pretended {
    arrivals: mpsc::Receiver<Arrival>,
    sent: mpsc::Sender<(Peer, Parcel)>,
    cut: mpsc::Sender<Peer>,
}

impl Router for Pretended {
    async fn next(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            None => std::future::pending().await,
        }
    }
    async fn send(&mut self, to: &Peer, parcel: Parcel) -> Result<(), Undelivered> {
        self.sent.send((to.clone(), parcel)).await.map_err(|_| Undelivered)
    }
    fn cut(&mut self, peer: &Peer) {
        self.cut.try_send(peer.clone()).unwrap();
    }
}

/// A box that answers, and everything around it.
struct Scene {
    arrivals: mpsc::Sender<Arrival>,
    sent: mpsc::Receiver<(Peer, Parcel)>,
    cut: mpsc::Receiver<Peer>,
    gate: Arc<Semaphore>,
    stop: StopSender,
    beats: OwnedFd,
    ended: JoinHandle<Result<(), Failure>>,
    folder: TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let (stop, stopped) = stop::channel();
    let (ours, beats) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_NONBLOCK).unwrap();
    let context = Context::new("proof", 0, folder.path().to_owned(), stopped, Pulse::new(Some(ours)));
    let (endpoint, _unused) = Endpoint::bind::<Posts, ZeroMq>(&context).await.unwrap();
    let (arrivals, arrived) = mpsc::channel(2_048);
    let (send, sent) = mpsc::channel(8_192);
    let (cuts, cut) = mpsc::channel(16);
    let gate = Arc::new(Semaphore::new(0));
    let router = Pretended { arrivals: arrived, sent: send, cut: cuts };
    let handler = Gate(Arc::clone(&gate));
    let ended = tokio::spawn(async move {
        let mut answering = Answering::<Posts, Gate, Pretended>::new(context, handler, endpoint, router);
        answering.serve().await
    });
    Scene { arrivals, sent, cut, gate, stop, beats, ended, folder }
}

fn asker() -> Peer {
    Peer(Bytes::from_static(b"front.0"))
}

fn post() -> Bytes {
    let question = PostComment { topic: Topic([1; 20]), origin: Origin::Visitor, blob: Bytes::new() };
    encode(question).body
}

fn ask(id: u64) -> Header {
    Header { id, op: PostComment::OP, left_ms: 10_000, ..Header::bare(1, Kind::Ask) }
}

impl Scene {
    async fn say(&self, header: Header, body: impl Into<Bytes>) {
        self.say_bytes(header.encode(), body).await;
    }

    async fn say_bytes(&self, header: Vec<u8>, body: impl Into<Bytes>) {
        let parcel = Parcel { header: header.into(), body: body.into(), attachment: Bytes::new() };
        self.arrivals.send(Arrival::Parcel(asker(), parcel)).await.unwrap();
    }

    async fn next(&mut self, kind: Kind) -> (Header, Parcel) {
        loop {
            let (_, parcel) = self.sent.recv().await.unwrap();
            let header = Header::decode(&parcel.header).unwrap();
            if header.kind == kind {
                return (header, parcel);
            }
        }
    }

    async fn refusal(&mut self) -> (u64, String) {
        let (header, parcel) = self.next(Kind::Refuse).await;
        (header.id, String::from_utf8(parcel.body.to_vec()).unwrap())
    }

    fn take_beats(&self) -> usize {
        let mut packet = [0; 65_536];
        std::iter::from_fn(|| recv(self.beats.as_raw_fd(), &mut packet, MsgFlags::empty()).ok()).count()
    }
}

/// Lets the clock jump, with everything that happens on the way.
async fn pass(seconds: u64) {
    for _ in 0..seconds * 10 {
        tokio::time::advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_under_its_id_and_its_request() {
    let mut scene = scene().await;
    scene.gate.add_permits(1);
    let request = proto::RequestId([9; 8]);
    scene.say(Header { request, ..ask(77) }, post()).await;
    let (header, parcel) = scene.next(Kind::Answer).await;
    assert_eq!((header.id, header.op, header.request), (77, PostComment::OP, request));
    let answer = decode::<Result<Receipt, PostError>>(Encoded { body: parcel.body, attachment: Bytes::new() });
    assert_eq!(answer.unwrap(), Err(PostError::DiskFull));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_understood_is_refused_with_a_reason() {
    let mut scene = scene().await;
    scene.say(Header { version: 9, ..ask(1) }, post()).await;
    let (id, reason) = scene.refusal().await;
    assert!(id == 1 && reason.contains("version 1 here, the question has 9"), "{reason}");
    scene.say(Header { op: 999, ..ask(2) }, post()).await;
    let (id, reason) = scene.refusal().await;
    assert!(id == 2 && reason.contains("unknown number"), "{reason}");
    scene.say(ask(3), "no MessagePack").await;
    let (id, reason) = scene.refusal().await;
    assert!(id == 3 && reason.contains("posts"), "{reason}");
    scene.say(ask(4), vec![0; BODY_BYTES + 1]).await;
    let (id, reason) = scene.refusal().await;
    assert!(id == 4 && reason.contains("1048577 bytes"), "{reason}");
    scene.say_bytes(vec![0xc1], "").await;
    assert_eq!(scene.refusal().await.0, 0);
}

#[tokio::test(start_paused = true)]
async fn a_header_of_the_future_is_refused_by_its_id() {
    #[derive(serde::Serialize)]
    struct Future {
        id: u64,
        kind: &'static str,
        version: u16,
    }
    let mut scene = scene().await;
    let header = rmp_serde::to_vec_named(&Future { id: 5, kind: "Sing", version: 1 }).unwrap();
    scene.say_bytes(header, "").await;
    assert_eq!(scene.refusal().await.0, 5);
}

#[tokio::test(start_paused = true)]
async fn an_asker_over_its_window_is_refused_and_what_is_open_is_not_harmed() {
    let mut scene = scene().await;
    for id in 0..=WINDOW_QUESTIONS as u64 {
        scene.say(ask(id), post()).await;
    }
    assert_eq!(scene.refusal().await.0, WINDOW_QUESTIONS as u64);
    scene.gate.add_permits(WINDOW_QUESTIONS);
    for _ in 0..WINDOW_QUESTIONS {
        scene.next(Kind::Answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_box_beats_twice_a_second_until_a_handler_hangs() {
    let mut scene = scene().await;
    scene.say(ask(1), post()).await;
    scene.take_beats();
    pass(20).await;
    assert!(scene.take_beats() >= 20, "it works on a question, and beats");
    pass(20).await;
    scene.take_beats();
    pass(20).await;
    assert_eq!(scene.take_beats(), 0, "the handler has been at it for longer than half a minute");
    scene.gate.add_permits(1);
    scene.next(Kind::Answer).await;
    pass(2).await;
    assert!(scene.take_beats() > 0, "it was only slow");
}

#[tokio::test(start_paused = true)]
async fn a_silent_asker_is_pinged_and_then_cut() {
    let mut scene = scene().await;
    scene.say(Header::bare(1, Kind::Ping), "").await;
    scene.next(Kind::Pong).await;
    for _ in 0..5 {
        scene.next(Kind::Ping).await;
    }
    assert_eq!(scene.cut.recv().await, Some(asker()));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_box_says_that_it_leaves_answers_what_is_open_and_ends_when_its_askers_hang_up() {
    let mut scene = scene().await;
    scene.say(ask(1), post()).await;
    scene.say(Header::bare(1, Kind::Ping), "").await;
    scene.next(Kind::Pong).await;
    scene.stop.ask();
    scene.next(Kind::Leaving).await;
    assert!(!scene.folder.path().join("posts.0.sock").exists());
    scene.say(ask(2), post()).await;
    scene.gate.add_permits(2);
    for _ in 0..2 {
        scene.next(Kind::Answer).await;
    }
    assert!(!scene.ended.is_finished());
    scene.arrivals.send(Arrival::Gone(asker())).await.unwrap();
    timeout(Duration::from_millis(100), scene.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stopped_box_waits_neither_for_a_deaf_asker_nor_for_a_hung_handler() {
    for (asks, longest) in [(false, Duration::from_secs(2)), (true, Duration::from_secs(10))] {
        let mut scene = scene().await;
        scene.say(Header::bare(1, Kind::Ping), "").await;
        scene.next(Kind::Pong).await;
        if asks {
            scene.say(ask(1), post()).await;
        }
        scene.stop.ask();
        timeout(longest, scene.ended).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_asker_that_comes_while_the_box_drains_is_told_at_once() {
    let mut scene = scene().await;
    scene.say(ask(1), post()).await;
    scene.say(Header::bare(1, Kind::Ping), "").await;
    scene.next(Kind::Pong).await;
    scene.stop.ask();
    scene.next(Kind::Leaving).await;
    let header = Header::bare(1, Kind::Ping).encode().into();
    let late = Peer(Bytes::from_static(b"late"));
    scene.arrivals.send(Arrival::Parcel(late.clone(), Parcel { header, ..Parcel::default() })).await.unwrap();
    loop {
        let (peer, parcel) = scene.sent.recv().await.unwrap();
        if peer == late && Header::decode(&parcel.header).unwrap().kind == Kind::Leaving {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_box_that_can_let_nobody_in_ends_so_that_it_is_started_again() {
    let scene = scene().await;
    for _ in 0..NOT_ACCEPTED {
        scene.arrivals.send(Arrival::NotAccepted("too many open files".to_owned())).await.unwrap();
    }
    let failure = scene.ended.await.unwrap().unwrap_err();
    assert!(failure.to_string().contains("too many open files"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_box_whose_socket_somebody_removed_ends_so_that_it_is_started_again() {
    let scene = scene().await;
    std::fs::remove_file(scene.folder.path().join("posts.0.sock")).unwrap();
    let failure = scene.ended.await.unwrap().unwrap_err();
    assert!(failure.to_string().contains("removed the socket"), "{failure}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn any_message_leaves_the_loop_going(frames in proptest::collection::vec(any::<Vec<u8>>(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut scene = scene().await;
            for frame in frames {
                scene.say_bytes(frame.clone(), frame.clone()).await;
                scene.say(ask(1), frame).await;
            }
            scene.say(Header::bare(1, Kind::Ping), "").await;
            timeout(Duration::from_secs(10), scene.next(Kind::Pong)).await.unwrap();
        });
    }
}
