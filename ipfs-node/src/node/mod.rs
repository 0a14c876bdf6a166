//! The node: what all commands share. The store, who we are, the threads that hash, the writable folder, the peer.
//!
//! Asked by the RPC and the gateway, on any thread. Each of them has a [`Node`] of its own, which says how far it may
//! reach: only to what is here, or to peers too. What is behind it, [`Parts`], is one.

mod blocks;
mod identity;
mod path;
mod pins;
mod reach;
mod upkeep;
mod walk;

pub(crate) use path::in_kubos_words;
pub(crate) use pins::{Kept, Progress};
pub(crate) use reach::{FetchFault, Fetched, Patience, Reach, Source};
pub(crate) use upkeep::Upkeep;

use std::{
    fmt, io,
    ops::Deref,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

use proto::config::IpfsNode;

pub use identity::Identity;
pub use path::{IpfsPath, PathError};
pub use walk::Walk;

use crate::{
    import::Hashers,
    names::{Names, NamesError},
    peer::Peer,
    provide::Providing,
    refusal::Refusal,
    store::{OpenError, RootChange, Store, StoreError, StoreOptions},
};

/// What of the configuration the node itself needs.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Above this a collection starts by itself; 0 for never.
    pub storage_max_bytes: u64,
}

/// The node, as one asker has it.
#[derive(Debug)]
pub struct Node {
    parts: Arc<Parts>,
    /// How far this asker's reading goes.
    reach: Reach,
    /// How long this asker waits for others.
    patience: Patience,
}

/// What all askers share.
#[derive(Debug)]
pub struct Parts {
    /// Blocks, pins and the root of the writable folder.
    pub store: Store,
    /// Who we are.
    pub identity: Identity,
    /// Keys, and what they and others point to.
    pub(crate) names: Names,
    /// What is announced, and when.
    pub(crate) providing: Arc<Providing>,
    /// The threads that hash.
    pub hashers: Hashers,
    /// Limits from the configuration.
    pub limits: Limits,
    /// Who changes the writable folder does it alone.
    pub(crate) mfs_turn: Mutex<()>,
    /// Who changes pins looks at them first, alone.
    pub(crate) pin_turn: Mutex<()>,
    /// Rung by the command `shutdown`.
    pub stopping: tokio::sync::Notify,
    /// The peer side, once it has started; never if there is none.
    peer: OnceLock<Peer>,
    config: OnceLock<IpfsNode>,
}

impl Deref for Node {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Parts {
    /// Its section of the configuration.
    pub fn config(&self) -> &IpfsNode {
        self.config.get_or_init(IpfsNode::default)
    }

    /// Tells the node its section of the configuration, for good.
    pub fn configure(&self, config: IpfsNode) {
        let _ = self.config.set(config);
    }

    /// The peer side; none when the configuration has none, or while it starts.
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.get()
    }

    /// The peer side, which the command needs.
    pub(crate) fn online(&self) -> Result<&Peer, Refusal> {
        self.peer().ok_or_else(|| Refusal::failed(OFFLINE))
    }

    /// Gives the node its peer side, for good.
    pub fn join(&self, peer: Peer) {
        // A second one would have no port to listen at.
        let _ = self.peer.set(peer);
    }
}

/// What Kubo says, and what is to be done about it here.
const OFFLINE: &str = "this command must be run in online mode: set [ipfs-node] swarm_listen in rookery.toml";

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store, once it was open.
    #[error("cannot begin the writable folder")]
    Begin(#[from] StoreError),
    /// The key.
    #[error("cannot read or make the node's key at {path}; check the folder's permissions")]
    Identity {
        /// Where.
        path: std::path::PathBuf,
        /// What the file system says.
        #[source]
        cause: io::Error,
    },
    /// Keys or records of names.
    #[error(transparent)]
    Names(#[from] NamesError),
    /// What is to be announced.
    #[error("cannot read {path}, which says what is to be announced; check its permissions, or remove it")]
    Providing {
        /// Where.
        path: std::path::PathBuf,
        /// What the file system says.
        #[source]
        cause: io::Error,
    },
    /// No thread could be started.
    #[error("cannot start the threads that hash; the limit of processes may be reached")]
    Threads(#[source] io::Error),
}

impl Node {
    /// Opens the repository in `folder`, or makes one.
    ///
    /// # Errors
    ///
    /// When another process has it, when it is damaged, or when the disk refuses.
    pub fn open(folder: &Path, store: StoreOptions, limits: Limits) -> Result<Arc<Self>, NodeError> {
        let store = Store::open(folder, store)?;
        begin_mfs(&store)?;
        let path = folder.join("identity");
        let identity = Identity::open(&path).map_err(|cause| NodeError::Identity { path, cause })?;
        let names = Names::open(folder, identity.key_pair())?;
        let providing =
            Providing::open(folder).map_err(|cause| NodeError::Providing { path: folder.join("providing"), cause })?;
        let providing = Arc::new(providing);
        let hashers = Hashers::start().map_err(NodeError::Threads)?;
        let (mfs_turn, pin_turn) = (Mutex::default(), Mutex::default());
        let (stopping, peer, config) = (tokio::sync::Notify::new(), OnceLock::new(), OnceLock::new());
        let parts =
            Parts { store, identity, names, providing, hashers, limits, mfs_turn, pin_turn, stopping, peer, config };
        Ok(Arc::new(Self { parts: Arc::new(parts), reach: Reach::Here, patience: Patience::default() }))
    }

    /// The node for an asker that wants what is here, and nothing else.
    #[must_use]
    pub fn here(&self) -> Self {
        self.with(Reach::Here, self.patience.clone())
    }

    /// The node for an asker that also wants what peers have, as long as it is patient; if there is a peer side.
    pub(crate) fn reaching_out(&self, patience: Patience) -> Self {
        let reach = self.peer().map_or(Reach::Here, |peer| Reach::out(peer.source()));
        self.with(reach, patience)
    }

    fn with(&self, reach: Reach, patience: Patience) -> Self {
        Self { parts: Arc::clone(&self.parts), reach, patience }
    }

    /// The node for an asker of this patience, who wants what is here and nothing else.
    pub(crate) fn waiting(&self, patience: Patience) -> Self {
        self.with(Reach::Here, patience)
    }

    /// Waits for what others have to do: not past the asker's time, nor for an asker that is gone.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Refusal> {
        self.patience.wait(work)
    }
}

/// The writable folder is there from the first day, empty.
fn begin_mfs(store: &Store) -> Result<(), StoreError> {
    if store.mfs_root()?.is_some() {
        return Ok(());
    }
    let (empty, _) = unixfs::dir::empty(&unixfs::Profile::V0_2015.into());
    let session = store.session();
    session.put(&empty)?;
    session.commit([RootChange::MfsRoot(empty.cid)])
}

/// The version of Kubo whose RPC this is. Clients compare it, so it is a real one.
pub const KUBO_VERSION: &str = "0.43.0";
/// The version of the repository that Kubo has in that version.
pub const REPO_VERSION: &str = "18";

/// The name under which this software is known to peers.
#[derive(Debug, Clone, Copy)]
pub struct AgentVersion;

impl fmt::Display for AgentVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rookery/{}", env!("CARGO_PKG_VERSION"))
    }
}
