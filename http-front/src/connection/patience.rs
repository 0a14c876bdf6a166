//! How long a client is waited for. Wraps a connection's socket, below HTTP, where every byte is seen.
//!
//! * A header that has begun must be complete within `header_wait`; between requests a client may rest for `idle_wait`.
//!   (hyper's own limit counts both as one, and sets a timer for each request; here a timer is touched only when a
//!   client keeps us waiting.)
//! * Of an answer something must be taken every `send_wait`; else the connection is reset, and what waited to be sent is
//!   freed, in this process and in the kernel.
//! * What cannot be read as HTTP is answered by hyper with an empty body and no CORS header, which no script could see;
//!   here our own problem goes out in its place.
//! * After a refusal that leaves part of the request unread, the connection is closed in two steps, because a close
//!   with unread bytes is a reset that can overtake the refusal.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

use super::{
    link::{Link, Stage},
    outflow::Outflow,
    refusal,
    timer::Timer,
};
use crate::{measures::Traffic, problem::Problem};

/// How long a client that was refused may go on sending before it is cut off.
const LINGER: Duration = Duration::from_secs(1);
/// So many bytes of it are thrown away.
const LINGER_BYTES: usize = 1024 * 1024;

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    /// For a header that has begun.
    pub(crate) header: Duration,
    /// For the next request.
    pub(crate) idle: Duration,
    /// For the client to take more of an answer.
    pub(crate) send: Duration,
    /// The most bytes of a header, to tell whoever sends more.
    pub(crate) header_bytes: u32,
}

/// A socket with limits.
#[derive(Debug)]
pub(crate) struct Patient {
    stream: TcpStream,
    link: Arc<Link>,
    waits: Waits,
    traffic: Traffic,
    /// When the stage began that is being waited in.
    since: Instant,
    reading: Timer,
    outflow: Outflow,
    refusal: Option<Refusal>,
    lingering: Option<Lingering>,
}

/// Our answer in the place of hyper's.
#[derive(Debug)]
struct Refusal {
    bytes: Vec<u8>,
    sent: usize,
}

#[derive(Debug)]
struct Lingering {
    until: Instant,
    bytes: usize,
}

impl Patient {
    pub(crate) fn new(stream: TcpStream, link: Arc<Link>, waits: Waits, traffic: Traffic) -> Self {
        let (reading, outflow) = (Timer::default(), Outflow::new(waits.send));
        let since = Instant::now();
        Self { stream, link, waits, traffic, since, reading, outflow, refusal: None, lingering: None }
    }

    /// How long the client may keep us waiting now; none while it waits for us.
    fn patience(&self) -> Option<Duration> {
        match self.link.stage() {
            Stage::Fresh | Stage::Header => Some(self.waits.header),
            Stage::Idle | Stage::Answering => Some(self.waits.idle),
            Stage::Serving => None,
        }
    }

    fn received(&mut self, bytes: usize) {
        self.traffic.received(bytes);
        if bytes > 0 && matches!(self.link.stage(), Stage::Fresh | Stage::Idle) {
            self.link.enter(Stage::Header);
            self.since = Instant::now();
        }
    }

    /// Nothing has come: goes on waiting, or says that the client has ended, which is what it will be told.
    fn wait_for_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(patience) = self.patience() else { return Poll::Pending };
        ready!(self.reading.poll(cx, self.since + patience));
        if self.link.stage() == Stage::Header {
            let problem = Problem::header_too_slow(patience.as_millis());
            // One try: who is slow to send need not be waited for to receive.
            let _ = self.stream.try_write(&refusal::render(&problem));
        }
        Poll::Ready(Ok(()))
    }

    /// What a write came to: progress, or waiting that has an end.
    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let outcome = self.outflow.written(&self.stream, cx, outcome);
        if let Poll::Ready(Ok(bytes)) = outcome {
            self.traffic.sent(bytes);
            self.since = Instant::now();
        }
        outcome
    }

    /// Whether what hyper wants to send is an answer of its own, because it could not read the request.
    fn is_hypers_own(&self) -> bool {
        self.refusal.is_some() || matches!(self.link.stage(), Stage::Fresh | Stage::Idle | Stage::Header)
    }

    /// Sends our refusal, and lets hyper believe that its own went out.
    fn refuse(&mut self, cx: &mut Context<'_>, theirs: &[u8], theirs_bytes: usize) -> Poll<io::Result<usize>> {
        let waits = self.waits;
        self.link.set_linger(true);
        let mut refusal = self.refusal.take().unwrap_or_else(|| {
            let problem = Problem::unreadable(status_of(theirs), waits.header_bytes);
            Refusal { bytes: refusal::render(&problem), sent: 0 }
        });
        while refusal.sent < refusal.bytes.len() {
            let outcome = Pin::new(&mut self.stream).poll_write(cx, &refusal.bytes[refusal.sent..]);
            match self.written(cx, outcome) {
                Poll::Ready(Ok(bytes)) => refusal.sent += bytes,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.refusal = Some(refusal);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(theirs_bytes))
    }

    /// Throws away what a refused client still sends, until it ends or has had enough time to see the refusal.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lingering =
            self.lingering.take().unwrap_or_else(|| Lingering { until: Instant::now() + LINGER, bytes: 0 });
        while lingering.bytes < LINGER_BYTES {
            let mut scrap = [0; 4_096];
            let mut buffer = ReadBuf::new(&mut scrap);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => lingering.bytes += buffer.filled().len(),
                Poll::Pending if self.reading.poll(cx, lingering.until).is_pending() => {
                    self.lingering = Some(lingering);
                    return Poll::Pending;
                }
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The status in the first line of an answer: `HTTP/1.1 431 …`.
fn status_of(answer: &[u8]) -> StatusCode {
    answer.get(9..12).and_then(|code| StatusCode::from_bytes(code).ok()).unwrap_or(StatusCode::BAD_REQUEST)
}

impl AsyncRead for Patient {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        match Pin::new(&mut this.stream).poll_read(cx, into) {
            Poll::Pending => this.wait_for_bytes(cx),
            outcome => {
                this.received(into.filled().len() - before);
                outcome
            }
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_hypers_own() {
            return this.refuse(cx, bytes, bytes.len());
        }
        let outcome = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(cx, outcome)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_hypers_own() {
            let first = slices.first().map_or(&[][..], |slice| slice);
            return this.refuse(cx, first, slices.iter().map(|slice| slice.len()).sum());
        }
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.written(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Called when all that was to be sent is sent.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.link.stage() == Stage::Answering {
            self.link.enter(Stage::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        if this.link.lingers() { this.poll_linger(cx) } else { Poll::Ready(Ok(())) }
    }
}
