//! Peers for tests, each with a task of its own that ends with it.

use std::{future::Future, ops::Deref, sync::Arc, time::Duration};

use swarm::{BlockStore, Dht, KeyPair, Multiaddr, PeerId, Settings, StoreFault, Swarm};
use tokio::{task::JoinHandle, time};

/// Everything here happens on one machine.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A store with nothing in it.
pub struct Empty;

impl BlockStore for Empty {
    fn get(&self, _: &cid::Cid) -> Result<Option<bytes::Bytes>, StoreFault> {
        Ok(None)
    }

    fn size(&self, _: &cid::Cid) -> Result<Option<u32>, StoreFault> {
        Ok(None)
    }
}

/// A running peer.
pub struct Peer {
    swarm: Swarm,
    task: JoinHandle<()>,
}

impl Deref for Peer {
    type Target = Swarm;

    fn deref(&self) -> &Swarm {
        &self.swarm
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Settings of a peer that listens on loopback.
pub fn settings() -> Settings {
    let listen = vec![address("/ip4/127.0.0.1/tcp/0")];
    Settings { listen, ..Settings::new(KeyPair::generate()) }
}

/// The same, in a DHT.
pub fn in_dht(dht: Dht) -> Settings {
    Settings { dht, ..settings() }
}

/// Starts a peer.
pub async fn start(settings: Settings) -> Peer {
    start_with(settings, Arc::new(Empty)).await
}

/// Starts a peer that has blocks.
pub async fn start_with(settings: Settings, store: Arc<dyn BlockStore>) -> Peer {
    let (swarm, task) = swarm::start(settings, store).await.unwrap();
    Peer { swarm, task: tokio::spawn(task) }
}

impl Peer {
    /// Its first address, with its id.
    pub async fn address(&self) -> Multiaddr {
        self.address_with("").await
    }

    /// Its first address of a kind, with its id.
    pub async fn address_with(&self, kind: &str) -> Multiaddr {
        let all = self.with_id(self.listen_addresses().await.unwrap());
        all.into_iter().find(|address| address.to_string().contains(kind)).unwrap()
    }

    /// Connects to another peer, and waits until both know what the other is.
    pub async fn meet(&self, other: &Self) {
        self.connect(other.address().await).await.unwrap();
        self.knows(other.peer_id()).await;
        other.knows(self.peer_id()).await;
    }

    /// Waits until a peer has said what it is.
    pub async fn knows(&self, peer: PeerId) {
        until("the peer said who it is", || async { self.peer(peer).await.unwrap().is_some() }).await;
    }
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let waiting = async {
        while !is_so().await {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(time::timeout(DEADLINE, waiting).await.is_ok(), "not in time: {what}");
}

/// Waits for a future, not for ever.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
}

/// Reads an address.
pub fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}
