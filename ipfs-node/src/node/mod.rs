//! The node: what all commands share. The store, who we are, the threads that hash, the writable folder.
//!
//! Asked by the RPC and the gateway, on any thread.

mod blocks;
mod identity;
mod path;
mod pins;
mod upkeep;
mod walk;

pub(crate) use blocks::not_found;
pub(crate) use pins::{Kept, Progress};
pub(crate) use upkeep::Upkeep;

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex},
};

pub use identity::Identity;
pub use path::{IpfsPath, PathError};
pub use walk::Walk;

use crate::{
    import::Hashers,
    store::{OpenError, RootChange, Store, StoreError, StoreOptions},
};

/// What of the configuration the node itself needs.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Above this a collection starts by itself; 0 for never.
    pub storage_max_bytes: u64,
}

/// The node.
#[derive(Debug)]
pub struct Node {
    /// Blocks, pins and the root of the writable folder.
    pub store: Store,
    /// Who we are.
    pub identity: Identity,
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
}

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
        let hashers = Hashers::start().map_err(NodeError::Threads)?;
        let (mfs_turn, pin_turn) = (Mutex::default(), Mutex::default());
        let stopping = tokio::sync::Notify::new();
        Ok(Arc::new(Self { store, identity, hashers, limits, mfs_turn, pin_turn, stopping }))
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
