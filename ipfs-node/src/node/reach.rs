//! How far an asker's reading goes: to what is here, or to what peers have. What they have is wanted before its turn,
//! checked by the peer side, and kept before it is read.
//!
//! Asked by [`super::blocks`] and walks. Asks a [`Source`], which is a session of the peer side.

use std::{
    collections::HashSet,
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    task::Poll,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::watch;
use unixfs::{Block, Cid};

use crate::{
    refusal::Refusal,
    store::{Session, Store},
    wait::wait,
};

/// Bytes that are wanted before their turn: enough to keep a connection busy.
const AHEAD_BYTES: u64 = 8 << 20;
/// Blocks that are wanted before their turn: the least, and the most.
const AHEAD_LEAST: u64 = 8;
const AHEAD_MOST: u64 = 512;
/// More are never wanted: of those that are, some may have been overtaken by others.
const ASKED: usize = 1024;
/// Between two tries to find somebody who has a block.
const AGAIN_PAUSE: Duration = Duration::from_secs(1);
/// Who said nothing of time waits no longer than this for a block.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a block that was fetched comes to.
pub(crate) type Fetched = Pin<Box<dyn Future<Output = Result<Bytes, FetchFault>> + Send>>;

/// Where blocks come from that are not here. What it gives has been checked.
pub(crate) trait Source: Send + Sync {
    /// A block.
    fn get(&self, cid: &Cid) -> Fetched;

    /// These will be asked for.
    fn ahead(&self, cids: Vec<Cid>);
}

/// Why a block did not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchFault {
    /// Nobody has it now; somebody may come who does.
    #[error("{0}")]
    NotNow(String),
    /// It is of no use to ask again.
    #[error("{0}")]
    Never(String),
}

/// How long an asker waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience {
    /// Until then.
    pub(crate) deadline: Option<Instant>,
    /// So long for each thing that is waited for.
    pub(crate) per_wait: Option<Duration>,
    /// Until it is gone: its end of the channel is dropped.
    pub(crate) client: Option<watch::Receiver<()>>,
}

/// How far reading goes.
#[derive(Debug)]
pub(crate) enum Reach {
    /// To what is here.
    Here,
    /// To what peers have.
    Out(Box<Fetching>),
}

/// What is kept while an asker fetches.
pub(crate) struct Fetching {
    source: Box<dyn Source>,
    /// Begins with the first block that is not here.
    kept: OnceLock<Session>,
    ahead: Mutex<Ahead>,
}

impl fmt::Debug for Fetching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetching").finish_non_exhaustive()
    }
}

/// What was wanted before its turn.
#[derive(Debug, Default)]
struct Ahead {
    asked: HashSet<Cid>,
    /// Blocks that may still come before it is time to look ahead again.
    left: usize,
    blocks: u64,
    bytes: u64,
}

impl Ahead {
    /// How many blocks are to be on their way.
    fn most(&self) -> u64 {
        // The first blocks are small, what hangs below them may be large: what came says more with each that comes.
        let known = AHEAD_LEAST + 2 * self.blocks;
        let room = AHEAD_BYTES * self.blocks / self.bytes.max(1);
        room.min(known).clamp(AHEAD_LEAST, AHEAD_MOST)
    }

    /// It is time when enough of what was wanted has come, or when what is needed now was not wanted before.
    fn is_time(&self, needed: Option<&Cid>) -> bool {
        self.asked.len() < ASKED && (self.left == 0 || needed.is_some_and(|cid| !self.asked.contains(cid)))
    }

    fn came(&mut self, cid: &Cid, bytes: &[u8]) {
        self.asked.remove(cid);
        self.blocks += 1;
        self.bytes += bytes.len() as u64;
        // What hangs below a block comes before what stands beside it.
        self.left = if leads_on(cid, bytes) { 0 } else { self.left.saturating_sub(1) };
    }
}

