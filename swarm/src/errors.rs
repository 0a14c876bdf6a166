//! What can go wrong, and what to do about it.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId, identity};

/// The bytes are no private key.
#[derive(Debug, thiserror::Error)]
#[error("the private key cannot be read; give the protobuf form that libp2p and Kubo write")]
pub struct KeyError(#[source] pub(crate) identity::DecodingError);

/// A peer could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key cannot be used for connections.
    #[error("the peer's key cannot sign for connections; use an ed25519 key")]
    Key(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It cannot listen there.
    #[error("cannot listen for peers at {address}; is the port taken, the address another machine's?")]
    Listen {
        /// Where.
        address: Multiaddr,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The prefix of a private network has another shape.
    #[error("the network's prefix {0:?} is none; it begins with a slash and has no space: /my-network")]
    Prefix(String),
    /// An address does not say whose it is.
    #[error("{0} does not name a peer; end it with /p2p/ and the peer's id")]
    NoPeer(Multiaddr),
    /// Something else of the peer cannot be made.
    #[error("cannot make {part} of the peer")]
    Part {
        /// What.
        part: &'static str,
        /// Why not.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// No answer came from the peer's own task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Gone {
    /// It has ended.
    #[error("the peer has stopped; start the node again")]
    Stopped,
    /// It took too long.
    #[error("no answer within {} ms; ask again, or allow more time", .0.as_millis())]
    TimedOut(Duration),
}

/// A peer could not be connected to, or let go.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address names no peer, and one is needed.
    #[error("{0} does not name a peer; end it with /p2p/ and the peer's id")]
    NoPeer(Multiaddr),
    /// Nobody knows where the peer is.
    #[error("no address of {0} is known; give one, or try again when the network knows it")]
    NoAddress(PeerId),
    /// There is no connection with the peer.
    #[error("not connected to {0}; connect first")]
    NotConnected(PeerId),
    /// It was tried.
    #[error("cannot connect: {0}; check the address, and that the peer runs")]
    Failed(String),
    /// No answer.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// The DHT was asked in vain.
#[derive(Debug, thiserror::Error)]
pub enum DhtError {
    /// It is switched off.
    #[error("no DHT is in use; set dht to \"lan\", \"public\" or a private network's prefix")]
    Off,
    /// Nobody in the network is known yet.
    #[error("no peer of the network is known yet; connect to one, or set bootstrap")]
    NoPeers,
    /// It has no such record or peer.
    #[error("not found in the network; the record may have ended, or its holders be away")]
    NotFound,
    /// The record is not what its key promises.
    #[error("the record is refused: {0}; only valid records of /ipns/ and /pk/ are kept")]
    Invalid(String),
    /// No answer.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// A stream could not be opened or accepted.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The name is none.
    #[error("{0:?} names no protocol; it begins with a slash: /x/my-protocol")]
    Name(String),
    /// Somebody accepts these streams already.
    #[error("streams of {0} are accepted already; close the other listener first")]
    Taken(String),
    /// The other side does not speak it.
    #[error("{peer} does not speak {protocol}; start its listener there")]
    Unsupported {
        /// Who.
        peer: PeerId,
        /// What.
        protocol: String,
    },
    /// It broke while it was opened.
    #[error("the stream broke while it was opened; try again")]
    Broken(#[source] std::io::Error),
    /// There is no connection, and none could be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No answer.
    #[error(transparent)]
    Gone(#[from] Gone),
}

/// A message could not be published or read.
#[derive(Debug, thiserror::Error)]
pub enum PubsubError {
    /// It is switched off.
    #[error("pubsub is off; set pubsub = true in [ipfs-node]")]
    Off,
    /// The message was not taken.
    #[error("the message was not published: {0}")]
    Refused(String),
    /// No answer.
    #[error(transparent)]
    Gone(#[from] Gone),
}
