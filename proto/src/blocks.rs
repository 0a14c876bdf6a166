//! `blocks`: what `ipfs-shim` does with an IPFS daemon for the other boxes.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{Cid, Seq},
    interface::{attached_messages, interface, plain_messages},
};

/// The most bytes of blocks in one message.
pub const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// The most blocks that are looked for in one question.
pub const BLOCKS_LIMIT: usize = 64;

/// Asks to put blocks into the IPFS daemon. Safe to repeat: a block is named by its content. They outlive every process,
/// and a power cut once a root above them is pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PutBlocks {
    /// The id and the length in bytes of each block, in order.
    pub blocks: Vec<(Cid, u32)>,
    /// Their bytes, one after the other: at most [`BATCH_BYTES`].
    #[serde(skip)]
    pub bytes: Bytes,
}

/// Asks to put blocks and to name them, so that they are hashed once on their way. They are kept as those of
/// [`PutBlocks`] are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameBlocks {
    /// What all of them are.
    pub codec: NamedCodec,
    /// The length in bytes of each, in order.
    pub lengths: Vec<u32>,
    /// Their bytes, one after the other: at most [`BATCH_BYTES`].
    #[serde(skip)]
    pub bytes: Bytes,
}

/// What blocks are that somebody else is to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamedCodec {
    /// Plain bytes.
    Raw,
    /// Nodes of files and folders.
    DagPb,
}

/// How blocks were named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockNames {
    /// Their ids, by SHA2-256, in order.
    pub cids: Vec<Cid>,
}

/// Asks for one block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetBlock {
    /// Its id.
    pub cid: Cid,
}

/// A block's bytes, checked against its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockBytes {
    /// At most 2 MiB.
    #[serde(skip)]
    pub bytes: Bytes,
}

/// Asks for several blocks at once, the first of which is needed and the others probably will be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GetBlocks {
    /// Their ids; at most [`BLOCKS_LIMIT`] are looked at.
    pub cids: Vec<Cid>,
}

/// The first of the blocks that were asked for, as many as fit: those beyond were not looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SomeBlocks {
    /// The length in bytes of each, in the order asked; none for one that is not there.
    pub found: Vec<Option<u32>>,
    /// Their bytes, one after the other, checked against their ids: at most [`BATCH_BYTES`].
    #[serde(skip)]
    pub bytes: Bytes,
}

/// Asks to keep a root and everything below it from garbage collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PinRoot {
    /// The root, all of whose blocks have been put.
    pub cid: Cid,
}

/// Asks to give a root up for garbage collection. Not pinned is no error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnpinRoot {
    /// The root.
    pub cid: Cid,
}

/// Asks how the IPFS daemon is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindDaemon {}

/// How the IPFS daemon is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonState {
    /// Whether it answered when it was asked last.
    pub reachable: bool,
    /// Its address.
    pub rpc: String,
    /// What it says it is.
    pub version: Option<String>,
    /// The root that is pinned now.
    pub published_root: Option<Cid>,
    /// The newest arrival that it holds.
    pub published_seq: Seq,
    /// The newest arrival in the store.
    pub stored_seq: Seq,
    /// How many bytes it stores, if it told.
    #[serde(default)]
    pub repo_bytes: Option<u64>,
    /// How many peers it is connected with, if it told.
    #[serde(default)]
    pub peers: Option<u64>,
    /// The Cluster, if there is one.
    #[serde(default)]
    pub cluster: Option<ClusterState>,
}

/// How the IPFS Cluster is that keeps copies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterState {
    /// Whether it answered when it was asked last.
    pub reachable: bool,
    /// Its address.
    pub address: String,
    /// What it says it is.
    pub version: Option<String>,
    /// The root that it was given last.
    pub root: Option<Cid>,
    /// The newest arrival below it.
    pub published_seq: Seq,
    /// On how many of its peers that root is.
    pub replicas: Option<Replicas>,
}

/// Asks to have a root and everything below it, which the daemon has, kept by the IPFS Cluster too, and how far that is: to be
/// asked again until it is far enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replicate {
    /// The root, which is pinned.
    pub cid: Cid,
}

/// On how many peers of the Cluster something is pinned; without a Cluster none are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// So many have it.
    pub pinned: u32,
    /// So many must.
    pub wanted: u32,
}

impl Replicas {
    /// Whether it may be announced.
    #[must_use]
    pub fn are_enough(&self) -> bool {
        self.pinned >= self.wanted
    }
}

/// Why blocks were not moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum BlockError {
    /// The daemon does not have the block.
    #[error("the IPFS daemon does not have this block")]
    NotFound,
    /// The daemon cannot be reached.
    #[error(
        "the IPFS daemon does not answer ({0}); ask again in a few seconds, and if it stays away see `supervisor ipfs`"
    )]
    DaemonDown(String),
    /// The block is not what its id says, is too large, or the daemon said no.
    #[error("refused: {0}")]
    Refused(String),
}

plain_messages!(BlockNames, GetBlock, GetBlocks, PinRoot, UnpinRoot, FindDaemon, DaemonState, Replicate, Replicas);
attached_messages!(PutBlocks: bytes, NameBlocks: bytes, BlockBytes: bytes, SomeBlocks: bytes);

interface! {
    /// Blocks: asked by `http-front`, `ingest-server`, `sync-agent` and the operator, answered by `ipfs-shim`.
    Blocks = "blocks", version 1:
    1 => PutBlocks  -> Result<(), BlockError>,          retry Safe;
    2 => GetBlock   -> Result<BlockBytes, BlockError>,  retry Safe;
    3 => PinRoot    -> Result<(), BlockError>,          retry Safe;
    4 => UnpinRoot  -> Result<(), BlockError>,          retry Safe;
    5 => FindDaemon -> Result<DaemonState, BlockError>, retry Safe;
    6 => GetBlocks  -> Result<SomeBlocks, BlockError>,  retry Safe;
    7 => NameBlocks -> Result<BlockNames, BlockError>,  retry Safe;
    8 => Replicate  -> Result<Replicas, BlockError>,    retry Safe;
}
