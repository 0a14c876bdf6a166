//! The folders of IPFS that a batch changes: each topic's, those on the way to the root, and the root, each once.
//!
//! The nodes stand in the comment store under the paths of [`Place`]. The result is the one that adding the exported tree
//! with IPFS software gives.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use comment_store::{Batch, File, StoreError};
use proto::{Cid, LegacyId, Topic, folders::Place};
use unixfs::{
    Block, ImportOptions, Link, Node, Profile, ShardPath,
    folder::{self, Change, FolderError, Nodes},
};

/// What every CID of a comment or a folder is computed with, for ever.
pub(crate) const PROFILE: ImportOptions = Profile::V1_2025.options();

/// Why folders were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FoldersError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Two names of a folder have one hash, and a folder split by hashes cannot hold both: this comment has to stay out.
    #[error("comment {1} of topic {0} has the hash of another name")]
    SameHash(Topic, LegacyId),
    /// The same one level up: this topic has to stay out.
    #[error("topic {0} has the hash of another name")]
    TopicSameHash(Topic),
}

/// Brings all folders up to what the comments of the batch changed.
pub(crate) fn update(batch: &mut Batch<'_>) -> Result<(), FoldersError> {
    let (mut seconds, mut firsts, mut root) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new(), Vec::new());
    for (topic, changes) in topics(batch) {
        let folder = change(batch, Place::Topic(topic), &changes)?;
        batch.set_topic_folder(&topic, folder.map(|node| Cid(node.cid)))?;
        let [first, second, rest @ ..] = topic.0;
        seconds.entry([first, second]).or_default().push(named(&rest, folder));
    }
    for ([first, second], changes) in seconds {
        let folder = change(batch, Place::Second([first, second]), &changes)?;
        firsts.entry(first).or_default().push(named(&[second], folder));
    }
    for (first, changes) in firsts {
        let folder = change(batch, Place::First(first), &changes)?;
        root.push(named(&[first], folder));
    }
    if !root.is_empty() {
        let folder = change(batch, Place::Root, &root)?;
        batch.set_root(folder.map(|node| Cid(node.cid)));
    }
    Ok(())
}

fn topics(batch: &Batch<'_>) -> Vec<(Topic, Vec<Change>)> {
    let changed = batch.folder_changes().iter().map(|(topic, changes)| {
        let names = changes.iter().map(|(name, file)| match file {
            Some(file) => Change::set(name.to_string(), file_link(&file)),
            None => Change::remove(name.to_string()),
        });
        (*topic, names.collect::<Vec<_>>())
    });
    changed.filter(|(_, names)| !names.is_empty()).collect()
}

/// A comment's file: one raw block, because comments are shorter than a chunk.
pub(crate) fn file_link(file: &File) -> Link {
    Link { cid: file.id.cid().0, tsize: file.blob_bytes }
}

/// A folder's change in its parent.
fn named(bytes: &[u8], folder: Option<Node>) -> Change {
    let name = hex(bytes);
    folder.map_or_else(|| Change::remove(name.clone()), |node| Change::set(name.clone(), node))
}

/// The name of a folder on the way to a topic.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn change(batch: &mut Batch<'_>, place: Place, changes: &[Change]) -> Result<Option<Node>, FoldersError> {
    let applied = folder::apply(&mut Stored { batch, place }, &PROFILE, changes);
    applied.map_err(|error| match (error, place) {
        (FolderError::Store(error), _) => error.into(),
        (FolderError::Collision(name), Place::Topic(topic)) => match parsed(&name) {
            Some(legacy_id) => FoldersError::SameHash(topic, legacy_id),
            None => damaged("a name that is no legacy id"),
        },
        (FolderError::Collision(name), Place::Second(bytes)) => {
            match parsed::<Topic>(&[hex(&bytes).as_bytes(), &name].concat()) {
                Some(topic) => FoldersError::TopicSameHash(topic),
                None => damaged("a name that is no topic"),
            }
        }
        (error, _) => damaged(&error.to_string()),
    })
}

fn parsed<T: std::str::FromStr>(name: &[u8]) -> Option<T> {
    str::from_utf8(name).ok()?.parse().ok()
}

fn damaged(found: &str) -> FoldersError {
    StoreError::Folders { found: found.to_owned() }.into()
}

/// The nodes of one folder, in the store.
struct Stored<'b, 'w> {
    batch: &'b mut Batch<'w>,
    place: Place,
}

impl Nodes for Stored<'_, '_> {
    type Error = StoreError;

    fn get(&mut self, at: &ShardPath) -> Result<Option<Bytes>, StoreError> {
        Ok(self.batch.node(&self.place.path(at.as_bytes()))?.map(Bytes::copy_from_slice))
    }

    fn put(&mut self, at: &ShardPath, block: &Block) -> Result<(), StoreError> {
        self.batch.put_node(&self.place.path(at.as_bytes()), &Cid(block.cid), &block.bytes)
    }

    fn remove(&mut self, at: &ShardPath) -> Result<(), StoreError> {
        self.batch.remove_node(&self.place.path(at.as_bytes()))
    }
}
