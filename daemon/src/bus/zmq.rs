//! The crate `zeromq` 0.7 as a [`Binding`]: the only file in Rookery that names it.
//!
//! What was measured and read of it, and is minded here and in the bus:
//!
//! * A DEALER never reconnects: it is dropped and a new one is made, with a name that was never used.
//! * A peer's queue takes 100,000 messages of any size; the bus's window keeps it almost empty.
//! * While such a queue is full, sending holds a lock that the task which empties it may block on. It never is full, and
//!   if it were, sending gives up after [`SEND_WAIT`] and the lock is free again.
//! * A frame is a slice of the read buffer: whoever kept a small one would keep 64 KiB. So small attachments are copied.
//! * The end of a connection is told by the monitor only: receiving just stays pending.
//! * PUB keeps up to 100,000 messages for a SUB that does not read, and says nothing about it: the bus cuts a SUB long
//!   before that, and a SUB that reads has come back before it is cut.
//! * SUB connects again by itself, slower and slower: it is dropped at the first loss, like a DEALER.
//! * A refused connect is tried again inside the crate, every 50 ms and slower: the bus gives up on it as soon as it
//!   sees the file change.

use std::{collections::VecDeque, future::Future, io, path::Path, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::time::timeout;
use zeromq::{
    DealerSocket, PubSocket, RouterSocket, Socket as _, SocketEvent, SocketOptions, SocketRecv as _, SocketSend as _,
    SubSocket, ZmqError, ZmqMessage, util::PeerIdentity,
};

use super::binding::{Arrival, Audience, Binding, Dealer, Parcel, Peer, Publisher, Router, Subscriber, Undelivered};

/// A peer that takes nothing for so long counts as gone.
const SEND_WAIT: Duration = Duration::from_secs(1);
/// Attachments up to this length are copied out of the read buffer.
const COPIED_BYTES: usize = 64 * 1024;

/// The crate `zeromq`.
#[derive(Debug, Clone, Copy)]
pub struct ZeroMq;

type Events = std::pin::Pin<Box<dyn Stream<Item = SocketEvent> + Send>>;

/// A ROUTER.
pub struct ZmqRouter {
    socket: RouterSocket,
    events: Events,
}

/// A DEALER with one connection.
pub struct ZmqDealer {
    socket: DealerSocket,
    events: Events,
}

/// A PUB.
pub struct ZmqPublisher {
    socket: PubSocket,
    events: Events,
}

/// A SUB with one connection.
pub struct ZmqSubscriber {
    socket: SubSocket,
    events: Events,
}

impl Binding for ZeroMq {
    type Router = ZmqRouter;
    type Dealer = ZmqDealer;
    type Publisher = ZmqPublisher;
    type Subscriber = ZmqSubscriber;

    async fn bind(path: &Path) -> io::Result<ZmqRouter> {
        let mut socket = RouterSocket::new();
        let events = socket.monitor().boxed();
        socket.bind(&endpoint(path)).await.map_err(io_error)?;
        Ok(ZmqRouter { socket, events })
    }

    async fn connect(path: &Path, own: &Peer, within: Duration) -> io::Result<ZmqDealer> {
        let mut socket = DealerSocket::with_options(options(own, within)?);
        let events = socket.monitor().boxed();
        socket.connect(&endpoint(path)).await.map_err(io_error)?;
        Ok(ZmqDealer { socket, events })
    }

    async fn publish(path: &Path) -> io::Result<ZmqPublisher> {
        let mut socket = PubSocket::new();
        let events = socket.monitor().boxed();
        socket.bind(&endpoint(path)).await.map_err(io_error)?;
        Ok(ZmqPublisher { socket, events })
    }

    async fn subscribe(path: &Path, own: &Peer, within: Duration) -> io::Result<ZmqSubscriber> {
        let mut socket = SubSocket::with_options(options(own, within)?);
        let events = socket.monitor().boxed();
        // Before there is a connection: it is sent with the greeting.
        socket.subscribe("").await.map_err(io_error)?;
        socket.connect(&endpoint(path)).await.map_err(io_error)?;
        Ok(ZmqSubscriber { socket, events })
    }
}

fn options(own: &Peer, within: Duration) -> io::Result<SocketOptions> {
    let mut options = SocketOptions::default();
    options.peer_identity(PeerIdentity::try_from(own.0.clone()).map_err(io_error)?).connect_timeout(within);
    Ok(options)
}

impl Router for ZmqRouter {
    async fn next(&mut self) -> Arrival {
        loop {
            tokio::select! {
                biased;
                Some(event) = self.events.next() => match event {
                    SocketEvent::Disconnected(peer) => return Arrival::Gone(Peer(peer.into())),
                    SocketEvent::AcceptFailed(cause) => return Arrival::NotAccepted(cause.to_string()),
                    _ => {}
                },
                message = self.socket.recv() => return match message {
                    Ok(message) => from_router(message),
                    Err(cause) => Arrival::NotAccepted(cause.to_string()),
                },
            }
        }
    }

    async fn send(&mut self, to: &Peer, parcel: Parcel) -> Result<(), Undelivered> {
        give(self.socket.send(message(Some(to), parcel))).await
    }

    fn cut(&mut self, peer: &Peer) {
        if let Ok(peer) = PeerIdentity::try_from(peer.0.clone()) {
            self.socket.backend().peer_disconnected(&peer);
        }
    }
}

impl Dealer for ZmqDealer {
    async fn next(&mut self) -> Option<Parcel> {
        loop {
            tokio::select! {
                biased;
                Some(event) = self.events.next() => if let SocketEvent::Disconnected(_) = event { return None },
                message = self.socket.recv() => return Some(parcel(message.ok()?.into_vecdeque())),
            }
        }
    }

    async fn send(&mut self, parcel: Parcel) -> Result<(), Undelivered> {
        give(self.socket.send(message(None, parcel))).await
    }
}

impl Publisher for ZmqPublisher {
    async fn next(&mut self) -> Audience {
        loop {
            match self.events.next().await {
                Some(SocketEvent::Accepted(_, peer)) => return Audience::Came(Peer(peer.into())),
                Some(SocketEvent::Disconnected(peer)) => return Audience::Gone(Peer(peer.into())),
                Some(SocketEvent::AcceptFailed(cause)) => return Audience::NotAccepted(cause.to_string()),
                Some(_) => {}
                // The monitor lives as long as the socket; if it did not, nothing would be seen any more.
                None => std::future::pending().await,
            }
        }
    }

    async fn send(&mut self, parcel: Parcel) -> Result<(), Undelivered> {
        give(self.socket.send(message(None, parcel))).await
    }

    fn cut(&mut self, peer: &Peer) {
        if let Ok(peer) = PeerIdentity::try_from(peer.0.clone()) {
            self.socket.backend().peer_disconnected(&peer);
        }
    }
}

impl Subscriber for ZmqSubscriber {
    async fn next(&mut self) -> Option<Parcel> {
        loop {
            tokio::select! {
                biased;
                message = self.socket.recv() => return Some(parcel(message.ok()?.into_vecdeque())),
                Some(event) = self.events.next() => if let SocketEvent::Disconnected(_) = event { return None },
            }
        }
    }
}

async fn give(sending: impl Future<Output = Result<(), ZmqError>>) -> Result<(), Undelivered> {
    timeout(SEND_WAIT, sending).await.map_err(|_| Undelivered)?.map_err(|_| Undelivered)
}

fn endpoint(path: &Path) -> String {
    format!("ipc://{}", path.display())
}

fn io_error(error: ZmqError) -> io::Error {
    match error {
        ZmqError::Network(cause) => cause,
        other => io::Error::other(other),
    }
}

fn message(to: Option<&Peer>, parcel: Parcel) -> ZmqMessage {
    let mut frames = VecDeque::with_capacity(4);
    frames.extend(to.map(|peer| peer.0.clone()));
    frames.push_back(parcel.header);
    frames.push_back(parcel.body);
    if !parcel.attachment.is_empty() {
        frames.push_back(parcel.attachment);
    }
    ZmqMessage::try_from(frames).expect("a message has a header")
}

/// The first frame is the sender's name, put there by the socket itself.
fn from_router(message: ZmqMessage) -> Arrival {
    let mut frames = message.into_vecdeque();
    let peer = Peer(frames.pop_front().unwrap_or_default());
    Arrival::Parcel(peer, parcel(frames))
}

/// Frames that are missing are empty, frames too many are ignored: the header will tell whether it makes sense.
fn parcel(mut frames: VecDeque<Bytes>) -> Parcel {
    let mut next = || frames.pop_front().unwrap_or_default();
    let (header, body, attachment) = (next(), next(), next());
    let attachment = if attachment.len() <= COPIED_BYTES { Bytes::copy_from_slice(&attachment) } else { attachment };
    Parcel { header, body, attachment }
}

impl std::fmt::Debug for ZmqRouter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZmqRouter")
    }
}

impl std::fmt::Debug for ZmqPublisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZmqPublisher")
    }
}

impl std::fmt::Debug for ZmqSubscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZmqSubscriber")
    }
}

impl std::fmt::Debug for ZmqDealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZmqDealer")
    }
}
