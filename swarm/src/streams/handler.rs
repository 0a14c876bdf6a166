//! One connection's part: opens what is ordered, and hands over what the other side opens, never losing one.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    io, mem,
    task::{Context, Poll},
};

use libp2p::{
    PeerId, StreamProtocol,
    core::{InboundUpgrade, OutboundUpgrade, UpgradeInfo},
    futures::channel::mpsc,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use tokio::sync::oneshot;

use super::{Desk, Refusal, Stream};
use crate::views::Direction;

/// Streams of one connection that wait to be taken; the muxer itself allows no more than 512 of all kinds.
const WAITING: usize = 128;

/// A stream to open, and who waits for it.
#[derive(Debug)]
pub(crate) struct Order {
    pub(super) protocol: StreamProtocol,
    pub(super) reply: oneshot::Sender<Result<Stream, Refusal>>,
}

/// The handler of one connection.
pub(crate) struct Handler {
    peer: PeerId,
    desk: Desk,
    orders: VecDeque<Order>,
    waiting: VecDeque<(mpsc::Sender<Stream>, Stream)>,
}

impl Handler {
    pub(super) fn new(peer: PeerId, desk: Desk) -> Self {
        Self { peer, desk, orders: VecDeque::new(), waiting: VecDeque::new() }
    }

    fn arrived(&mut self, stream: libp2p::Stream, protocol: StreamProtocol) {
        // Who accepted it may have gone meanwhile: then the stream is reset, which the other side sees.
        let Some(taker) = self.desk.taker(&protocol) else { return };
        if self.waiting.len() < WAITING {
            let stream = Stream::new(stream, self.peer, protocol, Direction::Inbound, self.desk.clone());
            self.waiting.push_back((taker, stream));
        }
    }

    /// Hands over what waits, as far as there is room. Each protocol has its own queue: one that is full holds up no other.
    fn hand_over(&mut self, cx: &mut Context<'_>) {
        for (mut taker, stream) in mem::take(&mut self.waiting) {
            match taker.poll_ready(cx) {
                // A failed hand-over means that the taker has gone; the stream is reset.
                Poll::Ready(Ok(())) => drop(taker.start_send(stream)),
                Poll::Ready(Err(_)) => {}
                Poll::Pending => self.waiting.push_back((taker, stream)),
            }
        }
    }

    fn opened(&self, stream: libp2p::Stream, order: Order) {
        let stream = Stream::new(stream, self.peer, order.protocol, Direction::Outbound, self.desk.clone());
        let _ = order.reply.send(Ok(stream));
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = Infallible;
    type InboundProtocol = Names;
    type OutboundProtocol = Names;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Order;

    fn listen_protocol(&self) -> SubstreamProtocol<Names> {
        SubstreamProtocol::new(Names(self.desk.protocols()), ())
    }

    fn connection_keep_alive(&self) -> bool {
        !self.waiting.is_empty() || !self.orders.is_empty()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Names, Order, Infallible>> {
        self.hand_over(cx);
        while let Some(order) = self.orders.pop_front() {
            if !order.reply.is_closed() {
                let protocol = SubstreamProtocol::new(Names(vec![order.protocol.clone()]), order);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, order: Order) {
        self.orders.push_back(order);
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Names, Names, (), Order>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (stream, name), .. }) => {
                self.arrived(stream, name);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (stream, _), info }) => {
                self.opened(stream, info);
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let _ = info.reply.send(Err(refusal(error)));
            }
            _ => {}
        }
    }
}

fn refusal(error: StreamUpgradeError<Infallible>) -> Refusal {
    match error {
        StreamUpgradeError::Timeout => Refusal::Broken(io::ErrorKind::TimedOut.into()),
        StreamUpgradeError::NegotiationFailed => Refusal::Unsupported,
        StreamUpgradeError::Io(cause) => Refusal::Broken(cause),
        StreamUpgradeError::Apply(never) => match never {},
    }
}

/// Streams without a handshake of their own: the name is all there is to agree on.
#[derive(Debug)]
pub(crate) struct Names(Vec<StreamProtocol>);

impl UpgradeInfo for Names {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<libp2p::Stream> for Names {
    type Output = (libp2p::Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: libp2p::Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, name)))
    }
}

impl OutboundUpgrade<libp2p::Stream> for Names {
    type Output = (libp2p::Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: libp2p::Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, name)))
    }
}
