//! The answering side: one loop owns the ROUTER, lets each question be answered by a task of its own, and beats.

use std::{
    collections::HashMap,
    future::Future,
    marker::PhantomData,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use proto::{
    bus::{ATTACHMENT_BYTES, BODY_BYTES, Header, Kind, WINDOW_QUESTIONS},
    interface::{AnsweredBy, Asked, Encoded, Interface},
    supervision::BoxState,
};
use tokio::{
    sync::mpsc,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep},
};
use tracing::Instrument as _;

use super::{
    askers::{Askers, Known},
    binding::{Arrival, Binding, Parcel, Peer, Router},
    endpoint::Endpoint,
    traffic::Counted,
    zmq::ZeroMq,
};
use crate::{
    context::Context,
    failure::Failure,
    tap::{Passing, Side},
};

#[cfg(test)]
mod proof;

const TICK: Duration = Duration::from_millis(500);
/// Askers are pinged every second tick.
const TICKS_PER_PING: u32 = 2;
/// Questions of all askers that may be open at a time. Sixty-four askers with full windows.
const OPEN_QUESTIONS: usize = 64 * WINDOW_QUESTIONS;
/// A handler that works for so long, and longer than its asker waits, is hung, and so is the box: it stops beating.
const HUNG: Duration = Duration::from_secs(30);
/// A draining box waits no longer for what is open: a little less than the supervisor waits for the box.
const DRAIN: Duration = Duration::from_secs(9);
/// A draining box with nothing open waits so long for its askers to hang up.
const HANG_UP: Duration = Duration::from_secs(1);
/// So many askers that cannot be let in within a tick, and the box is out of descriptors: a new process helps.
const NOT_ACCEPTED: u32 = 1_000;

/// Answers the questions of `I` with `handler`, until the box is asked to stop and what is open has been answered.
///
/// Says that the box is ready when it may be asked, and that it drains when it was asked to stop. Its loop beats.
///
/// # Errors
///
/// Exit code 75 when another process keeps the endpoint; exit code 1 when it cannot be made, or nobody can be let in.
pub async fn serve<I, H>(context: Context, handler: H) -> Result<(), Failure>
where
    I: Interface + AnsweredBy<H>,
    H: Send + Sync + 'static,
{
    serve_by::<ZeroMq, I, H>(context, handler).await
}

async fn serve_by<B, I, H>(context: Context, handler: H) -> Result<(), Failure>
where
    B: Binding,
    I: Interface + AnsweredBy<H>,
    H: Send + Sync + 'static,
{
    let (endpoint, router) = Endpoint::bind::<I, B>(&context).await?;
    context.pulse.change(BoxState::Ready);
    Answering::<I, H, B::Router>::new(context, handler, endpoint, router).serve().await
}

/// A question that a handler works on.
struct Open {
    peer: Peer,
    header: Header,
    since: Instant,
}

impl Open {
    fn is_hung(&self) -> bool {
        self.since.elapsed() >= HUNG.max(Duration::from_millis(self.header.left_ms.into()))
    }
}

/// What a handler made of a question, on its way to the socket.
struct Finished {
    serial: u64,
    answer: Result<Encoded, String>,
}

/// Sees to it that every question is finished, also when its handler panics.
struct Finish {
    serial: u64,
    answer: Option<Result<Encoded, String>>,
    to: mpsc::Sender<Finished>,
}

impl Drop for Finish {
    fn drop(&mut self) {
        let answer = self.answer.take().unwrap_or_else(|| Err("the handler panicked; its log says why".to_owned()));
        // There is a place for every open question; without a receiver nobody waits for the answer any more.
        let _ = self.to.try_send(Finished { serial: self.serial, answer });
    }
}

struct Answering<I, H, R> {
    context: Context,
    counted: Counted,
    handler: Arc<H>,
    // Before the endpoint: nobody else may have that before the last connection is cut.
    router: R,
    endpoint: Endpoint,
    askers: Askers,
    open: HashMap<u64, Open>,
    next_serial: u64,
    finish: mpsc::Sender<Finished>,
    finished: mpsc::Receiver<Finished>,
    ticks: Interval,
    ticks_to_ping: u32,
    stage: Stage,
    hung: bool,
    not_accepted: u32,
    warnings: Warnings,
    face: PhantomData<fn() -> I>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    Draining,
}

/// What a step of the loop ended with.
enum Step {
    Done,
    /// What was waited for beside the work is here.
    Called,
}

