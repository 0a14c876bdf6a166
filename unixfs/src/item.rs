//! A block as a reader of files and folders sees it, whatever codec it is in.
//!
//! Asked by the readers, by `folder`, and by anyone who wants to know what a block is. Keeps nothing.

use crate::dag_pb::{DagPbError, PbNode};
use crate::dir::{Entry, is_name};
use crate::{CODEC_DAG_PB, CODEC_RAW, Cid, Kind, Mtime, Shard, ShardError, UnixFs, UnixFsError};
use bytes::Bytes;
use thiserror::Error;

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A file, or a piece of one.
    File(FileNode),
    /// A folder in one block, its entries in the order of the block.
    Folder(Vec<Entry>),
    /// A shard of a folder: the root of one, or a sub-shard.
    Shard(Shard),
    /// A symbolic link; nothing here follows it.
    Symlink(Bytes),
}

/// A file, or a piece of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNode {
    /// Bytes of the file held in this block; they come before those of the parts.
    pub content: Bytes,
    /// Where the other bytes are, in order.
    pub parts: Vec<FilePart>,
    /// Bytes of the file in this block and below.
    pub file_bytes: u64,
    /// POSIX mode bits, where recorded.
    pub mode: Option<u32>,
    /// Time of modification, where recorded.
    pub mtime: Option<Mtime>,
}

/// A piece of a file that stands in another block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// The block.
    pub cid: Cid,
    /// Bytes of the file in it and below.
    pub file_bytes: u64,
}

/// Why a block is neither file nor folder.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ItemError {
    /// Another codec.
    #[error("block of codec {0:#x} is neither file nor folder: read it as a block")]
    Codec(u64),
    /// Not the codec it says.
    #[error("block of a file or folder cannot be read")]
    DagPb(#[from] DagPbError),
    /// DAG-PB without content.
    #[error("block has links but no UnixFS message: read it as a block")]
    NoContent,
    /// DAG-PB with other content.
    #[error("block of a file or folder cannot be read")]
    UnixFs(#[from] UnixFsError),
    /// A kind of UnixFS that nobody writes.
    #[error("block is a UnixFS {0:?}, which is neither file nor folder: read it as a block")]
    Kind(Kind),
    /// A broken shard.
    #[error("block of a folder cannot be read")]
    Shard(#[from] ShardError),
    /// Sizes of a file that do not fit each other.
    #[error("sizes in a block of a file contradict each other: treat the block as damaged")]
    Sizes,
    /// A name that a folder cannot hold.
    #[error("folder has an entry named {0:?}: treat the block as damaged")]
    Name(Bytes),
}

impl Item {
    /// Reads the block that `cid` names; that the bytes are that block is the caller's to [`crate::verify`].
    ///
    /// # Errors
    ///
    /// When it is neither file nor folder, or is damaged.
    pub fn read(cid: &Cid, bytes: &Bytes) -> Result<Self, ItemError> {
        match cid.codec() {
            CODEC_RAW => Ok(Self::File(FileNode::leaf(bytes.clone()))),
            CODEC_DAG_PB => Self::from_node(PbNode::decode(bytes)?),
            other => Err(ItemError::Codec(other)),
        }
    }

    /// Reads a DAG-PB node.
    pub(crate) fn from_node(node: PbNode) -> Result<Self, ItemError> {
        let message = UnixFs::decode(&node.content.clone().ok_or(ItemError::NoContent)?)?;
        match message.kind {
            Kind::File | Kind::Raw => FileNode::from_parts(&node, message).map(Self::File),
            Kind::Directory => entries(node).map(Self::Folder),
            Kind::HamtShard => Ok(Self::Shard(Shard::read(&node.links, &message)?)),
            Kind::Symlink => Ok(Self::Symlink(message.content.unwrap_or_default())),
            Kind::Metadata => Err(ItemError::Kind(message.kind)),
        }
    }
}

impl FileNode {
    fn leaf(content: Bytes) -> Self {
        let file_bytes = content.len() as u64;
        Self { content, parts: Vec::new(), file_bytes, mode: None, mtime: None }
    }

    fn from_parts(node: &PbNode, message: UnixFs) -> Result<Self, ItemError> {
        if node.links.len() != message.block_bytes.len() {
            return Err(ItemError::Sizes);
        }
        let content = message.content.unwrap_or_default();
        let below = message.block_bytes.iter().try_fold(content.len() as u64, |sum, part| sum.checked_add(*part));
        let file_bytes = below.ok_or(ItemError::Sizes)?;
        if message.file_bytes.is_some_and(|claimed| claimed != file_bytes) {
            return Err(ItemError::Sizes);
        }
        let parts = node.links.iter().zip(&message.block_bytes);
        let parts = parts.map(|(link, bytes)| FilePart { cid: link.cid, file_bytes: *bytes }).collect();
        Ok(Self { content, parts, file_bytes, mode: message.mode, mtime: message.mtime })
    }
}

fn entries(node: PbNode) -> Result<Vec<Entry>, ItemError> {
    let entry = |link: crate::dag_pb::PbLink| match is_name(&link.name) {
        true => Ok(Entry { link: link.link(), name: link.name }),
        false => Err(ItemError::Name(link.name)),
    };
    node.links.into_iter().map(entry).collect()
}