/// Whether a block may have links. Those of DAG-PB stand first.
fn leads_on(cid: &Cid, bytes: &[u8]) -> bool {
    const LINK: u8 = 0x12;
    match cid.codec() {
        unixfs::CODEC_RAW => false,
        unixfs::CODEC_DAG_PB => bytes.first() == Some(&LINK),
        _ => true,
    }
}

impl Reach {
    pub(crate) fn out(source: Box<dyn Source>) -> Self {
        let (kept, ahead) = (OnceLock::new(), Mutex::default());
        Self::Out(Box::new(Fetching { source, kept, ahead }))
    }

    pub(crate) fn fetching(&self) -> Option<&Fetching> {
        match self {
            Self::Here => None,
            Self::Out(fetching) => Some(fetching),
        }
    }

    /// What keeps the blocks that were fetched, and those that were found beside them, from collections.
    pub(crate) fn kept(&self) -> Option<&Session> {
        self.fetching().and_then(|fetching| fetching.kept.get())
    }
}

impl Fetching {
    /// A block that is not here, and is when this returns. `next` says which blocks are read after it.
    pub(crate) fn fetch(
        &self,
        store: &Store,
        patience: &Patience,
        cid: &Cid,
        next: impl FnOnce(usize) -> Vec<Cid>,
    ) -> Result<Bytes, Refusal> {
        let got = self.source.get(cid);
        self.look_ahead(store, Some(cid), next)?;
        let bytes = self.outlast(patience, cid, got)?;
        self.ahead().came(cid, &bytes);
        let block = Block { cid: *cid, bytes };
        self.kept.get_or_init(|| store.session()).put(&block)?;
        Ok(block.bytes)
    }

    /// Waits for a block. Who said for how long is not told before that nobody has it: somebody may come.
    fn outlast(&self, patience: &Patience, cid: &Cid, mut got: Fetched) -> Result<Bytes, Refusal> {
        loop {
            match patience.wait(got)? {
                Ok(bytes) => return Ok(bytes),
                Err(FetchFault::NotNow(_)) if patience.deadline.is_some() => {
                    patience.wait(tokio::time::sleep(AGAIN_PAUSE))?;
                    got = self.source.get(cid);
                }
                Err(fault) => return Err(Refusal::failed(format!("cannot get block {cid}: {fault}"))),
            }
        }
    }

    /// Wants what will be read soon and is not here.
    pub(crate) fn look_ahead(
        &self,
        store: &Store,
        asked: Option<&Cid>,
        next: impl FnOnce(usize) -> Vec<Cid>,
    ) -> Result<(), Refusal> {
        let mut ahead = self.ahead();
        if !ahead.is_time(asked) {
            return Ok(());
        }
        let most = usize::try_from(ahead.most()).unwrap_or_default();
        ahead.left = most / 4;
        let mut new = Vec::new();
        for next in next(most) {
            if Some(&next) != asked && !ahead.asked.contains(&next) && !store.has(&next)? {
                ahead.asked.insert(next);
                new.push(next);
            }
        }
        drop(ahead);
        if !new.is_empty() {
            self.source.ahead(new);
        }
        Ok(())
    }

    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Patience {
    /// Waits for what others have to do: not past the asker's time, nor for an asker that is gone.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Refusal> {
        let until_deadline = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = [until_deadline, self.per_wait].into_iter().flatten().min().unwrap_or(LONGEST_WAIT);
        let mut client = self.client.clone();
        let gone = async move {
            match &mut client {
                Some(client) => while client.changed().await.is_ok() {},
                None => std::future::pending().await,
            }
        };
        let done = wait(either(work, gone), limit).ok_or_else(Refusal::timed_out)?;
        done.ok_or_else(|| Refusal::failed("context canceled"))
    }
}

/// What the first gives; none if the second ends before.
async fn either<T>(first: impl Future<Output = T>, second: impl Future) -> Option<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| match first.as_mut().poll(cx) {
        Poll::Ready(out) => Poll::Ready(Some(out)),
        Poll::Pending => second.as_mut().poll(cx).map(|_| None),
    })
    .await
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
