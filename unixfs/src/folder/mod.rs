//! A folder that changes: its blocks stand in the caller's store by their place, and a batch of changes
//! rewrites only the blocks on the paths of the changed names, each once.
//!
//! Asked by `comment-store` and `post-worker` within a commit, and by `ipfs-node` for `files/…`. Asks the
//! caller's [`Nodes`]. Keeps nothing between two calls.
//!
//! The result is the one that [`crate::dir::build`] gives for the same set of entries, bit by bit, whatever
//! the order and grouping of the changes. That includes the way back from shards to a flat folder, which needs
//! the size of all entries: while changes only add to it, nothing is read for it. When a batch takes more away
//! than it adds, shards are read until what was seen proves that the folder is still over the threshold; so
//! that costs at most about `threshold_bytes` of reading, however large the folder is, and no counter has to
//! be stored that could drift from the truth.

mod flat;
mod survey;
mod trie;

use crate::dag_pb::PbNode;
use crate::hamt::ShardPath;
use crate::item::{Item, ItemError};
use crate::{Block, ImportOptions, Link, Node, VerifyError, cid_dag_pb, dir};
use bytes::Bytes;
use std::collections::BTreeMap;
use thiserror::Error;

/// The caller's store of the blocks of one folder, by their place in it.
pub trait Nodes {
    /// Why the store could not answer.
    type Error;

    /// The block at a place; `None` where there is none. A folder without a block at the root is empty.
    ///
    /// # Errors
    ///
    /// Whatever the store says; [`apply`] stops there.
    fn get(&mut self, at: &ShardPath) -> Result<Option<Bytes>, Self::Error>;

    /// Puts a block at a place, over the one that may stand there.
    ///
    /// # Errors
    ///
    /// As [`Nodes::get`].
    fn put(&mut self, at: &ShardPath, block: &Block) -> Result<(), Self::Error>;

    /// Removes the block at a place.
    ///
    /// # Errors
    ///
    /// As [`Nodes::get`].
    fn remove(&mut self, at: &ShardPath) -> Result<(), Self::Error>;
}

/// What happens to one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The name in the folder.
    pub name: Bytes,
    /// What happens to it.
    pub action: Action,
}

/// What happens to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It stands for this from now on, whatever it stood for.
    Set(Link),
    /// It goes, if it is there.
    Remove,
}

impl Change {
    /// The name stands for `link` from now on.
    pub fn set(name: impl Into<Bytes>, link: impl Into<Link>) -> Self {
        Self { name: name.into(), action: Action::Set(link.into()) }
    }

    /// The name goes.
    pub fn remove(name: impl Into<Bytes>) -> Self {
        Self { name: name.into(), action: Action::Remove }
    }
}

/// Why changes were not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FolderError<E> {
    /// A name that a folder cannot hold.
    #[error("name {0:?} is empty or contains a slash: leave this change out")]
    Name(Bytes),
    /// A new name whose 64-bit hash is that of another name in the folder: shards cannot tell them apart.
    ///
    /// It is refused while the folder is still flat too, or the folder could never be split later.
    #[error("name {0:?} has the same hash as another name of the folder: leave this change out")]
    Collision(Bytes),
    /// The caller's store failed.
    #[error("store of folder nodes failed")]
    Store(#[source] E),
    /// A shard is linked but not there.
    #[error("shard {0} of the folder is missing from the store: rebuild the folder from its entries")]
    Missing(ShardPath),
    /// A block is not what stands in its place.
    #[error("block {at} of the folder is damaged: rebuild the folder from its entries")]
    Damaged {
        /// Its place.
        at: ShardPath,
        /// What is wrong with it.
        #[source]
        cause: Box<Damage>,
    },
}

/// What is wrong with a stored block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Damage {
    /// It is not the block that its parent links.
    #[error("block is not the one that its parent links")]
    Hash(#[from] VerifyError),
    /// It cannot be read.
    #[error("block cannot be read")]
    Item(#[from] ItemError),
    /// It can be read, but as something that has no place there.
    #[error("block is no folder of the shape that the import options ask for")]
    Shape,
}

impl<E> FolderError<E> {
    fn damaged(at: ShardPath, cause: Damage) -> Self {
        Self::Damaged { at, cause: Box::new(cause) }
    }
}

/// Names in order, each with the last thing that happens to it.
type Changes<'a> = BTreeMap<&'a Bytes, Action>;

/// Makes `changes` in their order and returns the new root; `None` when no entry is left, and then no block
/// either: the caller drops the entry for this folder, or shows [`dir::empty`].
///
/// All blocks must have been written with the same `options`. Every read comes before the first write.
///
/// # Errors
///
/// `Name` and `Collision` blame one change: nothing was written, leave it out and ask again. `Store`: the
/// caller rolls its transaction back. `Missing` and `Damaged`: nothing was written; build the folder anew.
pub fn apply<N: Nodes>(
    nodes: &mut N,
    options: &ImportOptions,
    changes: &[Change],
) -> Result<Option<Node>, FolderError<N::Error>> {
    if let Some(wrong) = changes.iter().find(|change| !dir::is_name(&change.name)) {
        return Err(FolderError::Name(wrong.name.clone()));
    }
    let last: Changes<'_> = changes.iter().map(|change| (&change.name, change.action)).collect();
    let mut store = Store { nodes, options };
    let root = match store.read(ShardPath::ROOT, None)? {
        None => flat::apply(&mut store, Vec::new(), None, &last)?,
        Some((Item::Folder(entries), link)) => flat::apply(&mut store, entries, Some(link), &last)?,
        Some((Item::Shard(shard), link)) => trie::apply(&mut store, shard, link, &last)?,
        Some(_) => return Err(FolderError::damaged(ShardPath::ROOT, Damage::Shape)),
    };
    Ok(root.map(|link| Node { cid: link.cid, tsize: link.tsize, file_bytes: 0 }))
}

/// The caller's store, read and written with checks.
struct Store<'a, N> {
    nodes: &'a mut N,
    options: &'a ImportOptions,
}

impl<N: Nodes> Store<'_, N> {
    /// The block at a place, which must be the one that `parent` links if there is a parent.
    fn read(&mut self, at: ShardPath, parent: Option<Link>) -> Result<Option<(Item, Link)>, FolderError<N::Error>> {
        let Some(bytes) = self.nodes.get(&at).map_err(FolderError::Store)? else { return Ok(None) };
        let damaged = |cause: Damage| FolderError::damaged(at, cause);
        if let Some(link) = parent {
            crate::verify(&link.cid, &bytes).map_err(|error| damaged(error.into()))?;
        }
        let node = PbNode::decode(&bytes).map_err(|error| damaged(ItemError::from(error).into()))?;
        let tsize = node.tsize(bytes.len());
        let item = Item::from_node(node).map_err(|error| damaged(error.into()))?;
        let cid = parent.map_or_else(|| cid_dag_pb(self.options.cid_version, &bytes), |link| link.cid);
        Ok(Some((item, Link { cid, tsize })))
    }

    fn put(&mut self, at: ShardPath, block: &Block) -> Result<(), FolderError<N::Error>> {
        self.nodes.put(&at, block).map_err(FolderError::Store)
    }

    fn remove(&mut self, at: ShardPath) -> Result<(), FolderError<N::Error>> {
        self.nodes.remove(&at).map_err(FolderError::Store)
    }
}
