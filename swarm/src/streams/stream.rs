//! A stream as tokio knows it, and the queue of those that others open.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use libp2p::{
    PeerId, StreamProtocol,
    futures::{AsyncRead as _, AsyncWrite as _, StreamExt as _, channel::mpsc},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Desk;
use crate::views::Direction;

/// A stream of bytes with a peer, both ways. Dropped without `shutdown`, it is reset.
pub struct Stream {
    inner: libp2p::Stream,
    peer: PeerId,
    protocol: StreamProtocol,
    number: u64,
    desk: Desk,
}

impl Stream {
    pub(super) fn new(
        inner: libp2p::Stream,
        peer: PeerId,
        protocol: StreamProtocol,
        direction: Direction,
        desk: Desk,
    ) -> Self {
        let number = desk.opened(peer, protocol.clone(), direction);
        Self { inner, peer, protocol, number, desk }
    }

    /// With whom.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// Of which protocol.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.protocol.as_ref()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.desk.closed(self.number);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({} with {})", self.protocol, self.peer)
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer.initialize_unfilled()))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

/// The streams of one protocol that others open. Dropped, they are accepted no more.
#[derive(Debug)]
pub struct Incoming(pub(crate) mpsc::Receiver<Stream>);

impl Incoming {
    /// The next stream; none when the peer has stopped.
    pub async fn next(&mut self) -> Option<Stream> {
        self.0.next().await
    }
}
