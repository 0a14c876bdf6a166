//! What a connection's two halves tell each other: [`crate::connection::patience`], which sees bytes, and the front, which sees requests.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
};

/// How far the request is that a connection is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Nothing has come since the connection was made.
    Fresh,
    /// The last answer is sent; nothing has come since.
    Idle,
    /// Part of a header has come.
    Header,
    /// The front has the request, or makes an answer while it is sent.
    Serving,
    /// The front has answered; the answer is not yet all sent.
    Answering,
}

impl Stage {
    const ALL: [Self; 5] = [Self::Fresh, Self::Idle, Self::Header, Self::Serving, Self::Answering];
}

/// Shared by the two halves. They run in one task, one after the other: the atomics only make it `Sync`.
#[derive(Debug)]
pub(crate) struct Link {
    /// Who is at the other end: the client, or a reverse proxy.
    peer: SocketAddr,
    stage: AtomicU8,
    linger: AtomicBool,
}

impl Link {
    pub(crate) fn new(peer: SocketAddr) -> Arc<Self> {
        Arc::new(Self { peer, stage: AtomicU8::new(Stage::Fresh as u8), linger: AtomicBool::new(false) })
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) fn stage(&self) -> Stage {
        Stage::ALL[usize::from(self.stage.load(Relaxed))]
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    /// Marks the request as being served until the guard is dropped.
    pub(crate) fn serving(self: &Arc<Self>) -> Serving {
        self.enter(Stage::Serving);
        Serving(Arc::clone(self))
    }

    /// Whether the client may be sending what will not be read: then the connection must not be cut off at once, or the
    /// client would lose the answer that says so.
    pub(crate) fn lingers(&self) -> bool {
        self.linger.load(Relaxed)
    }

    /// See [`Link::lingers`].
    pub(crate) fn set_linger(&self, linger: bool) {
        self.linger.store(linger, Relaxed);
    }
}

/// A request that the front has: until it is answered, or until the last piece of a streamed answer is made. As long as
/// that, the client waits for us.
#[derive(Debug)]
pub(crate) struct Serving(Arc<Link>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.enter(Stage::Answering);
    }
}
