//! A DHT that learns only the addresses of its own network.
//!
//! The library hands every address of ours to every behaviour, and dials whatever a stranger names. Between the two stands
//! this: what is outside the network's scope does not pass, in either direction.

use std::{
    ops::{Deref, DerefMut},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    kad,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm,
    },
};

use super::Shelf;
use crate::scope::Scope;

type Kad = kad::Behaviour<Shelf>;

/// Kademlia within a [`Scope`].
pub(crate) struct Scoped {
    kad: Kad,
    scope: Scope,
}

impl Scoped {
    pub(crate) fn new(kad: Kad, scope: Scope) -> Self {
        Self { kad, scope }
    }

    /// Whether the network may know this address.
    pub(crate) fn admits(&self, address: &Multiaddr) -> bool {
        self.scope.admits(address)
    }

    /// Where the peer is, as far as the routing table and the searches that run know.
    pub(crate) fn addresses_of(&mut self, peer: PeerId) -> Vec<Multiaddr> {
        let nowhere = ConnectionId::new_unchecked(0);
        let known = self.kad.handle_pending_outbound_connection(nowhere, Some(peer), &[], Endpoint::Dialer);
        let mut known = known.unwrap_or_default();
        known.retain(|address| self.scope.admits(address));
        known
    }
}

impl Deref for Scoped {
    type Target = Kad;

    fn deref(&self) -> &Kad {
        &self.kad
    }
}

impl DerefMut for Scoped {
    fn deref_mut(&mut self) -> &mut Kad {
        &mut self.kad
    }
}

impl NetworkBehaviour for Scoped {
    type ConnectionHandler = <Kad as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = kad::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.kad.handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        Ok(peer.map(|peer| self.addresses_of(peer)).unwrap_or_default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.kad.handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        let address = match &event {
            FromSwarm::NewListenAddr(new) => Some(new.addr),
            FromSwarm::ExpiredListenAddr(expired) => Some(expired.addr),
            FromSwarm::ExternalAddrConfirmed(confirmed) => Some(confirmed.addr),
            FromSwarm::ExternalAddrExpired(expired) => Some(expired.addr),
            _ => None,
        };
        if address.is_none_or(|address| self.scope.admits(address)) {
            self.kad.on_swarm_event(event);
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        self.kad.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<kad::Event, THandlerInEvent<Self>>> {
        self.kad.poll(cx)
    }
}
