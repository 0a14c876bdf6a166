//! Sessions: how the node gets blocks from others. A block that is handed out has the hash that was asked for.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bitswap::{SessionId, Urgency};
use bytes::Bytes;
use cid::Cid;
use thiserror::Error;
use tokio::sync::Notify;

use super::room::{Room, Seat};

/// Hash functions whose blocks can be checked: sha2-256, and none at all.
const SHA2_256: u64 = 0x12;

/// Why a block did not come.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FetchError {
    /// Nobody who could be found has it.
    #[error("no peer, provider or gateway that could be found has {0}: connect to one that has it, or ask again later")]
    NotFound(Cid),
    /// It could not be checked if it came.
    #[error("{0} is named by a hash function that cannot be checked here: ask for blocks named by sha2-256")]
    Unverifiable(Cid),
    /// The peer is being stopped.
    #[error("the peer has stopped: start it again to fetch blocks")]
    Stopped,
}

/// Gets blocks from others.
#[derive(Debug, Clone)]
pub struct Fetcher {
    desk: Arc<Desk>,
}

/// A group of blocks that the same peers probably have, such as the blocks of one file. The clones are one session; when
/// the last is dropped, what it still wants is cancelled.
#[derive(Clone)]
pub struct Session {
    room: Arc<Room>,
}

/// What sessions ask of the driver. There is never more than what live sessions want.
#[derive(Debug, Default)]
pub(super) struct Desk {
    requests: Mutex<Requests>,
    wake: Notify,
    sessions: AtomicU64,
}

#[derive(Debug, Default)]
struct Requests {
    waiting: Vec<Request>,
    closed: bool,
}

/// What a session asks.
#[derive(Debug)]
pub(super) enum Request {
    Open(Arc<Room>, Option<Cid>),
    Want(SessionId, Vec<Cid>, Urgency),
    Forget(SessionId, Cid),
    /// Some of what it holds was taken.
    Taken(SessionId),
    Close(SessionId),
}

/// Makes the desk: one end for the node, one for the driver.
pub(super) fn open() -> (Fetcher, Arc<Desk>) {
    let desk = Arc::new(Desk::default());
    (Fetcher { desk: desk.clone() }, desk)
}

impl Fetcher {
    /// Begins a session. Peers that are known to have `root` are asked first.
    #[must_use]
    pub fn session(&self, root: Option<Cid>) -> Session {
        let id = SessionId(self.desk.sessions.fetch_add(1, Ordering::Relaxed));
        let room = Arc::new(Room::new(id, self.desk.clone()));
        // A desk that is closed makes each block fail.
        let _ = self.desk.ask(Request::Open(room.clone(), root));
        Session { room }
    }
}

impl Session {
    /// Gets a block from peers that are connected, from providers that are looked up, and last from gateways. A store is
    /// not asked. Dropping the future takes the wish back.
    ///
    /// # Errors
    ///
    /// `NotFound` after about a minute in which nothing came for the session; `Unverifiable` at once; `Stopped` when the
    /// peer is stopped.
    pub async fn get(&self, cid: Cid) -> Result<Bytes, FetchError> {
        if let Some(inline) = unixfs::inline_block(&cid) {
            return Ok(inline);
        }
        if !is_verifiable(&cid) {
            return Err(FetchError::Unverifiable(cid));
        }
        match self.room.sit_down(cid) {
            Seat::Served(bytes) => Ok(bytes),
            Seat::Waiting(waiting) => waiting.await,
            Seat::Closed => Err(FetchError::Stopped),
        }
    }

    /// Says that these will be wanted soon, in this order. They are fetched while there is room to hold them, and handed
    /// out by a later [`get`](Self::get). A hint: what is too much is not fetched before it is asked for.
    pub fn ahead(&self, cids: impl IntoIterator<Item = Cid>) {
        self.room.expect(cids.into_iter().filter(is_verifiable));
    }

    /// Takes back what was said to [`ahead`](Self::ahead), and lets go of the block if it is there already.
    pub fn forget(&self, cid: &Cid) {
        self.room.forget(cid);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.room.id().0)
    }
}

fn is_verifiable(cid: &Cid) -> bool {
    cid.hash().code() == SHA2_256 && cid.hash().size() == 32
}

/// The driver has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

impl Desk {
    pub(super) fn ask(&self, request: Request) -> Result<(), Closed> {
        {
            let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            if requests.closed {
                return Err(Closed);
            }
            if let (Request::Taken(id), Some(Request::Taken(last))) = (&request, requests.waiting.last())
                && id == last
            {
                return Ok(());
            }
            requests.waiting.push(request);
        }
        self.wake.notify_one();
        Ok(())
    }

    /// Waits until there is something to take.
    pub(super) async fn asked(&self) {
        self.wake.notified().await;
    }

    pub(super) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap_or_else(PoisonError::into_inner).waiting)
    }

    /// Takes no more; gives what is there.
    pub(super) fn close(&self) -> Vec<Request> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.closed = true;
        std::mem::take(&mut requests.waiting)
    }
}
