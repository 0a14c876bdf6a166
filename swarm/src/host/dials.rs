//! Connecting and letting go, for those who asked for it.

use std::collections::HashMap;

use libp2p::{
    Multiaddr, PeerId, TransportError,
    swarm::{
        ConnectionId, DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::oneshot;

use super::Host;
use crate::{book::without_peer, errors::ConnectError, scope::Scope};

pub(super) type Connected = Result<PeerId, ConnectError>;

/// Who waits for which connection. Each entry ends when the attempt does; attempts are bounded by the limits.
#[derive(Debug, Default)]
pub(super) struct Dials(HashMap<ConnectionId, oneshot::Sender<Connected>>);

impl Dials {
    pub(super) fn done(&mut self, id: ConnectionId, result: Connected) {
        if let Some(waiting) = self.0.remove(&id) {
            let _ = waiting.send(result);
        }
    }
}

impl Host {
    /// Connects to a peer at one of its addresses; without any, where it is known to be.
    pub(crate) fn connect(
        &mut self,
        peer: Option<PeerId>,
        addresses: Vec<Multiaddr>,
        reply: oneshot::Sender<Connected>,
    ) {
        if let Some(peer) = peer.filter(|peer| self.peers.has(peer)) {
            let _ = reply.send(Ok(peer));
            return;
        }
        let options = dial(peer, addresses);
        let id = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => drop(self.dials.0.insert(id, reply)),
            Err(DialError::NoAddresses) => {
                let nowhere = peer
                    .map_or_else(|| ConnectError::Failed("there is no address".to_owned()), ConnectError::NoAddress);
                let _ = reply.send(Err(nowhere));
            }
            Err(error) => drop(reply.send(Err(explain(&error)))),
        }
    }

    /// Connects to a peer where it is known to be; nobody waits for it.
    pub(super) fn dial_known(&mut self, peer: PeerId) {
        if peer == *self.swarm.local_peer_id() {
            return;
        }
        if let Err(error) = self.swarm.dial(DialOpts::peer_id(peer).build()) {
            tracing::debug!(%peer, %error, "not connected to");
        }
    }

    /// Closes all connections with a peer, or those with one of its addresses; tells when they are closed.
    pub(crate) fn disconnect(
        &mut self,
        peer: PeerId,
        address: Option<Multiaddr>,
        reply: oneshot::Sender<()>,
    ) -> Result<(), ConnectError> {
        let known = self.peers.get(&peer).ok_or(ConnectError::NotConnected(peer))?;
        let address = address.map(without_peer);
        let chosen = known.links.iter().filter(|link| address.as_ref().is_none_or(|wanted| *wanted == link.address));
        let chosen: Vec<_> = chosen.map(|link| link.id).collect();
        if chosen.is_empty() {
            return Err(ConnectError::NotConnected(peer));
        }
        let all = chosen.len() == known.links.len();
        for link in chosen {
            self.swarm.close_connection(link);
        }
        if all {
            self.peers.when_gone(&peer, reply);
        } else {
            let _ = reply.send(());
        }
        Ok(())
    }
}

/// From the port that it listens on, so that a router on the way learns where to find it; but not to this machine and its
/// neighbours, where that is of no use, and a connection that has just ended keeps the pair of ports busy.
fn dial(peer: Option<PeerId>, addresses: Vec<Multiaddr>) -> DialOpts {
    let is_near = !addresses.is_empty() && addresses.iter().all(|address| Scope::Local.admits(address));
    match (peer, addresses) {
        (Some(peer), addresses) if addresses.is_empty() => {
            DialOpts::peer_id(peer).condition(PeerCondition::Disconnected).build()
        }
        (Some(peer), addresses) => {
            let options = DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::Disconnected);
            if is_near { options.allocate_new_port().build() } else { options.build() }
        }
        (None, addresses) => {
            let first = addresses.into_iter().next().unwrap_or_else(Multiaddr::empty);
            let options = DialOpts::unknown_peer_id().address(first);
            if is_near { options.allocate_new_port().build() } else { options.build() }
        }
    }
}

/// Why it failed, in one line: each address and its cause.
pub(super) fn explain(error: &DialError) -> ConnectError {
    ConnectError::Failed(match error {
        DialError::Transport(tried) => {
            let tried = tried.iter().map(|(address, error)| format!("{address}: {}", cause(error)));
            tried.collect::<Vec<_>>().join("; ")
        }
        DialError::LocalPeerId { .. } => "that is this peer itself".to_owned(),
        DialError::Denied { cause } => format!("not allowed: {}", innermost(cause)),
        other => other.to_string(),
    })
}

fn cause(error: &TransportError<std::io::Error>) -> String {
    match error {
        TransportError::MultiaddrNotSupported(_) => "nothing here connects to such an address".to_owned(),
        TransportError::Other(error) => innermost(error),
    }
}

/// The libraries wrap each other's errors; the last one says what happened.
fn innermost(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(deeper) = error.source() {
        error = deeper;
    }
    error.to_string()
}
