//! Where peers were last met. Bounded; who was met longest ago is forgotten first. The node keeps it over a restart.

use std::collections::{HashMap, VecDeque};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

const PEERS: usize = 1024;
const ADDRESSES: usize = 16;

/// Addresses of peers, without `/p2p/ID`.
#[derive(Debug, Default)]
pub(crate) struct Book {
    addresses: HashMap<PeerId, Vec<Multiaddr>>,
    order: VecDeque<PeerId>,
}

impl Book {
    /// Notes where a peer is. What was noted last is tried first.
    pub(crate) fn note(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Multiaddr>) {
        let mut new: Vec<Multiaddr> = Vec::new();
        let old = self.addresses.remove(&peer);
        for address in addresses.into_iter().map(without_peer).chain(old.into_iter().flatten()) {
            if new.len() < ADDRESSES && !new.contains(&address) {
                new.push(address);
            }
        }
        self.order.retain(|kept| *kept != peer);
        if new.is_empty() {
            return;
        }
        self.order.push_back(peer);
        self.addresses.insert(peer, new);
        if self.order.len() > PEERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.addresses.remove(&oldest);
        }
    }

    pub(crate) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.addresses.get(peer).cloned().unwrap_or_default()
    }

    /// All, those met last first.
    pub(crate) fn all(&self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        self.order.iter().rev().filter_map(|peer| Some((*peer, self.addresses.get(peer)?.clone()))).collect()
    }
}

/// The address of the machine, without the peer's id at its end.
pub(crate) fn without_peer(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

/// The peer whose id stands at the end of an address.
pub(crate) fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last()? {
        Protocol::P2p(peer) => Some(peer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: usize) -> Multiaddr {
        format!("/ip4/10.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn the_latest_address_is_tried_first_and_none_twice() {
        let (mut book, peer) = (Book::default(), PeerId::random());
        book.note(peer, [address(1)]);
        book.note(peer, [address(2), address(1).with(Protocol::P2p(peer))]);
        assert_eq!(book.addresses(&peer), [address(2), address(1)]);
    }

    #[test]
    fn it_forgets_who_was_met_longest_ago_and_has_a_limit() {
        let (mut book, first) = (Book::default(), PeerId::random());
        book.note(first, [address(1)]);
        for _ in 0..PEERS {
            book.note(PeerId::random(), (0..100).map(address));
        }
        assert!(book.addresses(&first).is_empty());
        assert_eq!(book.all().len(), PEERS);
        assert!(book.all().iter().all(|(_, addresses)| addresses.len() == ADDRESSES));
    }
}
