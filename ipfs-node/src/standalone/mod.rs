//! The node without a tree: a repository at `$IPFS_PATH` with a configuration of Kubo's shape, served by hand or by
//! programs that know how to serve Kubo.
//!
//! Asked by the command line. Prints what those programs wait for: where the RPC and the gateway listen, and that the
//! daemon is ready.

mod repo;
mod settings;

use std::{io, net::SocketAddr, sync::Arc};

use daemon::{Failure, log, stop};
use proto::config::IpfsNode;
use thiserror::Error;
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

pub use repo::{Repo, RepoError};
pub(crate) use repo::{look_up, set};
pub(crate) use settings::{apply_profile, dialable};

use crate::{
    node::{AgentVersion, KUBO_VERSION, Limits, Node, NodeError, REPO_VERSION},
    peer::{Peer, PeerError},
    server::{Server, multiaddr},
    store::StoreOptions,
};

/// What the log says unless `RUST_LOG` says otherwise.
const LOG: &str = "warn,libp2p_kad=error";

/// Why the node was not made or served.
#[derive(Debug, Error)]
pub enum StandaloneError {
    /// The repository.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The node in it.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The log.
    #[error("{0}")]
    Log(Failure),
    /// The peer side.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// An address that cannot be listened at.
    #[error("cannot listen at {address}; set Addresses in the configuration to one that is free")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The system refuses what every process needs.
    #[error("the node cannot go on; check the system's limits and the disk")]
    Io(#[from] io::Error),
}

/// What is asked of a daemon beside its configuration.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Make the repository with these profiles if there is none.
    pub init: Option<Vec<String>>,
    /// Without peers.
    pub offline: bool,
    /// With topics.
    pub pubsub: bool,
    /// In place of `Routing.Type`.
    pub routing: Option<String>,
}

/// Makes a repository.
///
/// # Errors
///
/// When there is one, when a profile is unknown, or when the disk refuses.
pub fn init(repo: &Repo, profiles: &[String]) -> Result<(), StandaloneError> {
    repo.check_ours()?;
    if repo.is_made() {
        return Err(RepoError::Exists(repo.folder().to_owned()).into());
    }
    let mut config = settings::fresh("");
    profiles.iter().try_for_each(|profile| apply_profile(&mut config, profile))?;
    let node = Node::open(repo.folder(), StoreOptions::default(), Limits { storage_max_bytes: 0 })?;
    set(&mut config, "Identity.PeerID", node.identity.peer_id().into());
    repo.write_config(&config)?;
    println!("generating ED25519 keypair...done");
    println!("peer identity: {}", node.identity.peer_id());
    println!("initializing IPFS node at {}", repo.folder().display());
    Ok(())
}

/// Serves a repository until a signal or the command `shutdown` comes.
///
/// # Errors
///
/// When it cannot be opened, when an address is taken, or when the disk fails.
pub fn daemon(repo: &Repo, wishes: &Wishes) -> Result<(), StandaloneError> {
    println!("Initializing daemon...");
    if let Some(profiles) = wishes.init.as_ref().filter(|_| !repo.is_made()) {
        init(repo, profiles)?;
    }
    log::start(&std::env::var("RUST_LOG").unwrap_or_else(|_| LOG.to_owned()), log::Reader::Somebody)
        .map_err(StandaloneError::Log)?;
    let settings = with_wishes(settings::read(repo)?, wishes);
    crate::memory::keep_buffers();
    runtime()?.block_on(serve(repo, &settings))
}

fn with_wishes(mut settings: IpfsNode, wishes: &Wishes) -> IpfsNode {
    if wishes.offline {
        settings.swarm_listen.clear();
    }
    settings.pubsub |= wishes.pubsub;
    let routing = wishes.routing.as_deref().and_then(settings::dht_of);
    settings.dht = routing.unwrap_or(settings.dht);
    settings
}

async fn serve(repo: &Repo, settings: &IpfsNode) -> Result<(), StandaloneError> {
    let node = open(repo, settings)?;
    greet(&node);
    let (rpc, gateway) = (listener(settings.rpc_listen).await?, listener(settings.gateway_listen).await?);
    for (_, address) in Peer::start(&node, settings).await? {
        println!("Swarm listening on {address}");
    }
    let addresses = (rpc.local_addr()?, gateway.local_addr()?);
    let server = Server::new(node, rpc, gateway, &settings.rpc_allow_origins)?;
    let server = server.with_gateway(|gateway| gateway.configured(settings));
    let (sender, stop) = stop::channel();
    stop::listen_to_signals(sender)?;
    println!("RPC API server listening on {}", multiaddr(addresses.0));
    println!("Gateway server listening on {}", multiaddr(addresses.1));
    println!("Daemon is ready");
    Ok(server.run(stop.asked(), || {}).await?)
}

fn open(repo: &Repo, settings: &IpfsNode) -> Result<Arc<Node>, NodeError> {
    let limits = Limits { storage_max_bytes: settings.storage_max_gib << 30 };
    Node::open(repo.folder(), StoreOptions::default(), limits)
}

fn greet(node: &Node) {
    println!("Kubo version: {KUBO_VERSION}");
    println!("Repo version: {REPO_VERSION}");
    println!("System version: {}/{}", std::env::consts::ARCH, std::env::consts::OS);
    println!("Agent version: {AgentVersion}");
    println!("PeerID: {}", node.identity.peer_id());
}

async fn listener(address: SocketAddr) -> Result<TcpListener, StandaloneError> {
    TcpListener::bind(address).await.map_err(|cause| StandaloneError::Listen { address, cause })
}

/// What runs a node.
///
/// # Errors
///
/// When no thread can be started.
pub fn runtime() -> Result<Runtime, StandaloneError> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// A node that is opened for one command, because no daemon runs on its repository. It meets no peers.
#[derive(Debug)]
pub(crate) struct Alone {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
}

impl Alone {
    pub(crate) async fn open(repo: &Repo) -> Result<Self, StandaloneError> {
        let settings = settings::read(repo)?;
        let node = open(repo, &settings)?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (rpc, gateway) = (listener(any).await?, listener(any).await?);
        let address = rpc.local_addr()?;
        let server = Server::new(node, rpc, gateway, &[])?.untold();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move { server.run(async { _ = stopped.await }, || {}).await });
        Ok(Self { address, stop, served })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets it end, so that all is on disk.
    pub(crate) async fn close(self) -> Result<(), StandaloneError> {
        let _ = self.stop.send(());
        self.served.await.map_err(io::Error::other)?.map_err(StandaloneError::from)
    }
}
