//! Who may connect at all: no address of a filtered network, and not too many connections from one address.
//! It also holds the [`Book`]: where peers were last met, for whoever dials them.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm, dummy,
    },
};

use crate::{
    book::Book,
    filters::{Filters, ip},
};

/// The gate at which each connection is looked at.
#[derive(Debug)]
pub(crate) struct Gate {
    filters: Filters,
    per_address: u32,
    pub(crate) book: Book,
    /// The connections that came from outside, by where from. Bounded by the limit of connections.
    from: HashMap<ConnectionId, IpAddr>,
}

#[derive(Debug, thiserror::Error)]
enum Turned {
    #[error("its network is filtered")]
    Filtered,
    #[error("there are too many connections from its address")]
    Crowd,
}

impl Gate {
    pub(crate) fn new(filters: Filters, per_address: u32) -> Self {
        Self { filters, per_address, book: Book::default(), from: HashMap::new() }
    }

    fn look(&self, address: &Multiaddr) -> Result<(), ConnectionDenied> {
        if self.filters.refuse(address) {
            return Err(ConnectionDenied::new(Turned::Filtered));
        }
        let Some(ip) = ip(address).filter(|ip| !ip.is_loopback()) else { return Ok(()) };
        let same = self.from.values().filter(|other| place(**other) == place(ip)).count();
        if same >= self.per_address as usize { Err(ConnectionDenied::new(Turned::Crowd)) } else { Ok(()) }
    }
}

/// What one subscriber has: an IPv4 address, or an IPv6 network of 64 bits.
fn place(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
        ip @ IpAddr::V4(_) => ip,
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.look(remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.look(remote)?;
        if let Some(ip) = ip(remote) {
            self.from.insert(connection, ip);
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        Ok(peer.map(|peer| self.book.addresses(&peer)).unwrap_or_default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if self.filters.refuse(address) {
            return Err(ConnectionDenied::new(Turned::Filtered));
        }
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionClosed(closed) => drop(self.from.remove(&closed.connection_id)),
            // Another behaviour turned it away after we had let it in.
            FromSwarm::ListenFailure(failed) => drop(self.from.remove(&failed.connection_id)),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn come(gate: &mut Gate, number: usize, address: &str) -> bool {
        let remote = address.parse().unwrap();
        let (id, peer) = (ConnectionId::new_unchecked(number), PeerId::random());
        gate.handle_established_inbound_connection(id, peer, &Multiaddr::empty(), &remote).is_ok()
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_count_as_one_place() {
        let mut gate = Gate::new(Filters::default(), 2);
        assert!(come(&mut gate, 1, "/ip6/2001:db8::1/tcp/1"));
        assert!(come(&mut gate, 2, "/ip6/2001:db8::2/tcp/1"));
        assert!(!come(&mut gate, 3, "/ip6/2001:db8::ffff:3/tcp/1"));
        assert!(come(&mut gate, 4, "/ip6/2001:db8:0:1::1/tcp/1"), "another network");
    }
}
