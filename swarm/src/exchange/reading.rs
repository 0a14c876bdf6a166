//! Reads one stream of a peer, message by message, each checked here; waits while the driver or the memory is busy.
//!
//! Nothing of what all share is set aside because a peer claims a length: the buffer grows with what has come, and what
//! may be held at once is bounded for the connection and, by the [`Budget`], for all of them. A peer that stops in the
//! middle of a message, or sends it too slowly, is hung up on.

use std::{io, sync::Arc, time::Duration};

use bitswap::{DecodeError, Message, message::MAX_MESSAGE_BYTES};
use bytes::{Bytes, BytesMut};
use libp2p::{
    PeerId,
    futures::{AsyncRead, AsyncReadExt as _},
};
use thiserror::Error;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout},
};

use super::{
    budget::{Budget, Share},
    driver::Input,
};

/// A peer that began a message sends the next bytes within this time.
const STALL: Duration = Duration::from_secs(20);
/// After so long it keeps a pace.
const BEGIN: Duration = Duration::from_secs(10);
/// The pace. Memory is held for as long as a message takes: who is slower holds it against everybody else.
const LEAST_BYTES_PER_S: f64 = 64.0 * 1024.0;
/// So long a message waits for memory: longer than the longest one takes at the least pace, so that its turn comes.
const ROOM_WAIT: Duration = Duration::from_secs(90);
/// The driver hears so often that a long message is coming in.
const HEARD_EVERY: Duration = Duration::from_millis(500);
/// The first piece of the buffer; it doubles as bytes come.
const FIRST_BYTES: usize = 64 * 1024;

/// What a reading task needs.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(super) peer: PeerId,
    pub(super) inputs: mpsc::Sender<Input>,
    /// What streams of this connection may hold.
    pub(super) own: Arc<Semaphore>,
    /// What streams of all connections may hold.
    pub(super) budget: Arc<Budget>,
}

/// The memory that a message takes until the driver has dealt with it.
#[derive(Debug)]
pub(crate) struct Held {
    _own: OwnedSemaphorePermit,
    _all: Share,
}

