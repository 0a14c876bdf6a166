//! Folders to DAGs at once: flat while they are small, split into shards (HAMT) when they are not.
//!
//! Asked by importers, and by `folder` when it crosses the threshold. Keeps nothing.

use crate::hamt::{self, NameHash, ShardPath, ShardSlot};
use crate::{Block, HamtRule, ImportOptions, Kind, Link, Node, Sink, SizeEstimate, UnixFs, cid_dag_pb, dag_pb};
use bytes::Bytes;
use thiserror::Error;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Bytes, in practice UTF-8; never empty and without `/`.
    pub name: Bytes,
    /// What stands under the name.
    pub link: Link,
}

impl Entry {
    /// An entry of a folder.
    pub fn new(name: impl Into<Bytes>, link: impl Into<Link>) -> Self {
        Self { name: name.into(), link: link.into() }
    }
}

/// Why a folder cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DirError<E> {
    /// A name that a folder cannot hold.
    #[error("name {0:?} is empty or contains a slash: rename the entry")]
    Name(Bytes),
    /// Two entries of one name.
    #[error("two entries are named {0:?}: keep one of them")]
    Duplicate(Bytes),
    /// Two names of a folder that has to be split have the same 64-bit hash.
    #[error("name {0:?} has the same hash as another name of the folder, which shards cannot hold: rename it")]
    Collision(Bytes),
    /// The sink did not take a block.
    #[error("block of the folder could not be stored")]
    Sink(#[source] E),
}

/// Builds a folder of `entries`, given in any order; its blocks go to `sink`, the root last.
///
/// # Errors
///
/// For names that a folder cannot hold, and those of the sink.
pub fn build<S: Sink>(
    mut entries: Vec<Entry>,
    options: &ImportOptions,
    sink: &mut S,
) -> Result<Node, DirError<S::Error>> {
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    check(&entries)?;
    let root = build_sorted(&entries, options, &mut |_, block| sink.put(block)).map_err(|error| match error {
        BuildError::Collision(name) => DirError::Collision(name),
        BuildError::Put(error) => DirError::Sink(error),
    })?;
    Ok(Node { cid: root.cid, tsize: root.tsize, file_bytes: 0 })
}

/// The empty folder: its block and what its parent needs to know.
#[must_use]
pub fn empty(options: &ImportOptions) -> (Block, Node) {
    let (block, link) = flat(&[], options);
    (block, Node { cid: link.cid, tsize: link.tsize, file_bytes: 0 })
}

/// Whether a folder can hold an entry of this name.
#[must_use]
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/')
}

fn check<E>(sorted: &[Entry]) -> Result<(), DirError<E>> {
    if let Some(wrong) = sorted.iter().find(|entry| !is_name(&entry.name)) {
        return Err(DirError::Name(wrong.name.clone()));
    }
    match sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(DirError::Duplicate(pair[0].name.clone())),
        None => Ok(()),
    }
}

/// Why sorted entries are no folder.
pub(crate) enum BuildError<E> {
    Collision(Bytes),
    Put(E),
}

/// Builds a folder of entries sorted by name; each block is handed over with its place.
pub(crate) fn build_sorted<E>(
    sorted: &[Entry],
    options: &ImportOptions,
    put: &mut impl FnMut(ShardPath, Block) -> Result<(), E>,
) -> Result<Link, BuildError<E>> {
    // An empty shard does not exist, however low the threshold.
    if sorted.is_empty() || estimate(&options.hamt, sorted) <= options.hamt.threshold_bytes {
        let (block, link) = flat(sorted, options);
        put(ShardPath::ROOT, block).map_err(BuildError::Put)?;
        return Ok(link);
    }
    let hash = |entry: &Entry| NameHash::of(&entry.name, options.hamt.fanout);
    let mut hashed: Vec<_> = sorted.iter().map(|entry| (hash(entry), entry)).collect();
    // The order of the hashes is the order of the slots on every level: a shard is a run of this list.
    hashed.sort_by_key(|(hash, _)| *hash);
    match hashed.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(BuildError::Collision(pair[1].1.name.clone())),
        None => build_shard(&hashed, ShardPath::ROOT, 0, options, put).map_err(BuildError::Put),
    }
}

/// A folder in one block.
pub(crate) fn flat(sorted: &[Entry], options: &ImportOptions) -> (Block, Link) {
    let content = UnixFs::new(Kind::Directory).encode();
    let links = sorted.iter().map(|entry| (&entry.name[..], entry.link));
    let bytes = Bytes::from(dag_pb::encode(links, Some(&content)));
    let cid = cid_dag_pb(options.cid_version, &bytes);
    let tsize = sorted.iter().fold(bytes.len() as u64, |sum, entry| sum.saturating_add(entry.link.tsize));
    (Block { cid, bytes }, Link { cid, tsize })
}

/// Builds the shard of these names, at least two, all of different hashes; sub-shards go out before it.
fn build_shard<E>(
    hashed: &[(NameHash, &Entry)],
    at: ShardPath,
    level: u32,
    options: &ImportOptions,
    put: &mut impl FnMut(ShardPath, Block) -> Result<(), E>,
) -> Result<Link, E> {
    let fanout = options.hamt.fanout;
    let slot_of = |hash: NameHash| hash.slot(fanout, level).expect("different hashes part on the last level at least");
    let mut slots = Vec::new();
    for run in hashed.chunk_by(|a, b| slot_of(a.0) == slot_of(b.0)) {
        let slot = slot_of(run[0].0);
        slots.push(match run {
            [(_, only)] => ShardSlot { slot, name: only.name.clone(), link: only.link },
            _ => {
                let link = build_shard(run, at.child(fanout, slot), level + 1, options, put)?;
                ShardSlot { slot, name: Bytes::new(), link }
            }
        });
    }
    let (block, link) = hamt::shard_block(options, &slots);
    put(at, block)?;
    Ok(link)
}

/// What the threshold is compared with.
fn estimate(rule: &HamtRule, entries: &[Entry]) -> usize {
    empty_estimate(rule) + entries.iter().map(|entry| entry_estimate(rule, &entry.name, &entry.link)).sum::<usize>()
}

/// The estimate of a folder without entries.
pub(crate) const fn empty_estimate(rule: &HamtRule) -> usize {
    match rule.estimate {
        SizeEstimate::LinksBytes => 0,
        // The UnixFS message that says `Directory`, with its tag and length.
        SizeEstimate::BlockBytes => 4,
    }
}

/// What one entry adds to the estimate.
pub(crate) fn entry_estimate(rule: &HamtRule, name: &[u8], link: &Link) -> usize {
    match rule.estimate {
        SizeEstimate::LinksBytes => name.len() + link.cid.encoded_len(),
        SizeEstimate::BlockBytes => dag_pb::link_bytes(name.len(), link),
    }
}
