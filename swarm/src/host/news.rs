//! What the protocols tell: who somebody is, that somebody answers no more, who is near.

use libp2p::{Multiaddr, PeerId, identify, kad, mdns, ping};

use super::Host;
use crate::{behaviour::BehaviourEvent, dht::Net, scope::Scope, views::Identity};

/// After so many unanswered pings in a row a connection is given up.
const MISSED_PINGS: u32 = 2;
const ADDRESSES: usize = 32;
const PROTOCOLS: usize = 256;

impl Host {
    pub(super) fn on_news(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identity(peer_id, info);
            }
            BehaviourEvent::Ping(event) => self.on_ping(event),
            BehaviourEvent::Wide(event) => self.on_dht(Net::Wide, event),
            BehaviourEvent::Local(event) => self.on_dht(Net::Local, event),
            BehaviourEvent::Pubsub(event) => self.on_pubsub(event),
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => self.on_neighbours(found),
            BehaviourEvent::Reach(event) => {
                tracing::debug!(address = %event.tested_addr, ok = event.result.is_ok(), "tested");
            }
            _ => {}
        }
    }

    fn on_identity(&mut self, peer: PeerId, info: identify::Info) {
        let mut addresses = info.listen_addrs;
        addresses.truncate(ADDRESSES);
        let identity = Identity {
            id: peer,
            public_key: info.public_key.encode_protobuf(),
            addresses: addresses.clone(),
            agent: info.agent_version,
            protocols: info.protocols.iter().take(PROTOCOLS).map(ToString::to_string).collect(),
            protocol_version: info.protocol_version,
        };
        for net in [Net::Wide, Net::Local] {
            self.route(net, peer, &identity);
        }
        // Who is met far away may not send us to this machine or its neighbours.
        let is_near = self
            .peers
            .get(&peer)
            .is_some_and(|known| known.links.iter().any(|link| Scope::Local.admits(&link.address)));
        addresses.retain(|address| is_near || Scope::World.admits(address));
        self.swarm.behaviour_mut().gate.book.note(peer, addresses);
        if let Some(known) = self.peers.get_mut(&peer) {
            known.identity = Some(identity);
        }
    }

    /// Into a network's routing table comes who serves it at an address that the network may know; who no longer does
    /// goes out.
    fn route(&mut self, net: Net, peer: PeerId, identity: &Identity) {
        let Some(dht) = self.swarm.behaviour_mut().dht(net) else { return };
        let serves =
            dht.protocol_names().iter().any(|name| identity.protocols.iter().any(|spoken| spoken == name.as_ref()));
        if !serves {
            dht.remove_peer(&peer);
            return;
        }
        // Who says again and again that it is elsewhere is not believed to be everywhere.
        if dht.addresses_of(peer).len() > ADDRESSES {
            dht.remove_peer(&peer);
        }
        for address in &identity.addresses {
            if dht.admits(address) {
                dht.add_address(&peer, address.clone());
            }
        }
    }

    fn on_ping(&mut self, event: ping::Event) {
        let Some(peer) = self.peers.get_mut(&event.peer) else { return };
        match event.result {
            Ok(took) => (peer.latency, peer.missed_pings) = (Some(took), 0),
            Err(ping::Failure::Unsupported) => {}
            Err(cause) => {
                peer.missed_pings += 1;
                if peer.missed_pings >= MISSED_PINGS {
                    tracing::debug!(peer = %event.peer, %cause, "no answer to pings, connection closed");
                    self.swarm.close_connection(event.connection);
                }
            }
        }
    }

    fn on_neighbours(&mut self, found: Vec<(PeerId, Multiaddr)>) {
        for (peer, address) in found {
            self.learn(peer, [address]);
            if !self.peers.has(&peer) {
                self.dial_known(peer);
            }
        }
    }

    /// Notes where a peer is said to be, for dials and for the networks whose peers it may be.
    pub(crate) fn learn(&mut self, peer: PeerId, addresses: impl IntoIterator<Item = Multiaddr>) {
        let addresses: Vec<_> = addresses.into_iter().collect();
        for net in [Net::Wide, Net::Local] {
            let Some(dht) = self.swarm.behaviour_mut().dht(net) else { continue };
            for address in addresses.iter().filter(|address| dht.admits(address)).cloned().collect::<Vec<_>>() {
                dht.add_address(&peer, address);
            }
        }
        self.swarm.behaviour_mut().gate.book.note(peer, addresses);
    }

    /// Whether the peer helps to find others.
    pub(super) fn is_in_routing_table(&mut self, peer: PeerId) -> bool {
        [Net::Wide, Net::Local].into_iter().any(|net| {
            let bucket = self.swarm.behaviour_mut().dht(net).and_then(|dht| dht.kbucket(peer));
            bucket.is_some_and(|bucket| bucket.iter().any(|entry| *entry.node.key.preimage() == peer))
        })
    }

    fn on_dht(&mut self, net: Net, event: kad::Event) {
        match event {
            kad::Event::OutboundQueryProgressed { id, result, stats, step } => {
                self.on_progress((net, id), result, &stats, step.last);
            }
            kad::Event::InboundRequest { request } => self.on_request(net, request),
            _ => {}
        }
    }
}
