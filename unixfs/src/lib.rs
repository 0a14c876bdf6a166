//! Files and folders as IPFS DAGs, and back: CID, DAG-PB, UnixFS, HAMT folders, CAR.
//!
//! A library of layer 1: asked by `comment-store`, `post-worker`, `ipfs-node` and `ipfs-shim`; asks no other
//! crate of the workspace. It is sans I/O: no socket, file, clock or runtime. Blocks go out through a
//! [`Sink`] and come in through `supply`, so every caller decides where they live.
//!
//! The ways in:
//! - a file: [`FileBuilder`], or its parts [`Chunker`], [`leaf`] and [`Layout`] when many threads hash;
//! - a folder at once: [`dir::build`]; a folder that changes: [`folder::apply`];
//! - back: [`FileReader`], [`DirReader`], [`Resolver`] and [`DagReader`], all driven by [`Reader`];
//! - archives: [`car`];
//! - any block: [`Item::read`], [`links`], [`ipld`] for values, and below them [`dag_pb`] and [`UnixFs`].

mod block;
pub mod car;
mod cbor;
mod cid_set;
pub mod dag_pb;
pub mod dir;
mod file;
pub mod folder;
mod fsnode;
mod hamt;
pub mod ipld;
mod item;
mod links;
mod murmur3;
mod options;
mod read;
mod sink;
pub mod varint;
pub mod wire;

pub use block::{
    Block, CODEC_DAG_CBOR, CODEC_DAG_PB, CODEC_RAW, Link, Node, VerifyError, cid_dag_pb, cid_raw, inline_block, verify,
};
pub use cbor::CborError;
pub use cid::{Cid, Version};
pub use cid_set::CidSet;
pub use dag_pb::{is_linkless, symlink};
pub use dir::Entry;
pub use file::{Chunker, FileBuilder, Frame, Layout, leaf, leaf_named, leaf_node, leaf_nodes, leaves};
pub use fsnode::{Kind, Mtime, UnixFs, UnixFsError};
pub use hamt::{Shard, ShardError, ShardPath, ShardSlot};
pub use ipld::{CODEC_CBOR, CODEC_DAG_JSON, CODEC_JSON};
pub use item::{FileNode, FilePart, Item, ItemError};
pub use links::{LinksError, links};
pub use options::{ChunkBytes, Fanout, HamtRule, ImportOptions, Leaves, MaxLinks, OptionsError, Profile, SizeEstimate};
pub use read::{ByteRange, DagReader, DirReader, FileReader, ReadError, Reader, Resolved, Resolver, Step, segments};
pub use sink::{HashOnly, Sink};
