//! The asking side: a question goes to the least busy live instance, and its answer comes back or an error says why not.

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use proto::{
    RequestId,
    bus::{ATTACHMENT_BYTES, BODY_BYTES, Header, Kind, instance_of_socket, socket_name},
    interface::{Encoded, Interface, Question, Retry, decode, encode},
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, timeout_at},
};

use super::{
    error::AskError,
    links::{self, ToAsk, Whereabouts},
    pool::{Errand, Link, Pool, Reply, Shortage, Verdict},
    window::Credit,
    zmq::ZeroMq,
};
use crate::{
    context::Context,
    failure::Failure,
    tap::{Passing, Side},
};

/// How long an answer may take, unless the asker says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// A question that so many instances died with is taken for the cause.
const DEATHS: u32 = 16;

/// Asks the questions of `I`. Cheap to clone; when the last clone is dropped, its connections end.
pub struct Asker<I> {
    pub(super) pool: Arc<Pool>,
    alive: Arc<watch::Sender<()>>,
    face: PhantomData<fn() -> I>,
}

impl<I> Clone for Asker<I> {
    fn clone(&self) -> Self {
        Self { pool: Arc::clone(&self.pool), alive: Arc::clone(&self.alive), face: PhantomData }
    }
}

impl<I> fmt::Debug for Asker<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("interface", &self.pool.interface).field("live", &self.pool.live()).finish()
    }
}

impl<I: Interface> Asker<I> {
    /// Begins to look for instances that answer `I`, and to keep a connection to each. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// None today: a directory that cannot be watched is looked at often.
    pub fn open(context: Context) -> Result<Self, Failure> {
        let pool = Arc::new(Pool::new(I::NAME, I::VERSION, context));
        let (alive, closed) = watch::channel(());
        let whereabouts = Whereabouts { instance_of: instance_of_socket::<I>, socket_name: socket_name::<I> };
        tokio::spawn(links::keep(ToAsk::<ZeroMq>::new(Arc::clone(&pool)), closed, whereabouts));
        Ok(Self { pool, alive: Arc::new(alive), face: PhantomData })
    }

    /// Asks, and waits up to 10 s for the answer.
    ///
    /// # Errors
    ///
    /// When no answer came; see [`AskError`].
    pub async fn ask<Q: Question<Of = I>>(&self, question: Q, request: RequestId) -> Result<Q::Reply, AskError> {
        self.ask_within(question, request, DEADLINE).await
    }

    /// Asks, and waits no longer than `within`.
    ///
    /// # Errors
    ///
    /// When no answer came; see [`AskError`].
    pub async fn ask_within<Q: Question<Of = I>>(
        &self,
        question: Q,
        request: RequestId,
        within: Duration,
    ) -> Result<Q::Reply, AskError> {
        let question = encode(question);
        fits(question.body.len(), BODY_BYTES)?;
        fits(question.attachment.len(), ATTACHMENT_BYTES)?;
        let since = Instant::now();
        let deadline = since + within;
        let asking = Asking { pool: &self.pool, question, op: Q::OP, retry: Q::RETRY, request, since, deadline };
        let answer = asking.answer().await?;
        decode(answer).map_err(|cause| AskError::Refused(format!("the reply to {} is unreadable: {cause}", Q::NAME)))
    }

    /// Instances that answer now.
    #[must_use]
    pub fn live(&self) -> usize {
        self.pool.live()
    }
}

fn fits(bytes: usize, limit_bytes: usize) -> Result<(), AskError> {
    if bytes > limit_bytes { Err(AskError::TooLarge { bytes, limit_bytes }) } else { Ok(()) }
}

/// One question, until it has its answer.
struct Asking<'a> {
    pool: &'a Pool,
    question: Encoded,
    op: u16,
    retry: Retry,
    request: RequestId,
    since: Instant,
    deadline: Instant,
}

impl Asking<'_> {
    async fn answer(&self) -> Result<Encoded, AskError> {
        let mut deaths = 0;
        loop {
            let (link, credit) = self.choose(deaths).await?;
            match self.ask_once(&link, credit).await? {
                Verdict::Answer(answer) => return Ok(self.answered(answer)),
                Verdict::Refused(reason) => return Err(AskError::Refused(reason)),
                Verdict::NotSent => {}
                Verdict::Died if self.retry == Retry::Never || deaths == DEATHS => return Err(AskError::Died),
                Verdict::Died => deaths += 1,
            }
            self.pool.counted.retried.inc();
            if Instant::now() >= self.deadline {
                return Err(AskError::TimedOut);
            }
        }
    }

    fn answered(&self, answer: Encoded) -> Encoded {
        self.pool.counted.answered.inc();
        self.pool.counted.seconds.observe(self.since.elapsed().as_secs_f64());
        answer
    }

    fn bytes(&self) -> usize {
        self.question.body.len() + self.question.attachment.len()
    }

    /// An instance with room for the question. It is waited for only after a death: a full house is told at once.
    async fn choose(&self, deaths: u32) -> Result<(Arc<Link>, Credit), AskError> {
        let may_wait = deaths > 0 || self.pool.is_recovering();
        if !may_wait && self.pool.live() > 0 && self.pool.room.is_occupied() {
            // Those who wait since a restart go first.
            return Err(self.busy());
        }
        match self.pool.choose(self.bytes()) {
            Ok(chosen) => Ok(chosen),
            Err(Shortage::Full) if !may_wait => Err(self.busy()),
            Err(_) => self.wait_for_one().await,
        }
    }

    async fn wait_for_one(&self) -> Result<(Arc<Link>, Credit), AskError> {
        let place = self.pool.room.enter().ok_or_else(|| self.busy())?;
        let mut live = self.pool.watch();
        loop {
            let credit = place.credit();
            tokio::pin!(credit);
            // From here on a credit that comes back wakes us, so none is missed between the look and the wait.
            credit.as_mut().enable();
            let shortage = match self.pool.choose(self.bytes()) {
                Ok(chosen) => return Ok(chosen),
                Err(shortage) => shortage,
            };
            let change = async {
                tokio::select! {
                    () = credit => {}
                    // The sender lives as long as the pool.
                    _ = live.changed() => {}
                }
            };
            if timeout_at(self.deadline, change).await.is_err() {
                return Err(if shortage == Shortage::Nobody { AskError::NobodyThere } else { self.busy() });
            }
        }
    }

    fn busy(&self) -> AskError {
        self.pool.counted.busy.inc();
        AskError::Busy
    }

    async fn ask_once(&self, link: &Link, credit: Credit) -> Result<Verdict, AskError> {
        let (reply, verdict) = oneshot::channel();
        let id = link.name_question();
        let header = self.header(id);
        self.pool.counted.asked.inc();
        self.tap(link, &header);
        let (header, question) = (header.encode().into(), self.question.clone());
        link.send(Errand { id, header, question, since: self.since, credit, reply: Reply::new(reply) });
        match timeout_at(self.deadline, verdict).await {
            Ok(verdict) => Ok(verdict.unwrap_or(Verdict::Died)),
            Err(_) => Err(AskError::TimedOut),
        }
    }

    fn header(&self, id: u64) -> Header {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        Header { version: self.pool.version, kind: Kind::Ask, id, op: self.op, left_ms, request: self.request }
    }

    fn tap(&self, link: &Link, header: &Header) {
        let interface = self.pool.interface;
        let passing = Passing { side: Side::Asking, interface, header, peer: link, took: None };
        self.pool.context.tap.copy(passing, &self.question);
    }
}
