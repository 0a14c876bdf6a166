//! What the peer is told when it starts. The node reads its configuration and fills this in; nothing here is read twice.

use std::fmt;

use libp2p::{Multiaddr, PeerId, identity::Keypair};

use crate::{errors::KeyError, filters::Filter};

/// Everything that a peer is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who the peer is.
    pub key: KeyPair,
    /// Where other peers may connect.
    pub listen: Vec<Multiaddr>,
    /// Under which addresses others are told to connect; empty: those it listens at.
    pub announce: Vec<Multiaddr>,
    /// What it calls itself to others, such as `rookery/0.1.0`.
    pub agent_version: String,
    /// In which networks peers and providers are looked up.
    pub dht: Dht,
    /// Peers through which a network is entered; each ends in `/p2p/ID`.
    pub bootstrap: Vec<Multiaddr>,
    /// Peers to which a connection is always kept; each ends in `/p2p/ID`.
    pub peering: Vec<Multiaddr>,
    /// Peers known from before, as [`Swarm::known_addresses`](crate::Swarm::known_addresses) gave them.
    pub known: Vec<(PeerId, Vec<Multiaddr>)>,
    /// Networks that are neither connected to nor accepted from.
    pub filters: Vec<Filter>,
    /// Whether peers on the local network find each other by themselves.
    pub mdns: bool,
    /// Whether messages can be published to topics, and read.
    pub pubsub: bool,
    /// How much of everything, at most.
    pub limits: Limits,
    /// Trustless HTTP gateways that are asked for what no peer has.
    pub gateways: Vec<String>,
    /// Bytes of blocks on their way to peers and from them, at most.
    pub memory_bytes: usize,
}

impl Settings {
    /// A peer that listens nowhere, knows nobody, and looks nothing up.
    #[must_use]
    pub fn new(key: KeyPair) -> Self {
        Self {
            key,
            listen: Vec::new(),
            announce: Vec::new(),
            agent_version: concat!("rookery/", env!("CARGO_PKG_VERSION")).to_owned(),
            dht: Dht::Off,
            bootstrap: Vec::new(),
            peering: Vec::new(),
            known: Vec::new(),
            filters: Vec::new(),
            mdns: false,
            pubsub: false,
            limits: Limits::default(),
            gateways: Vec::new(),
            memory_bytes: 32 << 20,
        }
    }
}

/// In which networks peers and providers are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dht {
    /// In none.
    Off,
    /// Among the peers of the local network, `/ipfs/lan/kad/1.0.0`. Loopback and private addresses count.
    Lan,
    /// In the public network, `/ipfs/kad/1.0.0`, which never learns private addresses, and in the local one beside it.
    Public,
    /// In a network whose peers all say this prefix: `/my-network` for `/my-network/kad/1.0.0`. All addresses count.
    Private(String),
}

/// How much of everything, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections with peers. Above three quarters of it those that are least in use are closed.
    pub connections: u32,
    /// Connections with one peer.
    pub connections_per_peer: u32,
    /// Connections from one address of the network, loopback aside.
    pub connections_per_address: u32,
    /// Connections that are being made, in each direction.
    pub pending: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, connections_per_peer: 8, connections_per_address: 64, pending: 128 }
    }
}

/// A private key and its public key: who a peer is.
#[derive(Clone)]
pub struct KeyPair(pub(crate) Keypair);

impl KeyPair {
    /// A new ed25519 key pair.
    #[must_use]
    pub fn generate() -> Self {
        Self(Keypair::generate_ed25519())
    }

    /// Reads the private key as libp2p and Kubo write it (protobuf): ed25519, secp256k1, ECDSA or RSA.
    ///
    /// # Errors
    ///
    /// When the bytes are no such key.
    pub fn from_protobuf(private_key: &[u8]) -> Result<Self, KeyError> {
        Keypair::from_protobuf_encoding(private_key).map(Self).map_err(KeyError)
    }

    /// The id by which others know the holder of this key.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.0.public().to_peer_id()
    }

    /// The public key, as libp2p writes it (protobuf).
    #[must_use]
    pub fn public_protobuf(&self) -> Vec<u8> {
        self.0.public().encode_protobuf()
    }
}

impl fmt::Debug for KeyPair {
    /// Never the private key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.peer_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_itself() {
        let key = KeyPair::generate();
        assert_eq!(format!("{key:?}"), format!("KeyPair({})", key.peer_id()));
    }

    #[test]
    fn junk_is_no_key() {
        assert!(KeyPair::from_protobuf(b"junk").is_err());
        assert!(KeyPair::from_protobuf(&[]).is_err());
    }
}