impl<I, H, R> Answering<I, H, R>
where
    I: Interface + AnsweredBy<H>,
    H: Send + Sync + 'static,
    R: Router,
{
    fn new(context: Context, handler: H, endpoint: Endpoint, router: R) -> Self {
        let (finish, finished) = mpsc::channel(OPEN_QUESTIONS);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            counted: context.traffic.of(I::NAME),
            context,
            handler: Arc::new(handler),
            router,
            endpoint,
            askers: Askers::default(),
            open: HashMap::new(),
            next_serial: 0,
            finish,
            finished,
            ticks,
            ticks_to_ping: 0,
            stage: Stage::Serving,
            hung: false,
            not_accepted: 0,
            warnings: Warnings::default(),
            face: PhantomData,
        }
    }

    async fn serve(&mut self) -> Result<(), Failure> {
        let served = self.serve_until_stop().await;
        self.drain().await?;
        served
    }

    async fn serve_until_stop(&mut self) -> Result<(), Failure> {
        let stop = self.context.stop.clone();
        let mut asked = pin!(stop.asked());
        while let Step::Done = self.step(asked.as_mut()).await? {}
        Ok(())
    }

    /// Lets the askers hang up: one does when it has all its answers, and so none is lost between here and there.
    async fn drain(&mut self) -> Result<(), Failure> {
        self.stage = Stage::Draining;
        self.context.pulse.change(BoxState::Draining);
        self.endpoint.hide();
        for peer in self.askers.all() {
            self.say(&peer, Kind::Leaving).await;
        }
        let mut end = pin!(sleep(DRAIN));
        let began = Instant::now();
        while !self.is_drained(began.elapsed()) {
            if let Step::Called = self.step(end.as_mut()).await? {
                tracing::warn!(interface = I::NAME, open = self.open.len(), "ended before everything was answered");
                return Ok(());
            }
        }
        Ok(())
    }

    fn is_drained(&self, since: Duration) -> bool {
        self.open.is_empty() && (self.askers.is_empty() || since >= HANG_UP)
    }

    async fn step(&mut self, call: Pin<&mut impl Future<Output = ()>>) -> Result<Step, Failure> {
        if !self.hung {
            self.context.pulse.beat();
        }
        tokio::select! {
            biased;
            // Seldom ready, so before what may be ready all the time.
            _ = self.ticks.tick() => self.tick().await?,
            () = call => return Ok(Step::Called),
            Some(finished) = self.finished.recv() => self.answer(finished).await,
            arrival = self.router.next() => self.take(arrival).await?,
        }
        Ok(Step::Done)
    }

    async fn tick(&mut self) -> Result<(), Failure> {
        self.not_accepted = 0;
        self.hung = self.open.values().any(Open::is_hung);
        self.ticks_to_ping += 1;
        if self.ticks_to_ping < TICKS_PER_PING {
            return Ok(());
        }
        self.ticks_to_ping = 0;
        self.ping().await;
        if self.stage == Stage::Serving && !self.endpoint.is_there() {
            return Err(Failure::failed(format!("somebody removed the socket of {}: nobody new can ask", I::NAME)));
        }
        Ok(())
    }

    async fn ping(&mut self) {
        let round = self.askers.next_round();
        for peer in round.present {
            self.say(&peer, Kind::Ping).await;
        }
        for peer in round.silent {
            tracing::warn!(interface = I::NAME, %peer, "asker silent, cut");
            self.router.cut(&peer);
        }
    }

    async fn take(&mut self, arrival: Arrival) -> Result<(), Failure> {
        match arrival {
            Arrival::Gone(peer) => self.askers.gone(&peer),
            Arrival::NotAccepted(cause) => return self.not_accepted(cause),
            Arrival::Parcel(peer, parcel) => self.hear(peer, parcel).await,
        }
        Ok(())
    }

    fn not_accepted(&mut self, cause: String) -> Result<(), Failure> {
        self.not_accepted += 1;
        if self.not_accepted >= NOT_ACCEPTED {
            return Err(Failure::failed(format!("cannot let askers of {} in", I::NAME)).because(cause));
        }
        self.warnings.warn(I::NAME, "-", &format!("an asker was not let in: {cause}"));
        Ok(())
    }

    async fn hear(&mut self, peer: Peer, parcel: Parcel) {
        if self.askers.heard(&peer) == Known::New && self.stage == Stage::Draining {
            self.say(&peer, Kind::Leaving).await;
        }
        match Header::decode(&parcel.header) {
            Ok(header) => match header.kind {
                Kind::Ask => self.take_question(peer, header, parcel).await,
                Kind::Ping => self.say(&peer, Kind::Pong).await,
                Kind::Answer | Kind::Refuse | Kind::Pong | Kind::Leaving | Kind::Tell => {}
            },
            Err(cause) => {
                let header = Header { id: salvage_id(&parcel.header), ..Header::bare(I::VERSION, Kind::Refuse) };
                let reason = format!("header not understood ({cause}); run boxes of one build");
                self.refuse(&peer, header, reason).await;
            }
        }
    }

    async fn take_question(&mut self, peer: Peer, header: Header, parcel: Parcel) {
        self.counted.asked.inc();
        let question = Encoded { body: parcel.body, attachment: parcel.attachment };
        if let Err(reason) = self.admit(&peer, &header, &question) {
            return self.refuse(&peer, header, reason).await;
        }
        self.next_serial += 1;
        let finish = Finish { serial: self.next_serial, answer: None, to: self.finish.clone() };
        self.tap(&peer, &header, None, &question);
        self.open.insert(self.next_serial, Open { peer, header, since: Instant::now() });
        tokio::spawn(work::<I, H>(Arc::clone(&self.handler), header, question, finish));
    }

    fn admit(&mut self, peer: &Peer, header: &Header, question: &Encoded) -> Result<(), String> {
        if header.version != I::VERSION {
            let (name, spoken, heard) = (I::NAME, I::VERSION, header.version);
            return Err(format!(
                "{name} is spoken in version {spoken} here, the question has {heard}; run boxes of one build"
            ));
        }
        fits(question)?;
        if self.open.len() >= OPEN_QUESTIONS || !self.askers.opened(peer) {
            return Err(format!("more than {WINDOW_QUESTIONS} questions open; wait for answers"));
        }
        Ok(())
    }

    async fn answer(&mut self, Finished { serial, answer }: Finished) {
        let Some(Open { peer, header, since }) = self.open.remove(&serial) else { return };
        self.askers.closed(&peer);
        match answer.and_then(|answer| fits(&answer).map(|()| answer)) {
            Ok(answer) => {
                let took = since.elapsed();
                self.counted.seconds.observe(took.as_secs_f64());
                self.counted.answered.inc();
                self.reply(&peer, Header { kind: Kind::Answer, left_ms: 0, ..header }, Some(took), answer).await;
            }
            Err(reason) => self.refuse(&peer, header, reason).await,
        }
    }

    async fn refuse(&mut self, peer: &Peer, header: Header, reason: String) {
        self.counted.refused.inc();
        self.warnings.warn(I::NAME, peer, &reason);
        let header = Header { version: I::VERSION, kind: Kind::Refuse, left_ms: 0, ..header };
        let refusal = Encoded { body: reason.into(), attachment: Bytes::new() };
        self.reply(peer, header, None, refusal).await;
    }

    async fn reply(&mut self, peer: &Peer, header: Header, took: Option<Duration>, content: Encoded) {
        self.tap(peer, &header, took, &content);
        let Encoded { body, attachment } = content;
        let parcel = Parcel { header: header.encode().into(), body, attachment };
        if self.router.send(peer, parcel).await.is_err() {
            self.counted.dropped.inc();
        }
    }

    fn tap(&self, peer: &Peer, header: &Header, took: Option<Duration>, content: &Encoded) {
        self.context.tap.copy(Passing { side: Side::Answering, interface: I::NAME, header, peer, took }, content);
    }

    async fn say(&mut self, peer: &Peer, kind: Kind) {
        let header = Header::bare(I::VERSION, kind).encode().into();
        // Whoever cannot be told is gone, or will be found silent.
        let _ = self.router.send(peer, Parcel { header, ..Parcel::default() }).await;
    }
}

