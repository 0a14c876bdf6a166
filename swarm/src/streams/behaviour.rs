//! The part of the swarm that opens streams: it knows which peers are connected, and passes orders to their handlers.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    task::{Context, Poll, Waker},
};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
    },
};
use tokio::sync::oneshot;

use super::{
    Desk, Refusal, Stream,
    handler::{Handler, Order},
};

/// Opens streams and accepts them.
#[derive(Debug, Default)]
pub(crate) struct Behaviour {
    desk: Desk,
    connections: HashMap<PeerId, u32>,
    orders: VecDeque<(PeerId, Order)>,
    waker: Option<Waker>,
}

impl Behaviour {
    pub(crate) fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Opens a stream with a connected peer. The host's queue of commands bounds how many are ordered at once.
    pub(crate) fn open(
        &mut self,
        peer: PeerId,
        protocol: StreamProtocol,
        reply: oneshot::Sender<Result<Stream, Refusal>>,
    ) {
        if !self.connections.contains_key(&peer) {
            let _ = reply.send(Err(Refusal::NotConnected));
            return;
        }
        self.orders.push_back((peer, Order { protocol, reply }));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn handler(&self, peer: PeerId) -> Handler {
        Handler::new(peer, self.desk.clone())
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(peer))
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(new) => *self.connections.entry(new.peer_id).or_default() += 1,
            FromSwarm::ConnectionClosed(closed) if closed.remaining_established == 0 => {
                self.connections.remove(&closed.peer_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        if let Some((peer_id, event)) = self.orders.pop_front() {
            return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event });
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
