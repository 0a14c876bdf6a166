//! A connection whose client must read: one that takes nothing of its answer for a while is given up.
//!
//! Asked by `server` for the gateway's connections, whose clients are strangers: without an end, each that never reads
//! would keep a place for ever. Keeps the time of the first write that found no room.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// A stream whose writes fail when none of them went on for so long.
#[derive(Debug)]
pub(super) struct Stall<S> {
    stream: S,
    /// `None`: the client may take its time.
    wait: Option<Duration>,
    /// Runs while a write waits for room.
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> Stall<S> {
    pub(super) fn new(stream: S, wait: Option<Duration>) -> Self {
        Self { stream, wait, end: None }
    }

    /// What became of a write: one that went on begins the wait anew.
    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.end = None;
            return written;
        }
        let Some(wait) = self.wait else { return Poll::Pending };
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(wait)));
        ready!(end.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client reads nothing of its answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
        time::timeout,
    };

    use super::*;

    const WAIT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_client_that_never_reads_is_given_up() {
        let (near, _far) = duplex(16);
        let mut stream = Stall::new(near, Some(WAIT));
        let written = timeout(LONG, stream.write_all(&[7; 64])).await.unwrap();
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_reads_gets_all_of_it() {
        let (near, mut far) = duplex(16);
        let mut stream = Stall::new(near, Some(LONG));
        let reading = async { far.read_exact(&mut [0; 64]).await };
        let (written, read) = tokio::join!(stream.write_all(&[7; 64]), reading);
        assert!(written.is_ok() && read.is_ok() && stream.end.is_none());
    }
}