async fn work<I: AnsweredBy<H>, H>(handler: Arc<H>, header: Header, question: Encoded, mut finish: Finish) {
    let asked = Asked { request: header.request, left: Duration::from_millis(header.left_ms.into()) };
    let ask = I::op_name(header.op).unwrap_or("unknown");
    let span = tracing::info_span!("answer", request = %header.request, ask);
    let answer = I::dispatch(&handler, header.op, question, asked).instrument(span).await;
    finish.answer = Some(answer.map_err(|bad| bad.to_string()));
}

fn fits(content: &Encoded) -> Result<(), String> {
    match (content.body.len(), content.attachment.len()) {
        (bytes, _) if bytes > BODY_BYTES => Err(format!("the body has {bytes} bytes where {BODY_BYTES} are allowed")),
        (_, bytes) if bytes > ATTACHMENT_BYTES => {
            Err(format!("the attachment has {bytes} bytes where {ATTACHMENT_BYTES} are allowed"))
        }
        _ => Ok(()),
    }
}

/// The question's name in a header that is not understood otherwise, so that its asker need not wait; else 0.
fn salvage_id(header: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct OnlyId {
        id: u64,
    }
    rmp_serde::from_slice(header).map_or(0, |OnlyId { id }| id)
}

/// Warns at most once a second: whoever is refused may well ask again at once.
#[derive(Debug, Default)]
struct Warnings {
    last: Option<Instant>,
    unsaid: u64,
}

impl Warnings {
    fn warn(&mut self, interface: &str, peer: impl std::fmt::Display, reason: &str) {
        if self.last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            self.unsaid += 1;
            return;
        }
        self.last = Some(Instant::now());
        tracing::warn!(interface, %peer, reason, unsaid = std::mem::take(&mut self.unsaid), "refused");
    }
}
