//! Counts the bytes of all streams, whatever carries them.

use std::{
    io::{self, IoSlice, IoSliceMut},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use libp2p::{
    core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent, SubstreamBox},
    futures::{AsyncRead, AsyncWrite},
};

/// Bytes that passed since the start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Meter {
    pub(super) fn counted(&self, muxer: StreamMuxerBox) -> StreamMuxerBox {
        StreamMuxerBox::new(Counted { inner: muxer, meter: self.clone() })
    }

    /// Received and sent.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.0.received.load(Relaxed), self.0.sent.load(Relaxed))
    }
}

/// A connection, or a stream of it, that is counted.
struct Counted<T> {
    inner: T,
    meter: Meter,
}

impl<T: Unpin> Counted<T> {
    fn inner(self: Pin<&mut Self>) -> Pin<&mut T> {
        Pin::new(&mut self.get_mut().inner)
    }

    fn received(&self, count: usize) -> usize {
        self.meter.0.received.fetch_add(count as u64, Relaxed);
        count
    }

    fn sent(&self, count: usize) -> usize {
        self.meter.0.sent.fetch_add(count as u64, Relaxed);
        count
    }
}

impl StreamMuxer for Counted<StreamMuxerBox> {
    type Substream = Counted<SubstreamBox>;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Self::Substream>> {
        let inner = ready!(self.as_mut().inner().poll_inbound(cx))?;
        Poll::Ready(Ok(Counted { inner, meter: self.meter.clone() }))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Self::Substream>> {
        let inner = ready!(self.as_mut().inner().poll_outbound(cx))?;
        Poll::Ready(Ok(Counted { inner, meter: self.meter.clone() }))
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
