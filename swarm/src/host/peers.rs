//! Who is connected, and what is known of them. Bounded by the limit of connections.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, core::ConnectedPoint, multiaddr::Protocol, swarm::ConnectionId};
use tokio::sync::oneshot;

use crate::{
    book::without_peer,
    views::{Direction, Identity, PeerView},
};

/// The connected peers.
#[derive(Debug, Default)]
pub(crate) struct Peers(HashMap<PeerId, Peer>);

/// One of them.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    pub(crate) links: Vec<Link>,
    pub(crate) identity: Option<Identity>,
    pub(crate) latency: Option<Duration>,
    pub(crate) missed_pings: u32,
    on_gone: Vec<oneshot::Sender<()>>,
}

/// One connection with it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    pub(crate) address: Multiaddr,
    pub(crate) direction: Direction,
    pub(crate) since: Instant,
}

impl Peers {
    pub(crate) fn connected(&mut self, peer: PeerId, id: ConnectionId, point: &ConnectedPoint) {
        let direction = if point.is_dialer() { Direction::Outbound } else { Direction::Inbound };
        let address = without_peer(point.get_remote_address().clone());
        self.0.entry(peer).or_default().links.push(Link { id, address, direction, since: Instant::now() });
    }

    /// Returns whether it was the last connection with the peer.
    pub(crate) fn disconnected(&mut self, peer: PeerId, id: ConnectionId) -> bool {
        let Some(known) = self.0.get_mut(&peer) else { return false };
        known.links.retain(|link| link.id != id);
        if !known.links.is_empty() {
            return false;
        }
        let gone = self.0.remove(&peer);
        for waiting in gone.into_iter().flat_map(|peer| peer.on_gone) {
            let _ = waiting.send(());
        }
        true
    }

    pub(crate) fn get(&self, peer: &PeerId) -> Option<&Peer> {
        self.0.get(peer)
    }

    pub(crate) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Peer> {
        self.0.get_mut(peer)
    }

    pub(crate) fn has(&self, peer: &PeerId) -> bool {
        self.0.contains_key(peer)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.0.iter()
    }

    pub(crate) fn links(&self) -> usize {
        self.0.values().map(|peer| peer.links.len()).sum()
    }

    /// Tells when the last connection with the peer is gone.
    pub(crate) fn when_gone(&mut self, peer: &PeerId, waiting: oneshot::Sender<()>) {
        match self.0.get_mut(peer) {
            Some(peer) => peer.on_gone.push(waiting),
            None => {
                let _ = waiting.send(());
            }
        }
    }

    /// All connections, as others see them.
    pub(crate) fn views(&self, open: &HashMap<PeerId, Vec<String>>) -> Vec<PeerView> {
        let mut views: Vec<_> = self.0.iter().flat_map(|(id, peer)| peer.views(*id, open)).collect();
        views.sort_by_key(|view| view.id.to_bytes());
        views
    }
}

impl Peer {
    fn views(&self, id: PeerId, open: &HashMap<PeerId, Vec<String>>) -> impl Iterator<Item = PeerView> {
        self.links.iter().map(move |link| PeerView {
            id,
            address: link.address.clone(),
            direction: link.direction,
            latency: self.latency,
            muxer: muxer(&link.address),
            streams: open.get(&id).cloned().unwrap_or_default(),
            identity: self.identity.clone(),
        })
    }
}

fn muxer(address: &Multiaddr) -> &'static str {
    let quic = address.iter().any(|part| matches!(part, Protocol::QuicV1 | Protocol::Quic));
    if quic { "quic" } else { "yamux" }
}
