//! Connections: made, looked at, let go; who is kept, and who is kept away.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

use super::Swarm;
use crate::{
    book::peer_of,
    errors::{ConnectError, Gone},
    filters::Filter,
    views::{Identity, PeerView},
};

/// Dialling all addresses of a peer ends within this time.
const CONNECT_WAIT: Duration = Duration::from_secs(30);
const CLOSE_WAIT: Duration = Duration::from_secs(5);

impl Swarm {
    /// Where it listens, without `/p2p/ID`.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn listen_addresses(&self) -> Result<Vec<Multiaddr>, Gone> {
        self.ask(|host| sorted(host.swarm.listeners().cloned().collect())).await
    }

    /// Under which addresses others may connect to it: announced, listened at, or found to be reachable; without `/p2p/ID`.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn addresses(&self) -> Result<Vec<Multiaddr>, Gone> {
        self.ask(|host| sorted(host.swarm.external_addresses().cloned().collect())).await
    }

    /// Connects to a peer; its id may stand at the end of the address. Connected already is connected.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Failed`] says what went wrong at the address.
    pub async fn connect(&self, address: Multiaddr) -> Result<PeerId, ConnectError> {
        self.dial(peer_of(&address), vec![address]).await
    }

    /// Connects to a peer at one of these addresses; without any, where it is known to be or where the DHT finds it.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NoAddress`] when nobody knows where it is; [`ConnectError::Failed`] when it was tried in vain.
    pub async fn connect_peer(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<(), ConnectError> {
        let given = !addresses.is_empty();
        match self.dial(Some(peer), addresses).await {
            Err(ConnectError::NoAddress(_) | ConnectError::Failed(_)) if !given => self.connect_found(peer).await,
            result => result.map(drop),
        }
    }

    async fn connect_found(&self, peer: PeerId) -> Result<(), ConnectError> {
        let addresses = self.search_peer(peer).await.map_err(|_| ConnectError::NoAddress(peer))?;
        self.dial(Some(peer), addresses).await.map(drop)
    }

    async fn dial(&self, peer: Option<PeerId>, addresses: Vec<Multiaddr>) -> Result<PeerId, ConnectError> {
        self.ask_later(CONNECT_WAIT, move |host, reply| host.connect(peer, addresses, reply)).await?
    }

    /// Closes all connections with a peer, and waits until they are closed.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NotConnected`] when there are none.
    pub async fn disconnect(&self, peer: PeerId) -> Result<(), ConnectError> {
        self.close(peer, None).await
    }

    /// Closes the connections with a peer at one address, which ends in `/p2p/ID`. An address that is `/p2p/ID` alone means
    /// all of them.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NotConnected`] when there are none; [`ConnectError::NoPeer`] when the address names no peer.
    pub async fn disconnect_address(&self, address: Multiaddr) -> Result<(), ConnectError> {
        let peer = peer_of(&address).ok_or_else(|| ConnectError::NoPeer(address.clone()))?;
        let whole = address.iter().count() == 1;
        self.close(peer, (!whole).then_some(address)).await
    }

    async fn close(&self, peer: PeerId, address: Option<Multiaddr>) -> Result<(), ConnectError> {
        let closing = self.ask(move |host| {
            let (reply, closed) = tokio::sync::oneshot::channel();
            host.disconnect(peer, address, reply).map(|()| closed)
        });
        let closed = closing.await??;
        match tokio::time::timeout(CLOSE_WAIT, closed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone::Stopped.into()),
            Err(_) => Err(Gone::TimedOut(CLOSE_WAIT).into()),
        }
    }

    /// All connections, one row each.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn peers(&self) -> Result<Vec<PeerView>, Gone> {
        self.ask(|host| {
            let open = host.swarm.behaviour().streams.desk().open();
            host.peers.views(&open)
        })
        .await
    }

    /// Whether there is a connection with the peer.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn is_connected(&self, peer: PeerId) -> Result<bool, Gone> {
        self.ask(move |host| host.peers.has(&peer)).await
    }

    /// What a connected peer says of itself; none while it is not connected, or has not said it yet.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn peer(&self, peer: PeerId) -> Result<Option<Identity>, Gone> {
        self.ask(move |host| host.peers.get(&peer).and_then(|known| known.identity.clone())).await
    }

    /// Peers that were met, and where; those met last come first. Given to the next start, the network is entered at once.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn known_addresses(&self) -> Result<Vec<(PeerId, Vec<Multiaddr>)>, Gone> {
        self.ask(|host| host.swarm.behaviour().gate.book.all()).await
    }

    /// Notes where a peer is, without connecting to it.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn learn(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<(), Gone> {
        self.ask(move |host| host.learn(peer, addresses)).await
    }

    /// The networks that are neither connected to nor accepted from.
    #[must_use]
    pub fn filters(&self) -> Vec<Filter> {
        self.filters.list()
    }

    /// Keeps a network away from now on. Connections that are there stay.
    pub fn add_filter(&self, filter: Filter) {
        self.filters.add(filter);
    }

    /// Lets a network in again; says whether it was kept away.
    #[must_use]
    pub fn remove_filter(&self, filter: Filter) -> bool {
        self.filters.remove(filter)
    }

    /// The peers to which a connection is always kept.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn peering(&self) -> Result<Vec<(PeerId, Vec<Multiaddr>)>, Gone> {
        self.ask(|host| host.peering.list()).await
    }

    /// Keeps a connection to a peer from now on.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn add_peering(&self, peer: PeerId, addresses: Vec<Multiaddr>) -> Result<(), Gone> {
        self.ask(move |host| host.peering.add(peer, addresses)).await
    }

    /// Keeps a connection no longer; the one that is there stays. Says whether it was kept.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn remove_peering(&self, peer: PeerId) -> Result<bool, Gone> {
        self.ask(move |host| {
            host.swarm.behaviour_mut().limits.remove_peer_id(&peer);
            host.peering.remove(&peer)
        })
        .await
    }

    /// Enters the network again through the peers of the configuration, and looks over the neighbourhood. Says whether
    /// anybody is known there.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn bootstrap(&self) -> Result<bool, Gone> {
        self.ask(|host| {
            host.enter();
            host.refresh()
        })
        .await
    }

    /// The addresses with `/p2p/ID` of this peer at their end, as others need them.
    #[must_use]
    pub fn with_id(&self, addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
        addresses.into_iter().map(|address| address.with(Protocol::P2p(self.peer_id()))).collect()
    }
}

fn sorted(mut addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    addresses.sort_by_cached_key(ToString::to_string);
    addresses.dedup();
    addresses
}
