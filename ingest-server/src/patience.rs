//! How long a client is waited for: for its next bytes, for all of them, and until the box itself should end.
//!
//! Asked by uploads and downloads.

use std::{future::Future, io, time::Duration};

use bytes::{Bytes, BytesMut};
use daemon::stop::Stop;
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, sleep, sleep_until, timeout},
};

/// A client that has been told all gets so long to take it and to close, or to stop sending: closing a connection with
/// bytes that nobody has read is a reset, which can overtake the last line.
const LINGER: Duration = Duration::from_secs(5);
/// Of what comes meanwhile.
const DISCARD_BYTES: usize = 16 * 1024;

/// The patience with a connection.
#[derive(Debug, Clone)]
pub struct Patience {
    /// For the next bytes, or for some to be taken.
    pub idle: Duration,
    /// For the whole file.
    pub total: Duration,
    /// When the box should end.
    pub stop: Stop,
    /// What is left for the file then.
    pub grace: Duration,
}

/// Why a client is waited for no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The whole took too long.
    Total,
    /// The box ends.
    Stopping,
}

impl Patience {
    /// Does the work, if it is done in time.
    ///
    /// # Errors
    ///
    /// When it is not; it is dropped then.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Over> {
        let end = Instant::now() + self.total;
        let stopping = async {
            self.stop.asked().await;
            sleep(self.grace).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = sleep_until(end) => Err(Over::Total),
            () = stopping => Err(Over::Stopping),
        }
    }
}

/// The bytes that are there already, up to so many; none when there were none after all.
///
/// # Errors
///
/// Of kind `UnexpectedEof` when there will be no more.
pub fn take_ready(stream: &TcpStream, most_bytes: usize) -> io::Result<Option<Bytes>> {
    // As much memory as there are bytes: a client that sends one at a time must not cost more.
    let ready = rustix::io::ioctl_fionread(stream)?;
    let ready = usize::try_from(ready).unwrap_or(usize::MAX).clamp(1, most_bytes);
    let mut piece = BytesMut::with_capacity(ready);
    match stream.try_read_buf(&mut piece) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(Some(piece.freeze())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says the last words and lets go: what the client still sends is taken for a while, and counted.
pub async fn part(mut stream: TcpStream, last_words: &[u8]) -> u64 {
    let mut after_bytes = 0;
    let parting = async {
        stream.write_all(last_words).await?;
        stream.shutdown().await?;
        let mut discarded = Vec::with_capacity(DISCARD_BYTES);
        while tokio::io::AsyncReadExt::read_buf(&mut stream, &mut discarded).await? > 0 {
            after_bytes += discarded.len() as u64;
            discarded.clear();
        }
        io::Result::Ok(())
    };
    // Whether the client was there to the end makes no difference now.
    let _ = timeout(LINGER, parting).await;
    after_bytes
}
