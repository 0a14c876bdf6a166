//! How long a client may take to accept more of what waits to be sent. The same over both protocols.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{net::TcpStream, time::Instant};

use super::timer::Timer;

/// What waits to be sent, with an end.
#[derive(Debug)]
pub(super) struct Outflow {
    wait: Duration,
    timer: Timer,
}

impl Outflow {
    /// Something must be taken within `wait`, again and again.
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait, timer: Timer::default() }
    }

    /// What a write to `stream` came to: progress, or waiting that has an end.
    pub(super) fn written(
        &mut self,
        stream: &TcpStream,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(_)) => self.timer = Timer::default(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let until = self.timer.until().unwrap_or_else(|| Instant::now() + self.wait);
                ready!(self.timer.poll(cx, until));
                reset(stream);
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        outcome
    }
}

/// Lets the connection end with a reset. Without this the kernel would keep the unsent bytes, for minutes.
pub(super) fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
