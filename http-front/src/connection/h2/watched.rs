//! The socket of an HTTP/2 connection, with limits below HTTP/2, where every byte is seen.
//!
//! * What a client has begun to say, a frame or a header in several, must be said within `header_wait`.
//! * Of what waits to be sent something must be taken every `send_wait`; else the connection is reset, and what waited is
//!   freed, in this process and in the kernel.
//! * Of frames that ask for nothing so many may come ([`Credit`]). Who sends more is no longer read, and soon disconnected:
//!   whoever floods us over and over waits most of the time.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

use super::frames::{Credit, Frames, Taken};
use crate::{
    connection::{
        outflow::{self, Outflow},
        patience::Waits,
        timer::Timer,
    },
    crowd::Limit,
    measures::Measures,
};

/// So long, at most, a connection that has overdrawn its credit is left to wait for its end.
const STALL: Duration = Duration::from_secs(1);

/// A socket with limits.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    waits: Waits,
    measures: Measures,
    frames: Frames,
    credit: Credit,
    /// Up to when time has earned it.
    earned: Instant,
    /// When the connection ends that has overdrawn it.
    ends: Option<Instant>,
    /// When the client began what it has not finished, or when it last finished something.
    since: Instant,
    reading: Timer,
    outflow: Outflow,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, waits: Waits, measures: Measures) -> Self {
        let (frames, credit) = (Frames::new(), Credit::new());
        let (reading, outflow, now) = (Timer::default(), Outflow::new(waits.send), Instant::now());
        Self { stream, waits, measures, frames, credit, earned: now, ends: None, since: now, reading, outflow }
    }

    fn received(&mut self, bytes: &[u8]) {
        self.measures.traffic().received(bytes.len());
        let (was_whole, now) = (self.frames.is_whole(), Instant::now());
        let Taken { idle, ended } = self.frames.take(bytes);
        if was_whole || ended {
            self.since = now;
        }
        if idle > 0 {
            self.earn(now);
        }
        if !self.credit.spend(idle) {
            self.measures.sent_away(Limit::IdleFrames);
            self.ends = Some(now + STALL.min(self.waits.header));
        }
    }

    /// What has come is not looked at any more; then the connection ends.
    fn stall(&mut self, cx: &mut Context<'_>, ends: Instant) -> Poll<io::Result<()>> {
        ready!(self.reading.poll(cx, ends));
        outflow::reset(&self.stream);
        Poll::Ready(Err(io::Error::other("too many frames that ask for nothing")))
    }

    /// The passing of time earns credit, a whole millisecond at a time.
    fn earn(&mut self, now: Instant) {
        let ms = u64::try_from(now.duration_since(self.earned).as_millis()).unwrap_or(u64::MAX);
        self.credit.passed(ms);
        self.earned += Duration::from_millis(ms);
    }

    /// Nothing has come: goes on waiting, but not for ever for the end of what has begun.
    fn wait_for_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.frames.is_whole() {
            return Poll::Pending;
        }
        ready!(self.reading.poll(cx, self.since + self.waits.header));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What a write came to: progress, or waiting that has an end.
    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let outcome = self.outflow.written(&self.stream, cx, outcome);
        if let Poll::Ready(Ok(bytes)) = outcome {
            self.measures.traffic().sent(bytes);
            self.credit.sent(bytes);
        }
        outcome
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(ends) = this.ends {
            return this.stall(cx, ends);
        }
        let before = into.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, into) {
            Poll::Pending => this.wait_for_bytes(cx),
            Poll::Ready(outcome) => Poll::Ready(outcome.map(|()| this.received(&into.filled()[before..]))),
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
