//! The part of the swarm that carries Bitswap: it tells the driver who is there, and carries out its orders.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    futures::channel::mpsc as slow,
    swarm::{
        CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        behaviour::ConnectionEstablished,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    READING_PER_CONNECTION,
    budget::Budget,
    driver::Input,
    handler::{Handler, Open},
    reading::Reading,
    writing::Opened,
};

/// Changes that wait for the driver.
const CHANGES: usize = 64;

/// Somebody came or went.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// The first connection with a peer; the address, if we dialled it.
    Came(PeerId, Option<Multiaddr>),
    /// The last connection with a peer has ended.
    Went(PeerId),
}

/// What the driver orders.
#[derive(Debug)]
pub(crate) enum Order {
    /// Open a stream.
    Open(PeerId, oneshot::Sender<Opened>),
    /// Hang up.
    Disconnect(PeerId),
    /// Connect again.
    Dial(PeerId, Vec<Multiaddr>),
}

/// Carries Bitswap.
pub(crate) struct Behaviour {
    connections: HashMap<PeerId, usize>,
    /// What the driver has not been told yet: at most a coming and a going of each connection.
    changed: VecDeque<Change>,
    changes: slow::Sender<Change>,
    orders: mpsc::Receiver<Order>,
    inputs: mpsc::Sender<Input>,
    budget: Arc<Budget>,
}

impl Behaviour {
    pub(super) fn new(
        orders: mpsc::Receiver<Order>,
        inputs: mpsc::Sender<Input>,
        budget: Arc<Budget>,
    ) -> (Self, slow::Receiver<Change>) {
        let (changes, changed) = slow::channel(CHANGES);
        let behaviour = Self { connections: HashMap::new(), changed: VecDeque::new(), changes, orders, inputs, budget };
        (behaviour, changed)
    }

    fn handler(&self, peer: PeerId) -> Handler {
        let own = Arc::new(Semaphore::new(READING_PER_CONNECTION));
        Handler::new(Reading { peer, inputs: self.inputs.clone(), own, budget: self.budget.clone() })
    }

    fn came(&mut self, peer: PeerId, endpoint: &ConnectedPoint) {
        let connections = self.connections.entry(peer).or_default();
        *connections += 1;
        if *connections == 1 {
            let dialled = match endpoint {
                ConnectedPoint::Dialer { address, .. } => Some(address.clone()),
                ConnectedPoint::Listener { .. } => None,
            };
            self.changed.push_back(Change::Came(peer, dialled));
        }
    }

    fn went(&mut self, peer: PeerId, remaining: usize) {
        if remaining == 0 && self.connections.remove(&peer).is_some() {
            self.changed.push_back(Change::Went(peer));
        } else if let Some(connections) = self.connections.get_mut(&peer) {
            *connections = remaining;
        }
    }

    fn tell(&mut self, cx: &mut Context<'_>) {
        while !self.changed.is_empty() {
            match self.changes.poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    let Some(change) = self.changed.pop_front() else { return };
                    let _ = self.changes.start_send(change);
                }
                // The driver has ended: nobody wants to know.
                Poll::Ready(Err(_)) => self.changed.clear(),
                Poll::Pending => return,
            }
        }
    }

    fn carry_out(&self, order: Order) -> Option<ToSwarm<Infallible, Open>> {
        match order {
            Order::Open(peer, reply) if self.connections.contains_key(&peer) => {
                Some(ToSwarm::NotifyHandler { peer_id: peer, handler: NotifyHandler::Any, event: Open(reply) })
            }
            Order::Open(_, reply) => {
                let _ = reply.send(Opened::Gone);
                None
            }
            Order::Disconnect(peer) => {
                Some(ToSwarm::CloseConnection { peer_id: peer, connection: CloseConnection::All })
            }
            Order::Dial(peer, _) if self.connections.contains_key(&peer) => None,
            Order::Dial(peer, addresses) => {
                let dial = DialOpts::peer_id(peer).addresses(addresses).extend_addresses_through_behaviour();
                Some(ToSwarm::Dial { opts: dial.condition(PeerCondition::DisconnectedAndNotDialing).build() })
            }
        }
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

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, endpoint, .. }) => {
                self.came(peer_id, endpoint);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { peer_id, remaining_established, .. }) => {
                self.went(peer_id, remaining_established);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        self.tell(cx);
        while let Poll::Ready(Some(order)) = self.orders.poll_recv(cx) {
            if let Some(event) = self.carry_out(order) {
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    }
}
