//! `/ipfs/<cid>`: blocks and archives for visitors who check every byte themselves, and folders of topics as archives.
//!
//! What a request means and what the answer is, is the crate `gateway`'s to know. Here are the blocks, which come from
//! `ipfs-shim`, a few at a time and ahead of their turn, and the turns. A topic's own folder comes from `get-worker`, so
//! that it can be had while the IPFS daemon is down.

mod pieces;
mod source;
mod topic;

use std::{sync::Arc, time::Duration};

use gateway::{Answer as Gateway, Ask, Exchange, Frames, Next, Refusal, Walk};
use hyper::{
    Response,
    header::{CONTENT_RANGE, HeaderName, HeaderValue},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use unixfs::Step;

use self::{pieces::Pieces, source::Source};
use crate::{
    answer::{self, Answer, Answered},
    front::{Front, Visit},
    problem::Problem,
    sending::{Body, Cut},
    sides::Sides,
};

/// Requests that look for their first blocks at a time.
const EXCHANGES: usize = 64;
/// Archives that are sent at a time. Each keeps up to 8 MiB of blocks: 256 MiB together.
const ARCHIVES: usize = 32;
/// All archives together keep so many names of blocks: about 100 MiB. One that would need more is cut off.
const NAMES: usize = 1 << 20;
/// Names are granted by so many at a time.
const GRANT: usize = 1 << 12;
/// How long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(10);
/// The longest that an archive may take; a client that still reads then may ask for what it lacks.
const ARCHIVE_WAIT: Duration = Duration::from_secs(3_600);

/// How much is done at a time.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    exchanges: Arc<Semaphore>,
    archives: Arc<Semaphore>,
    names: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { exchanges: places(EXCHANGES), archives: places(ARCHIVES), names: places(NAMES / GRANT) }
    }
}

#[cfg(test)]
impl Turns {
    /// How many archives are being sent.
    pub(crate) fn archives_under_way(&self) -> usize {
        ARCHIVES - self.archives.available_permits()
    }
}

/// Waits for a turn, but not for long.
async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    let turn = timeout(TURN_WAIT, Arc::clone(turns).acquire_owned()).await;
    turn.ok().and_then(Result::ok).ok_or_else(Problem::too_many_archives)
}

/// Why an exchange has no answer.
enum No {
    Refusal(Refusal),
    Problem(Problem),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl<S: Sides> Front<S> {
    /// `GET /ipfs/<cid>[/path]`: what a client that trusts nobody can check.
    pub(crate) async fn ipfs(self: &Arc<Self>, visit: &Visit) -> Answered {
        let ask = match Ask::read(&visit.method, &visit.uri, &visit.headers) {
            Ok(ask) => ask,
            Err(refusal) => return Ok(refused(&refusal, None, visit)),
        };
        let path = ask.path_header();
        let mut source = Source::new(Arc::clone(self), visit.id);
        let mut answer = match self.exchange(ask, &mut source).await {
            Ok(Gateway::Whole(answer)) => answer.map(Body::whole),
            Ok(Gateway::Archive(head, walk)) => self.archive(head, *walk, source).await?,
            Err(No::Refusal(refusal)) => refused(&refusal, Some(path), visit),
            Err(No::Problem(problem)) => return Err(problem),
        };
        if !says_all(visit.uri.query().unwrap_or_default()) {
            answer::vary_by_form(answer.headers_mut());
        }
        Ok(answer)
    }

    async fn exchange(&self, ask: Ask, source: &mut Source<S>) -> Result<Gateway, No> {
        let _turn = turn(&self.turns.exchanges).await.map_err(No::Problem)?;
        let mut exchange = Exchange::new(ask);
        loop {
            match exchange.step()? {
                Next::Answer(answer) => return Ok(answer),
                Next::Need(cid) => match source.get(&cid, &[]).await.map_err(No::Problem)? {
                    Some(bytes) => exchange.supply(&cid, bytes)?,
                    None => exchange.missing()?,
                },
            }
        }
    }

    async fn archive(&self, head: Response<()>, walk: Walk, source: Source<S>) -> Answered {
        let turn = turn(&self.turns.archives).await?;
        let (pieces, body) = Pieces::channel();
        let writer = Writer { walk, source, pieces, names: Arc::clone(&self.turns.names), granted: Vec::new() };
        tokio::spawn(async move {
            writer.write().await;
            drop(turn);
        });
        Ok(head.map(|()| Body::streamed(body)))
    }
}

/// An archive on its way to its reader.
struct Writer<S: Sides> {
    walk: Walk,
    source: Source<S>,
    pieces: mpsc::Sender<Result<bytes::Bytes, Cut>>,
    names: Arc<Semaphore>,
    granted: Vec<OwnedSemaphorePermit>,
}

impl<S: Sides> Writer<S> {
    /// The status has been sent: an archive that is cut off says that a block is missing.
    async fn write(mut self) {
        let pieces = self.pieces.clone();
        let written = timeout(ARCHIVE_WAIT, self.walk()).await;
        if let Err(cut) = written.unwrap_or_else(|_| Err(Cut("the archive took too long".to_owned()))) {
            tracing::debug!(%cut, "archive cut off");
            let _ = pieces.send(Err(cut)).await;
        }
    }

