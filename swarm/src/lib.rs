//! The peer: connections to other programs of IPFS, the DHT, pubsub, streams, and blocks from and for others.
//! The only crate that names libp2p.
//!
//! A library of layer 3, used by `ipfs-node`. [`start`] makes a peer: a task that owns the libp2p swarm and never waits,
//! and a [`Swarm`], the handle through which all else is asked, each question with an end. It asks the node for blocks
//! through [`BlockStore`] and for nothing else; it keeps nothing on disk.

mod behaviour;
mod book;
mod dht;
mod errors;
mod exchange;
mod filters;
mod gate;
mod handle;
mod host;
mod scope;
mod seek;
mod settings;
mod start;
mod store;
mod streams;
mod transport;
mod views;

pub use errors::{ConnectError, DhtError, Gone, KeyError, PubsubError, StartError, StreamError};
pub use exchange::{Exchanged, FetchError, Fetcher, Session, Tally};
pub use filters::{Filter, FilterError};
pub use handle::{Subscription, Swarm};
pub use libp2p::{Multiaddr, PeerId};
pub use settings::{Dht, KeyPair, Limits, Settings};
pub use start::start;
pub use store::{BlockStore, StoreFault};
pub use streams::{Incoming, Stream};
pub use views::{Bandwidth, Direction, Identity, Message, PeerView, Provider};
