//! A peer that has nothing but Bitswap: a swarm over TCP on loopback, with a store in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use cid::Cid;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Transport as _, muxing::StreamMuxerBox, upgrade},
    futures::StreamExt as _,
    identity::Keypair,
    noise,
    swarm::{self, NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};
use unixfs::cid_raw;

use super::super::{Control, Fetcher, Parts, make, search::Search};
use crate::store::{BlockStore, StoreFault};

/// Nothing here takes longer on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A store in memory that counts what it is asked for.
#[derive(Debug, Default)]
pub(super) struct Memory {
    blocks: Mutex<HashMap<Cid, Bytes>>,
}

impl Memory {
    pub(super) fn put(&self, bytes: Bytes) -> Cid {
        let cid = cid_raw(&bytes);
        self.blocks.lock().unwrap().insert(cid, bytes);
        cid
    }

    /// Puts bytes under a name that is not theirs.
    pub(super) fn put_wrong(&self, cid: Cid, bytes: Bytes) {
        self.blocks.lock().unwrap().insert(cid, bytes);
    }
}

impl BlockStore for Memory {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreFault> {
        Ok(self.blocks.lock().unwrap().get(cid).cloned())
    }

    fn size(&self, cid: &Cid) -> Result<Option<u32>, StoreFault> {
        Ok(self.get(cid)?.map(|bytes| u32::try_from(bytes.len()).unwrap()))
    }
}

/// A peer; it ends when it is dropped.
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) address: Multiaddr,
    pub(super) store: Arc<Memory>,
    pub(super) fetcher: Fetcher,
    pub(super) control: Control,
    pub(super) searches: mpsc::Receiver<Search>,
    commands: mpsc::Sender<Command>,
    tasks: [JoinHandle<()>; 2],
}

enum Command {
    Dial(Multiaddr),
    Connected(oneshot::Sender<usize>),
}

/// A swarm over TCP, noise and yamux, that listens on loopback.
pub(super) fn swarm<B: NetworkBehaviour>(behaviour: B) -> libp2p::Swarm<B> {
    swarm_with(&Keypair::generate_ed25519(), behaviour)
}

fn swarm_with<B: NetworkBehaviour>(key: &Keypair, behaviour: B) -> libp2p::Swarm<B> {
    let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise::Config::new(key).unwrap())
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
        .boxed();
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(3_600));
    let mut swarm = libp2p::Swarm::new(transport, behaviour, key.public().to_peer_id(), config);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    swarm
}

/// Where a swarm listens.
pub(super) async fn listening<B: NetworkBehaviour>(swarm: &mut libp2p::Swarm<B>) -> Multiaddr {
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            let id = *swarm.local_peer_id();
            return address.with_p2p(id).unwrap();
        }
    }
}

impl Peer {
    pub(super) async fn start() -> Self {
        Self::start_with(&Keypair::generate_ed25519(), Arc::default(), &[]).await
    }

    pub(super) async fn start_with(key: &Keypair, store: Arc<Memory>, gateways: &[String]) -> Self {
        let Parts { behaviour, driver, fetcher, control, searches } = make(gateways, 32 << 20, store.clone());
        let mut swarm = swarm_with(key, behaviour);
        let address = listening(&mut swarm).await;
        let (commands, mut inbox) = mpsc::channel(16);
        let id = *swarm.local_peer_id();
        let host = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    command = inbox.recv() => match command {
                        Some(Command::Dial(address)) => swarm.dial(address).unwrap(),
                        Some(Command::Connected(reply)) => {
                            let _ = reply.send(swarm.connected_peers().count());
                        }
                        None => return,
                    },
                }
            }
        });
        let tasks = [host, tokio::spawn(driver.run())];
        Self { id, address, store, fetcher, control, searches, commands, tasks }
    }

    pub(super) async fn connect(&self, address: &Multiaddr) {
        let before = self.connected().await;
        assert!(self.commands.send(Command::Dial(address.clone())).await.is_ok());
        self.until_connected(before + 1).await;
    }

    pub(super) async fn connected(&self) -> usize {
        let (reply, answer) = oneshot::channel();
        assert!(self.commands.send(Command::Connected(reply)).await.is_ok());
        answer.await.unwrap()
    }

    pub(super) async fn until_connected(&self, peers: usize) {
        let done = async {
            while self.connected().await != peers {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, done).await.expect("the number of connections comes about");
    }

    /// Gets a block, in a session of its own.
    pub(super) async fn get(&self, cid: Cid) -> Bytes {
        let session = self.fetcher.session(None);
        timeout(PATIENCE, session.get(cid)).await.expect("a block or an error").expect("a block")
    }

    /// Gets all blocks of a session, wanted ahead as a reader does.
    pub(super) async fn get_all(&self, cids: &[Cid]) {
        let session = self.fetcher.session(cids.first().copied());
        session.ahead(cids.iter().copied());
        for cid in cids {
            let bytes = timeout(PATIENCE, session.get(*cid)).await.expect("a block or an error").expect("a block");
            assert_eq!(cid_raw(&bytes), *cid);
        }
    }

    /// Ends at once, as if killed: connections are cut.
    pub(super) fn kill(&self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Blocks that differ, of this size.
pub(super) fn fill(store: &Memory, count: u32, bytes: usize) -> Vec<Cid> {
    let block = |at: u32| -> Bytes { at.to_be_bytes().into_iter().cycle().take(bytes).collect::<Vec<u8>>().into() };
    (0..count).map(|at| store.put(block(at))).collect()
}

/// A protocol's name.
pub(super) fn bitswap() -> StreamProtocol {
    StreamProtocol::new(::bitswap::Protocol::V1_2.name())
}
