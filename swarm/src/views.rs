//! What the peer tells about itself and others. Plain values: they say how things were when they were asked for.

use std::time::Duration;

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};

/// Who began a connection or a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The other side.
    Inbound,
    /// We.
    Outbound,
}

/// One connection with a peer.
#[derive(Debug, Clone)]
pub struct PeerView {
    /// Who it is.
    pub id: PeerId,
    /// Where it is, without `/p2p/ID`.
    pub address: Multiaddr,
    /// Who connected.
    pub direction: Direction,
    /// How long a ping took when it was last tried.
    pub latency: Option<Duration>,
    /// What carries several streams over it: `yamux`, `quic`.
    pub muxer: &'static str,
    /// The protocols of the open streams that were opened or accepted through [`Swarm`](crate::Swarm).
    pub streams: Vec<String>,
    /// What it said of itself; none until it did.
    pub identity: Option<Identity>,
}

/// What a peer says of itself.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Who it is.
    pub id: PeerId,
    /// Its public key, as libp2p writes it (protobuf).
    pub public_key: Vec<u8>,
    /// Where it can be connected to, without `/p2p/ID`.
    pub addresses: Vec<Multiaddr>,
    /// Its program: `kubo/0.43.0`.
    pub agent: String,
    /// The protocols of streams that it accepts.
    pub protocols: Vec<String>,
    /// `ipfs/0.1.0`
    pub protocol_version: String,
}

/// A peer that has something, or is near to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Who it is.
    pub id: PeerId,
    /// Where it is said to be; may be empty.
    pub addresses: Vec<Multiaddr>,
}

/// Bytes that passed, and how many a second of late.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bandwidth {
    /// Received since the start.
    pub in_bytes: u64,
    /// Sent since the start.
    pub out_bytes: u64,
    /// Received a second, of late.
    pub in_rate: f64,
    /// Sent a second, of late.
    pub out_rate: f64,
}

impl Bandwidth {
    /// The same rates, with the bytes that have passed by now.
    pub(crate) fn now(self, (in_bytes, out_bytes): (u64, u64)) -> Self {
        Self { in_bytes, out_bytes, ..self }
    }

    /// The rates after another second: a running mean over some ten of them.
    #[expect(clippy::cast_precision_loss, reason = "a rate of bytes a second is looked at by people")]
    pub(crate) fn after_a_second(self, (in_bytes, out_bytes): (u64, u64)) -> Self {
        let mean = |rate: f64, old: u64, new: u64| rate * 0.9 + new.saturating_sub(old) as f64 * 0.1;
        Self {
            in_bytes,
            out_bytes,
            in_rate: mean(self.in_rate, self.in_bytes, in_bytes),
            out_rate: mean(self.out_rate, self.out_bytes, out_bytes),
        }
    }
}

/// One message of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who published it.
    pub from: PeerId,
    /// What it says.
    pub body: Bytes,
    /// Its number among its publisher's messages.
    pub sequence: u64,
    /// Where it was published.
    pub topic: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_what_passes_and_dies_away() {
        let mut seen = Bandwidth::default();
        for second in 1..=60 {
            seen = seen.after_a_second((second * 1000, second * 10));
        }
        assert!((900.0..=1000.0).contains(&seen.in_rate), "{seen:?}");
        assert!((9.0..=10.0).contains(&seen.out_rate), "{seen:?}");
        for _ in 0..60 {
            seen = seen.after_a_second((60_000, 600));
        }
        assert!(seen.in_rate < 10.0 && seen.in_bytes == 60_000, "{seen:?}");
    }
}
