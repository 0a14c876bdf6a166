//! Writes to one peer: a task with one long-lived stream, which it opens when there is something to say.
//!
//! What could not be written is written again on a new stream, and only then reported: an answer that a peer misses costs
//! it up to 45 seconds.

use std::{io, time::Duration};

use bitswap::{Message, Protocol, Ticket};
use bytes::Bytes;
use libp2p::{PeerId, futures::AsyncWriteExt as _};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{behaviour::Order, driver::Input};

/// Letters that wait for their peer: our wants, and the replies that the server allows at once.
pub(super) const LETTERS: usize = 4;
/// How often a letter is written before it is given up.
const ATTEMPTS: usize = 3;
/// A stream is open within this time.
const OPEN_WAIT: Duration = Duration::from_secs(20);
/// A peer takes the next piece, a block at most, within this time.
const WRITE_WAIT: Duration = Duration::from_secs(60);

/// What came of opening a stream.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is open.
    Stream(libp2p::Stream, Protocol),
    /// The peer does not speak Bitswap.
    Deaf,
    /// It is not connected.
    Gone,
    /// Something else went wrong; it may go better the next time.
    Broken,
}

/// A message for the peer.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) message: Message,
    pub(super) kind: Kind,
}

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What we want.
    Wants,
    /// A reply to what the peer wants.
    Reply(Ticket),
}

/// What became of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was written.
    Written,
    /// It was not.
    Failed,
    /// The peer cannot be written to at all.
    Deaf,
}

/// The task.
pub(super) struct Writer {
    pub(super) peer: PeerId,
    /// Which connection of the driver's this is.
    pub(super) visit: u64,
    pub(super) letters: mpsc::Receiver<Letter>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) inputs: mpsc::Sender<Input>,
}

impl Writer {
    /// Writes until the driver has no more letters for the peer.
    pub(super) async fn run(mut self) {
        let mut stream = None;
        while let Some(letter) = self.letters.recv().await {
            let outcome = self.write(&mut stream, &letter.message).await;
            let input = Input::Written { peer: self.peer, visit: self.visit, kind: letter.kind, outcome };
            drop(letter);
            if self.inputs.send(input).await.is_err() {
                return;
            }
        }
    }

    async fn write(&self, open: &mut Option<(libp2p::Stream, Protocol)>, message: &Message) -> Outcome {
        for _ in 0..ATTEMPTS {
            if open.is_none() {
                match self.open().await {
                    Opened::Stream(stream, protocol) => *open = Some((stream, protocol)),
                    Opened::Deaf => return Outcome::Deaf,
                    Opened::Gone => return Outcome::Failed,
                    Opened::Broken => continue,
                }
            }
            let Some((stream, protocol)) = open else { continue };
            match write_all(stream, &message.frame(*protocol)).await {
                Ok(()) => return Outcome::Written,
                Err(error) => {
                    tracing::debug!(peer = %self.peer, %error, "Bitswap message was not written");
                    *open = None;
                }
            }
        }
        Outcome::Failed
    }

    async fn open(&self) -> Opened {
        let (reply, opened) = oneshot::channel();
        if self.orders.send(Order::Open(self.peer, reply)).await.is_err() {
            return Opened::Gone;
        }
        match timeout(OPEN_WAIT, opened).await {
            Ok(Ok(opened)) => opened,
            // The connection ended while it was being opened.
            Ok(Err(_)) | Err(_) => Opened::Broken,
        }
    }
}

async fn write_all(stream: &mut libp2p::Stream, pieces: &[Bytes]) -> io::Result<()> {
    for piece in pieces {
        timeout(WRITE_WAIT, stream.write_all(piece)).await??;
    }
    timeout(WRITE_WAIT, stream.flush()).await?
}
