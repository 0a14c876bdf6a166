//! The peer: connections to other programs of IPFS, the DHT, pubsub, streams, and blocks from and for others.
//! The only crate that names libp2p.

pub use libp2p::{Multiaddr, PeerId};
