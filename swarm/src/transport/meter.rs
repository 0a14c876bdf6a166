//! Counts the bytes of all streams, whatever carries them.

use std::{
    collections::HashMap,
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use libp2p::{
    PeerId,
    core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent, SubstreamBox},
    futures::{AsyncRead, AsyncWrite},
};

use crate::views::Bandwidth;

/// Bytes that passed since the start, over all streams and with each peer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    all: Arc<Counts>,
    /// Those who are connected, or were until a moment ago: the host forgets who has gone.
    peers: Arc<Mutex<HashMap<PeerId, Row>>>,
}

#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug, Default)]
struct Row {
    counts: Arc<Counts>,
    seen: Bandwidth,
}

impl Counts {
    fn read(&self) -> (u64, u64) {
        (self.received.load(Relaxed), self.sent.load(Relaxed))
    }
}

impl Meter {
    pub(super) fn counted(&self, peer: PeerId, muxer: StreamMuxerBox) -> StreamMuxerBox {
        let with_peer = self.rows().entry(peer).or_default().counts.clone();
        StreamMuxerBox::new(Counted { inner: muxer, tally: Tally { all: self.all.clone(), with_peer } })
    }

    /// Received and sent.
    pub(crate) fn read(&self) -> (u64, u64) {
        self.all.read()
    }

    /// A second has passed.
    pub(crate) fn tick(&self) {
        for row in self.rows().values_mut() {
            row.seen = row.seen.after_a_second(row.counts.read());
        }
    }

    /// What passed with a peer.
    pub(crate) fn with(&self, peer: &PeerId) -> Bandwidth {
        self.rows().get(peer).map(|row| row.seen.now(row.counts.read())).unwrap_or_default()
    }

    pub(crate) fn forget(&self, peer: &PeerId) {
        self.rows().remove(peer);
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<PeerId, Row>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the bytes of a stream are counted.
#[derive(Debug, Clone)]
struct Tally {
    all: Arc<Counts>,
    with_peer: Arc<Counts>,
}

/// A connection, or a stream of it, that is counted.
struct Counted<T> {
    inner: T,
    tally: Tally,
}

impl<T: Unpin> Counted<T> {
    fn inner(self: Pin<&mut Self>) -> Pin<&mut T> {
        Pin::new(&mut self.get_mut().inner)
    }

    fn received(&self, count: usize) -> usize {
        self.tally.all.received.fetch_add(count as u64, Relaxed);
        self.tally.with_peer.received.fetch_add(count as u64, Relaxed);
        count
    }

    fn sent(&self, count: usize) -> usize {
        self.tally.all.sent.fetch_add(count as u64, Relaxed);
        self.tally.with_peer.sent.fetch_add(count as u64, Relaxed);
        count
    }
}

impl StreamMuxer for Counted<StreamMuxerBox> {
    type Substream = Counted<SubstreamBox>;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Self::Substream>> {
        let inner = ready!(self.as_mut().inner().poll_inbound(cx))?;
        Poll::Ready(Ok(Counted { inner, tally: self.tally.clone() }))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Self::Substream>> {
        let inner = ready!(self.as_mut().inner().poll_outbound(cx))?;
        Poll::Ready(Ok(Counted { inner, tally: self.tally.clone() }))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_close(cx)
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        self.inner().poll(cx)
    }
}

impl AsyncRead for Counted<SubstreamBox> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let count = ready!(self.as_mut().inner().poll_read(cx, buffer))?;
        Poll::Ready(Ok(self.received(count)))
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.as_mut().inner().poll_read_vectored(cx, buffers))?;
        Poll::Ready(Ok(self.received(count)))
    }
}

impl AsyncWrite for Counted<SubstreamBox> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(self.as_mut().inner().poll_write(cx, bytes))?;
        Poll::Ready(Ok(self.sent(count)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.as_mut().inner().poll_write_vectored(cx, buffers))?;
        Poll::Ready(Ok(self.sent(count)))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_close(cx)
    }
}