    async fn walk(&mut self) -> Result<(), Cut> {
        let mut frames = Frames::new(&self.walk.header());
        let walked = self.walk_into(&mut frames).await;
        // Also of a walk that failed: what was found is sent.
        self.send(frames.take()).await?;
        walked
    }

    async fn walk_into(&mut self, frames: &mut Frames) -> Result<(), Cut> {
        loop {
            match self.walk.step().map_err(|error| Cut(error.to_string()))? {
                Step::Done => return Ok(()),
                Step::Need(cid) => self.supply(cid).await?,
                Step::Give(block) => {
                    self.grant()?;
                    if let Some(piece) = frames.push(&block) {
                        self.send(piece).await?;
                    }
                }
            }
        }
    }

    async fn supply(&mut self, cid: unixfs::Cid) -> Result<(), Cut> {
        let wanted = self.walk.wanted(self.source.room());
        let block = self.source.get(&cid, &wanted).await.map_err(|problem| Cut(problem.detail().to_owned()))?;
        let bytes = block.ok_or_else(|| Cut(format!("{cid} is not here")))?;
        self.walk.supply(&cid, bytes).map_err(|error| Cut(error.to_string()))?;
        if self.source.is_idle() {
            self.source.look_ahead(&self.walk.wanted(self.source.room()));
        }
        Ok(())
    }

    /// A walk over many blocks keeps many names: it may, as long as there is room for them.
    fn grant(&mut self) -> Result<(), Cut> {
        while self.walk.names_kept() > (self.granted.len() + 1) * GRANT {
            let more = Arc::clone(&self.names).try_acquire_owned();
            self.granted.push(more.map_err(|_| Cut("too many large archives are being sent".to_owned()))?);
        }
        Ok(())
    }

    async fn send(&self, piece: bytes::Bytes) -> Result<(), Cut> {
        self.pieces.send(Ok(piece)).await.map_err(|_| Cut("the client is gone".to_owned()))
    }
}

/// Whether an address has one content, whatever the client accepts. Of an archive `Accept` may still say the order, and
/// whether blocks come twice.
fn says_all(query: &str) -> bool {
    let format = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "format");
    format.is_some_and(|(_, format)| format == "raw")
}

fn refused(refusal: &Refusal, path: Option<(HeaderName, HeaderValue)>, visit: &Visit) -> Answer {
    let mut answer = Problem::of_gateway(refusal).answer(visit.id);
    answer.headers_mut().extend(path);
    answer.headers_mut().extend(refusal.content_range().map(|value| (CONTENT_RANGE, value)));
    answer
}
