//! The conversation with an instance that is pretended, on a clock that jumps.

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;
use proto::RequestId;
use tokio::time::{Instant, timeout};

use super::*;
use crate::{bus::pool::Reply, context::Context, pulse::Pulse, stop};

/// An instance that says what the test lets it say.
struct Pretended {
    says: mpsc::Receiver<Parcel>,
    hears: mpsc::Sender<Parcel>,
}

impl Dealer for Pretended {
    async fn next(&mut self) -> Option<Parcel> {
        self.says.recv().await
    }
    async fn send(&mut self, parcel: Parcel) -> Result<(), super::super::binding::Undelivered> {
        self.hears.send(parcel).await.map_err(|_| super::super::binding::Undelivered)
    }
}

/// The instance's end.
struct Instance {
    says: mpsc::Sender<Parcel>,
    hears: mpsc::Receiver<Parcel>,
}

impl Instance {
    async fn say(&self, kind: Kind, id: u64, body: &'static str) {
        let header = Header { id, ..Header::bare(1, kind) }.encode().into();
        self.says.send(Parcel { header, body: body.into(), attachment: Bytes::new() }).await.unwrap();
    }

    async fn hear(&mut self) -> Header {
        Header::decode(&self.hears.recv().await.unwrap().header).unwrap()
    }

    async fn hear_question(&mut self) -> u64 {
        loop {
            let header = self.hear().await;
            if header.kind == Kind::Ask {
                return header.id;
            }
        }
    }
}

fn pool() -> Arc<Pool> {
    let (_sender, stop) = stop::channel();
    // Nothing is there, and so nothing can be tapped.
    let folder = PathBuf::from("/nowhere");
    Arc::new(Pool::new("pretended", 1, Context::new("proof", 0, folder, stop, Pulse::new(None))))
}

fn talk(pool: &Arc<Pool>) -> (Instance, tokio::task::JoinHandle<End>) {
    let (says, heard) = mpsc::channel(256);
    let (hears, said) = mpsc::channel(256);
    let pool = Arc::clone(pool);
    let dealer = Pretended { says: heard, hears };
    (Instance { says, hears: said }, tokio::spawn(async move { hold(&pool, 0, dealer).await }))
}

async fn ask(pool: &Pool) -> oneshot::Receiver<Verdict> {
    let mut live = pool.watch();
    live.wait_for(|live| !live.is_empty()).await.unwrap();
    let (link, credit) = pool.choose(0).unwrap();
    let (reply, verdict) = oneshot::channel();
    let id = link.name_question();
    let header = Header { id, op: 1, request: RequestId([1; 8]), ..Header::bare(1, Kind::Ask) }.encode().into();
    let question = Encoded::default();
    link.send(Errand { id, header, question, since: Instant::now(), credit, reply: Reply::new(reply) });
    verdict
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_hung_after_three_pings_without_a_word_and_its_questions_go_elsewhere() {
    let pool = pool();
    let (mut instance, ended) = talk(&pool);
    let began = Instant::now();
    let verdict = ask(&pool).await;
    instance.hear_question().await;
    assert_eq!(ended.await.unwrap(), End::Hung);
    assert!((Duration::from_secs(3)..Duration::from_secs(4)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(matches!(verdict.await.unwrap(), Verdict::Died));
    assert_eq!(pool.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_answers_pings_is_not_hung_however_long_a_question_takes() {
    let pool = pool();
    let (mut instance, ended) = talk(&pool);
    let verdict = ask(&pool).await;
    let id = instance.hear_question().await;
    for _ in 0..60 {
        while instance.hear().await.kind != Kind::Ping {}
        instance.say(Kind::Pong, 0, "").await;
    }
    instance.say(Kind::Answer, id, "late but right").await;
    assert!(matches!(verdict.await.unwrap(), Verdict::Answer(answer) if answer.body == "late but right"));
    assert!(!ended.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered() {
    let pool = pool();
    let (mut instance, _ended) = talk(&pool);
    instance.say(Kind::Ping, 0, "").await;
    while instance.hear().await.kind != Kind::Pong {}
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_leaves_is_asked_nothing_more_but_still_answers() {
    let pool = pool();
    let (mut instance, ended) = talk(&pool);
    let verdict = ask(&pool).await;
    let id = instance.hear_question().await;
    let mut live = pool.watch();
    instance.say(Kind::Leaving, 0, "").await;
    live.wait_for(Vec::is_empty).await.unwrap();
    assert!(!ended.is_finished());
    instance.say(Kind::Answer, id, "bye").await;
    assert!(matches!(verdict.await.unwrap(), Verdict::Answer(_)));
    assert_eq!(ended.await.unwrap(), End::Left);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_comes_too_late_for_a_link_was_not_sent() {
    let pool = pool();
    let (link, errands) = Link::new(0, Arc::clone(&pool.room));
    pool.add(Arc::clone(&link));
    let queued = ask(&pool).await;
    drop(errands);
    let refused = ask(&pool).await;
    for verdict in [queued, refused] {
        assert!(matches!(verdict.await.unwrap(), Verdict::NotSent));
    }
    assert_eq!(link.window.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_waits_for_is_counted_and_gives_its_credit_back() {
    let pool = pool();
    let (mut instance, _ended) = talk(&pool);
    let given_up = ask(&pool).await;
    let id = instance.hear_question().await;
    drop(given_up);
    instance.say(Kind::Answer, id, "").await;
    instance.say(Kind::Answer, id, "twice").await;
    instance.say(Kind::Ping, 0, "").await;
    while instance.hear().await.kind != Kind::Pong {}
    assert_eq!(pool.counted.late.get(), 2);
    assert_eq!(pool.choose(0).unwrap().0.window.open(), 1, "only the credit just taken");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_reaches_the_one_who_asked() {
    let pool = pool();
    let (mut instance, _ended) = talk(&pool);
    let verdict = ask(&pool).await;
    let id = instance.hear_question().await;
    instance.say(Kind::Refuse, id, "not today").await;
    assert!(matches!(verdict.await.unwrap(), Verdict::Refused(reason) if reason == "not today"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_message_leaves_the_conversation_going(frames in proptest::collection::vec(any::<Vec<u8>>(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let pool = pool();
            let (mut instance, _ended) = talk(&pool);
            for frame in frames {
                let body = Bytes::from(frame.clone());
                instance.says.send(Parcel { header: frame.into(), body, attachment: Bytes::new() }).await.unwrap();
            }
            instance.say(Kind::Ping, 0, "").await;
            let answered = async { while instance.hear().await.kind != Kind::Pong {} };
            timeout(Duration::from_secs(10), answered).await.unwrap();
        });
    }
}