/// Why a stream is read no further.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("the stream ended")]
    Stream(#[from] io::Error),
    #[error("the peer stopped in the middle of a message, or sent it too slowly")]
    Stalled,
    #[error("no memory became free for a message")]
    Crowded,
    #[error("the length of a message cannot be read")]
    Length,
    #[error(transparent)]
    Message(#[from] DecodeError),
    #[error("the exchange has ended")]
    Ended,
}

impl Reading {
    /// Reads until the stream ends.
    pub(super) async fn run(self, mut stream: libp2p::Stream) {
        while let Some(ended) = self.one(&mut stream).await.transpose() {
            match ended {
                Ok(()) => {}
                Err(ReadError::Stream(_) | ReadError::Ended) => return,
                // Others used the memory up: not this peer's fault. It sees its stream end and sends again.
                Err(ReadError::Crowded) => {
                    tracing::debug!(peer = %self.peer, "Bitswap stream was closed for want of memory");
                    return;
                }
                Err(error) => {
                    tracing::debug!(peer = %self.peer, %error, "Bitswap stream is unreadable");
                    let _ = self.inputs.send(Input::Spoiled(self.peer)).await;
                    return;
                }
            }
        }
    }

    /// Reads one message and hands it over; none at the end of the stream.
    async fn one<S: AsyncRead + Unpin>(&self, stream: &mut S) -> Result<Option<()>, ReadError> {
        let Some(length) = length(stream).await? else { return Ok(None) };
        let (body, held) = self.body(stream, length).await?;
        let message = Message::decode(&body)?;
        let input = Input::Arrived { peer: self.peer, message, held };
        self.inputs.send(input).await.map_err(|_| ReadError::Ended)?;
        Ok(Some(()))
    }

    /// What the connection may hold is taken at once: nobody else waits for it.
    async fn set_aside(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ReadError> {
        let bytes = u32::try_from(bytes).map_err(|_| ReadError::Length)?;
        let own = timeout(ROOM_WAIT, self.own.clone().acquire_many_owned(bytes)).await;
        own.map_err(|_| ReadError::Crowded)?.map_err(|_| ReadError::Ended)
    }

    async fn body<S: AsyncRead + Unpin>(&self, stream: &mut S, length: usize) -> Result<(Bytes, Held), ReadError> {
        let own = self.set_aside(length).await?;
        let mut all = Share::default();
        let mut body = BytesMut::new();
        let mut filled = 0;
        let mut heard = Instant::now();
        let mut reading = Duration::ZERO;
        while filled < length {
            if filled == body.len() {
                let grown = length.min((2 * filled).max(FIRST_BYTES));
                let room = timeout(ROOM_WAIT, self.budget.grow(&mut all, grown - filled)).await;
                room.map_err(|_| ReadError::Crowded)?;
                body.resize(grown, 0);
            }
            // The pace is that of the peer: waiting for memory does not count.
            let asked = Instant::now();
            let read = timeout(patience(filled, reading), stream.read(&mut body[filled..])).await;
            let read = read.map_err(|_| ReadError::Stalled)??;
            reading += asked.elapsed();
            if read == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            filled += read;
            if heard.elapsed() >= HEARD_EVERY {
                heard = Instant::now();
                // A hint: when the driver has more to do than this, it does not matter.
                let _ = self.inputs.try_send(Input::Heard(self.peer));
            }
        }
        Ok((body.freeze(), Held { _own: own, _all: all }))
    }
}

/// How long the next bytes of a message may take, when so many have come in this time.
#[expect(clippy::cast_precision_loss, reason = "a message has at most 4 MiB")]
fn patience(filled: usize, reading: Duration) -> Duration {
    let due = BEGIN + Duration::from_secs_f64(filled as f64 / LEAST_BYTES_PER_S);
    due.saturating_sub(reading).min(STALL)
}

/// The length of the next message; none at the end of the stream.
async fn length<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Option<usize>, ReadError> {
    let mut length = 0;
    for at in 0..4 {
        let mut byte = [0];
        // Between messages a peer may be silent for as long as it likes.
        let read = match at {
            0 => stream.read(&mut byte).await?,
            _ => timeout(STALL, stream.read(&mut byte)).await.map_err(|_| ReadError::Stalled)??,
        };
        if read == 0 {
            return if at == 0 { Ok(None) } else { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) };
        }
        length |= usize::from(byte[0] & 0x7f) << (7 * at);
        if byte[0] & 0x80 == 0 {
            return if length <= MAX_MESSAGE_BYTES { Ok(Some(length)) } else { Err(ReadError::Length) };
        }
    }
    Err(ReadError::Length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use libp2p::futures::{future::join_all, io::Cursor};
    use proptest::prelude::*;

    fn reading(budget: &Arc<Budget>) -> (Reading, mpsc::Receiver<Input>) {
        let (inputs, inbox) = mpsc::channel(16);
        let own = Arc::new(Semaphore::new(MAX_MESSAGE_BYTES));
        (Reading { peer: PeerId::random(), inputs, own, budget: budget.clone() }, inbox)
    }

    /// Gives a few bytes at a time, then is silent for ever.
    struct Trickle(usize, bool);

    impl AsyncRead for Trickle {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
            self.1 = !self.1;
            if self.0 == 0 {
                return Poll::Pending;
            }
            if self.1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let bytes = into.len().min(self.0).min(FIRST_BYTES);
            self.0 -= bytes;
            Poll::Ready(Ok(bytes))
        }
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { timeout(Duration::from_secs(8), test).await.expect("somebody waits for ever") })
    }

    #[test]
    fn peers_that_claim_much_and_send_little_hold_nobody_up() {
        run(async {
            let budget = Arc::new(Budget::new(2 * MAX_MESSAGE_BYTES));
            let readers: Vec<_> = (0..8).map(|_| reading(&budget)).collect();
            let mut streams: Vec<_> = readers.iter().map(|_| Trickle(1, false)).collect();
            let claims = readers
                .iter()
                .zip(&mut streams)
                .map(|((reader, _), stream)| Box::pin(reader.body(stream, MAX_MESSAGE_BYTES)));
            let slow = join_all(claims);
            let (honest, _inbox) = reading(&budget);
            let mut stream = Trickle(MAX_MESSAGE_BYTES, false);
            tokio::select! {
                biased;
                _ = slow => panic!("who sends one byte has not sent it all"),
                read = honest.body(&mut stream, MAX_MESSAGE_BYTES) => assert_eq!(read.unwrap().0.len(), MAX_MESSAGE_BYTES),
            }
        });
    }

    #[test]
    fn messages_that_grow_into_the_same_memory_all_arrive() {
        run(async {
            let budget = Arc::new(Budget::new(2 * MAX_MESSAGE_BYTES));
            let bodies = (0..8).map(|_| async {
                let (reader, _inbox) = reading(&budget);
                let mut stream = Trickle(MAX_MESSAGE_BYTES, false);
                reader.body(&mut stream, MAX_MESSAGE_BYTES).await.map(|(body, _)| body.len()).unwrap()
            });
            assert_eq!(join_all(bodies).await, [MAX_MESSAGE_BYTES; 8]);
        });
    }

    #[test]
    fn a_byte_now_and_then_is_too_slow_and_the_least_pace_is_not() {
        let every = Duration::from_secs(9);
        let patient = (1..).take_while(|&at| patience(at as usize, every * at) >= every).count();
        assert_eq!(patient, 0, "the second byte comes too late");
        for s in 0..64 {
            let filled = s * 64 * 1024;
            assert!(patience(filled, Duration::from_secs(s as u64)) >= BEGIN - Duration::from_millis(1));
        }
        assert_eq!(patience(MAX_MESSAGE_BYTES - 1, Duration::ZERO), STALL);
    }

    /// Reads what is there, and says how it ended and how many messages there were.
    fn read(bytes: Vec<u8>) -> (Result<Option<()>, ReadError>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (reading, mut inbox) = reading(&Arc::new(Budget::new(MAX_MESSAGE_BYTES)));
            let mut stream = Cursor::new(bytes);
            for messages in 0.. {
                match reading.one(&mut stream).await {
                    Ok(Some(())) => assert!(matches!(inbox.recv().await, Some(Input::Arrived { .. }))),
                    ended => return (ended, messages),
                }
            }
            unreachable!("bytes end")
        })
    }

    #[test]
    fn messages_one_after_the_other_are_read_until_the_stream_ends() {
        let (ended, messages) = read(b"\x02\x28\x01\x00\x02\x28\x02".to_vec());
        assert!(matches!(ended, Ok(None)));
        assert_eq!(messages, 3);
    }

    #[test]
    fn a_length_over_four_mebibytes_is_refused_before_a_byte_is_set_aside() {
        for claimed in [&b"\x81\x80\x80\x02"[..], b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
        {
            assert!(matches!(read(claimed.to_vec()).0, Err(ReadError::Length)));
        }
    }

    #[test]
    fn a_message_that_is_cut_short_is_the_end_of_the_stream() {
        assert!(matches!(read(b"\x80\x80\x80\x01\x00\x01".to_vec()).0, Err(ReadError::Stream(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = read(bytes);
        }
    }
}
