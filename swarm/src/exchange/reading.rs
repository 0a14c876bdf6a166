//! Reads one stream of a peer, message by message, each checked here; waits while the driver or the memory is busy.
//!
//! Nothing is set aside because a peer claims a length: the buffer grows with what has come, and what may be held at
//! once is bounded for the connection and for all of them. A peer that stops in the middle of a message is hung up on.

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

use super::driver::Input;

/// A peer that began a message sends the next bytes within this time.
const STALL: Duration = Duration::from_secs(20);
/// And all of it within this time, however long it is.
const WHOLE: Duration = Duration::from_secs(600);
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
    pub(super) budget: Arc<Semaphore>,
}

/// The memory that a message takes until the driver has dealt with it.
#[derive(Debug)]
pub(crate) struct Held {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Why a stream is read no further.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("the stream ended")]
    Stream(#[from] io::Error),
    #[error("the peer stopped in the middle of a message")]
    Stalled,
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
        let held = self.set_aside(length).await?;
        let body = timeout(WHOLE, self.body(stream, length)).await.map_err(|_| ReadError::Stalled)??;
        let message = Message::decode(&body)?;
        let input = Input::Arrived { peer: self.peer, message, held };
        self.inputs.send(input).await.map_err(|_| ReadError::Ended)?;
        Ok(Some(()))
    }

    async fn set_aside(&self, bytes: usize) -> Result<Held, ReadError> {
        let bytes = u32::try_from(bytes).map_err(|_| ReadError::Length)?;
        let _own = self.own.clone().acquire_many_owned(bytes).await.map_err(|_| ReadError::Ended)?;
        let _all = self.budget.clone().acquire_many_owned(bytes).await.map_err(|_| ReadError::Ended)?;
        Ok(Held { _own, _all })
    }

    async fn body<S: AsyncRead + Unpin>(&self, stream: &mut S, length: usize) -> Result<Bytes, ReadError> {
        let mut body = BytesMut::new();
        let mut filled = 0;
        let mut heard = Instant::now();
        while filled < length {
            if filled == body.len() {
                body.resize(length.min((2 * filled).max(FIRST_BYTES)), 0);
            }
            let read = timeout(STALL, stream.read(&mut body[filled..])).await.map_err(|_| ReadError::Stalled)??;
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
        Ok(body.freeze())
    }
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
    use libp2p::futures::io::Cursor;
    use proptest::prelude::*;

    fn reading() -> (Reading, mpsc::Receiver<Input>) {
        let (inputs, inbox) = mpsc::channel(16);
        let own = Arc::new(Semaphore::new(MAX_MESSAGE_BYTES));
        (Reading { peer: PeerId::random(), inputs, own: own.clone(), budget: own }, inbox)
    }

    /// Reads what is there, and says how it ended and how many messages there were.
    fn read(bytes: Vec<u8>) -> (Result<Option<()>, ReadError>, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (reading, mut inbox) = reading();
            let reading = Reading { budget: Arc::new(Semaphore::new(MAX_MESSAGE_BYTES)), ..reading };
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
