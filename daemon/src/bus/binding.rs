//! What the bus needs of a ZeroMQ library, and no more: another one could stand behind these traits.
//!
//! Whoever implements them promises little: messages between two peers keep their order, a death is told, and waiting
//! can be given up at any moment without losing a message. What a library lacks beside that (reconnecting, limits,
//! heartbeats, retries) is the bus's own.

use std::{fmt, future::Future, io, path::Path, time::Duration};

use bytes::Bytes;

/// One message: the header's frame, the body's, and the attachment's when it is not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parcel {
    /// [`proto::bus::Header`], encoded.
    pub header: Bytes,
    /// MessagePack, or a reason as text.
    pub body: Bytes,
    /// Raw bytes.
    pub attachment: Bytes,
}

/// One connection of an asker, by the name that it gave itself: `http-front.0.4711.9f3a…`. Never used twice.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Peer(pub Bytes);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a ROUTER has seen.
#[derive(Debug)]
pub enum Arrival {
    /// A message from an asker.
    Parcel(Peer, Parcel),
    /// An asker is gone.
    Gone(Peer),
    /// An asker could not be let in.
    NotAccepted(String),
}

/// What a PUB has seen.
#[derive(Debug)]
pub enum Audience {
    /// Somebody listens.
    Came(Peer),
    /// Somebody listens no more.
    Gone(Peer),
    /// Somebody could not be let in.
    NotAccepted(String),
}

/// A message that was not sent: its receiver is gone, or takes nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered;

/// A ZeroMQ library.
pub trait Binding: Send + Sync + 'static {
    /// Its ROUTER.
    type Router: Router;
    /// Its DEALER.
    type Dealer: Dealer;
    /// Its PUB.
    type Publisher: Publisher;
    /// Its SUB.
    type Subscriber: Subscriber;

    /// Listens at a path where there is no file yet.
    fn bind(path: &Path) -> impl Future<Output = io::Result<Self::Router>> + Send;

    /// Connects to a ROUTER that listens at `path`; done when both have greeted each other.
    fn connect(path: &Path, own: &Peer, within: Duration) -> impl Future<Output = io::Result<Self::Dealer>> + Send;

    /// Makes a PUB that listens at a path where there is no file yet.
    fn publish(path: &Path) -> impl Future<Output = io::Result<Self::Publisher>> + Send;

    /// Connects to a PUB that listens at `path`, and hears all of it from some moment soon after.
    fn subscribe(
        path: &Path,
        own: &Peer,
        within: Duration,
    ) -> impl Future<Output = io::Result<Self::Subscriber>> + Send;
}

/// The answering end. Dropping it cuts all connections.
pub trait Router: Send + 'static {
    /// Waits for the next arrival. Giving up loses nothing.
    fn next(&mut self) -> impl Future<Output = Arrival> + Send;

    /// Hands a message over for sending.
    fn send(&mut self, to: &Peer, parcel: Parcel) -> impl Future<Output = Result<(), Undelivered>> + Send;

    /// Cuts an asker's connection; what was not sent yet is dropped.
    fn cut(&mut self, peer: &Peer);
}

/// The asking end, for one instance. Dropping it cuts the connection.
pub trait Dealer: Send + 'static {
    /// Waits for the next message; none when the other end is gone for good. Giving up loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Parcel>> + Send;

    /// Hands a message over for sending.
    fn send(&mut self, parcel: Parcel) -> impl Future<Output = Result<(), Undelivered>> + Send;
}

/// The telling end. Dropping it cuts all connections.
pub trait Publisher: Send + 'static {
    /// Waits for a change of the audience. Giving up loses nothing.
    fn next(&mut self) -> impl Future<Output = Audience> + Send;

    /// Hands a message over to everybody, and waits for nobody. What it keeps for a slow one is bounded only by
    /// [`Publisher::cut`].
    fn send(&mut self, parcel: Parcel) -> impl Future<Output = Result<(), Undelivered>> + Send;

    /// Cuts a listener's connection.
    fn cut(&mut self, peer: &Peer);
}

/// The hearing end, of one instance. Dropping it cuts the connection.
pub trait Subscriber: Send + 'static {
    /// Waits for the next message; none when the other end is gone for good. Giving up loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Parcel>> + Send;
}
