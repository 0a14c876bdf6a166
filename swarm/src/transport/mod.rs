//! How bytes get to other machines: TCP, QUIC and WebSocket, names looked up in the DNS, encrypted by TLS or Noise, many
//! streams over one connection, relays in between. What passes is counted; what a filter names is not connected to.

mod filtered;
mod meter;
mod security;

use std::time::Duration;

use libp2p::{
    PeerId, Transport as _,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, timeout::TransportTimeout},
        upgrade::Version,
    },
    dns,
    identity::Keypair,
    quic, relay, tcp, websocket, yamux,
};

pub(crate) use meter::Meter;

use crate::{errors::StartError, filters::Filters};
use filtered::Filtered;
use security::Security;

/// A connection is made within this time or not at all; that goes for the handshakes of strangers, too.
const CONNECT_WAIT: Duration = Duration::from_secs(15);

/// What a swarm dials and listens with, and the behaviour that belongs to its relay part.
pub(crate) fn make(
    key: &Keypair,
    filters: &Filters,
    meter: &Meter,
) -> Result<(Boxed<(PeerId, StreamMuxerBox)>, relay::client::Behaviour), StartError> {
    let (relayed, relay) = relay::client::new(key.public().to_peer_id());
    let relayed = relayed
        .upgrade(Version::V1Lazy)
        .authenticate(Security::new(key)?)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let tcp = plain(filters)
        .upgrade(Version::V1Lazy)
        .authenticate(Security::new(key)?)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let quic = Filtered::new(quic::tokio::Transport::new(quic::Config::new(key)), filters.clone())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    // The look-up of names takes any address and is sorry later: only the last may be one, after those that know at once.
    let by_ip = quic.or_transport(tcp).map(|either, _| either.into_inner());
    let websocket = websocket::Config::new(named(plain(filters))?)
        .upgrade(Version::V1Lazy)
        .authenticate(Security::new(key)?)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let meter = meter.clone();
    let all = relayed
        .or_transport(websocket)
        .map(|either, _| either.into_inner())
        .or_transport(named(by_ip)?)
        .map(|either, _| either.into_inner())
        .map(move |(peer, muxer), _| (peer, meter.counted(peer, muxer)));
    Ok((TransportTimeout::new(all, CONNECT_WAIT).boxed(), relay))
}

fn plain(filters: &Filters) -> Filtered<tcp::tokio::Transport> {
    Filtered::new(tcp::tokio::Transport::new(tcp::Config::default().nodelay(true)), filters.clone())
}

/// Over a transport that knows IP addresses only, one that knows names.
fn named<T>(transport: T) -> Result<dns::tokio::Transport<T>, StartError>
where
    T: libp2p::Transport + Send + Unpin + 'static,
    T::Error: Send,
    T::Dial: Send,
{
    dns::tokio::Transport::system(transport)
        .map_err(|cause| StartError::Part { part: "the look-up of names", cause: Box::new(cause) })
}
