//! One connection's part of Bitswap: every stream that the peer opens gets a task that reads it; we open few.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bitswap::Protocol;
use libp2p::{
    StreamProtocol,
    core::{InboundUpgrade, OutboundUpgrade, UpgradeInfo},
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use tokio::sync::oneshot;

use super::{reading::Reading, writing::Opened};

/// Open a stream and tell whom it is for.
#[derive(Debug)]
pub(crate) struct Open(pub(super) oneshot::Sender<Opened>);

/// The handler of one connection.
pub(crate) struct Handler {
    reading: Reading,
    orders: VecDeque<Open>,
}

impl Handler {
    pub(super) fn new(reading: Reading) -> Self {
        Self { reading, orders: VecDeque::new() }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Open;
    type ToBehaviour = Infallible;
    type InboundProtocol = Versions;
    type OutboundProtocol = Versions;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Open;

    fn listen_protocol(&self) -> SubstreamProtocol<Versions> {
        SubstreamProtocol::new(Versions, ())
    }

    fn connection_keep_alive(&self) -> bool {
        !self.orders.is_empty()
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Versions, Open, Infallible>> {
        while let Some(order) = self.orders.pop_front() {
            if !order.0.is_closed() {
                let protocol = SubstreamProtocol::new(Versions, order);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, order: Open) {
        // One writer for each peer, which waits for its stream: there are never many.
        self.orders.push_back(order);
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Versions, Versions, (), Open>) {
        match event {
            // The muxer bounds how many there are, and the budgets of `reading` what they may hold.
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (stream, _), .. }) => {
                tokio::spawn(self.reading.clone().run(stream));
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                let (stream, protocol) = protocol;
                let _ = info.0.send(Opened::Stream(stream, protocol));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let _ = info.0.send(match error {
                    StreamUpgradeError::NegotiationFailed => Opened::Deaf,
                    _ => Opened::Broken,
                });
            }
            _ => {}
        }
    }
}

/// All versions of Bitswap; the name is all there is to agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Versions;

impl UpgradeInfo for Versions {
    type Info = StreamProtocol;
    type InfoIter = std::array::IntoIter<StreamProtocol, 3>;

    fn protocol_info(&self) -> Self::InfoIter {
        Protocol::ALL.map(|version| StreamProtocol::new(version.name())).into_iter()
    }
}

impl InboundUpgrade<libp2p::Stream> for Versions {
    type Output = (libp2p::Stream, Protocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: libp2p::Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, version(&name))))
    }
}

impl OutboundUpgrade<libp2p::Stream> for Versions {
    type Output = (libp2p::Stream, Protocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: libp2p::Stream, name: StreamProtocol) -> Self::Future {
        ready(Ok((stream, version(&name))))
    }
}

fn version(name: &StreamProtocol) -> Protocol {
    Protocol::of_name(name.as_ref()).expect("only names that we offered are agreed on")
}
