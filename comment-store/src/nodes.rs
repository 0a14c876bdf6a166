//! Folder nodes: opaque bytes by path, each version kept for a while under the commit that wrote it.
//!
//! The writer is given paths, CIDs and bytes; what they mean is its caller's business. A version is superseded when the
//! path gets another one or is removed; it stays readable for `folder_history_s`, for those who were just told its CID.
//! The table of changes says for each commit what it changed, so that a reader can follow from commit to commit.

use std::collections::BTreeMap;

use proto::{Cid, Seq};

use crate::{StoreError, batch::Batch, keys, tables::numbers};

/// The longest path of a node.
pub const PATH_BYTES: usize = 480;

/// What one batch changes, by path. Written when it is committed: in the order of the paths, which is one run on disk.
#[derive(Debug, Default)]
pub(crate) struct NodeChanges(BTreeMap<Vec<u8>, Changed>);

#[derive(Debug)]
struct Changed {
    /// The node now; none when it is removed.
    now: Option<(Cid, Vec<u8>)>,
    /// The commit that wrote the version before; 0 when there was none.
    before: u64,
}

impl NodeChanges {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Batch<'_> {
    /// The bytes of a node, with this batch.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn node(&self, path: &[u8]) -> Result<Option<&[u8]>, StoreError> {
        if let Some(changed) = self.nodes.0.get(path) {
            return Ok(changed.now.as_ref().map(|(_, bytes)| &bytes[..]));
        }
        match self.store.head(&self.txn, path)? {
            Some(commit) => self.store.version(&self.txn, commit, path),
            None => Ok(None),
        }
    }

    /// Puts a node in the place of the one that was there.
    ///
    /// # Errors
    ///
    /// When the store failed: the batch has to be dropped.
    ///
    /// # Panics
    ///
    /// When the path is longer than [`PATH_BYTES`].
    pub fn put_node(&mut self, path: &[u8], cid: &Cid, bytes: &[u8]) -> Result<(), StoreError> {
        self.change_node(path, Some((*cid, bytes.to_vec())))
    }

    /// Removes a node, if it is there.
    ///
    /// # Errors
    ///
    /// When the store failed: the batch has to be dropped.
    ///
    /// # Panics
    ///
    /// When the path is longer than [`PATH_BYTES`].
    pub fn remove_node(&mut self, path: &[u8]) -> Result<(), StoreError> {
        self.change_node(path, None)
    }

    fn change_node(&mut self, path: &[u8], now: Option<(Cid, Vec<u8>)>) -> Result<(), StoreError> {
        assert!(path.len() <= PATH_BYTES, "the path of a folder node has at most {PATH_BYTES} bytes");
        let before = match self.nodes.0.remove(path) {
            Some(changed) => changed.before,
            None => self.store.head(&self.txn, path)?.unwrap_or(0),
        };
        // What comes and goes within one batch was never there.
        if before != 0 || now.is_some() {
            self.nodes.0.insert(path.to_vec(), Changed { now, before });
        }
        Ok(())
    }

    /// Writes the nodes of this batch.
    pub(crate) fn write_nodes(&mut self) -> Result<(), StoreError> {
        let (commit, tables) = (self.whole.commit, self.store.tables);
        for (path, changed) in &self.nodes.0 {
            match &changed.now {
                Some((_, bytes)) => {
                    tables.nodes.put(&mut self.txn, &keys::node(commit, path), bytes)?;
                    tables.heads.put(&mut self.txn, &keys::path(path), &commit.to_be_bytes())?;
                }
                None => drop(tables.heads.delete(&mut self.txn, &keys::path(path))?),
            }
        }
        Ok(())
    }

    /// Writes down what this commit changes.
    pub(crate) fn log_changes(&mut self) -> Result<(), StoreError> {
        let mut value: Vec<u8> = [self.now_s, self.whole.last_seq.0].iter().flat_map(|n| n.to_be_bytes()).collect();
        put_short(&mut value, &self.whole.root.map(|cid| cid.to_bytes()).unwrap_or_default());
        for (path, Changed { now, before }) in &self.nodes.0 {
            put_short(&mut value, path);
            value.extend(before.to_be_bytes());
            put_short(&mut value, &now.as_ref().map(|(cid, _)| cid.to_bytes()).unwrap_or_default());
        }
        Ok(self.store.tables.changes.put(&mut self.txn, &self.whole.commit.to_be_bytes(), &value)?)
    }

    /// Forgets versions that were superseded before the horizon, about as many as this batch added and a few more.
    pub(crate) fn trim_history(&mut self) -> Result<(), StoreError> {
        let horizon_s = self.now_s.saturating_sub(self.store.options.folder_history_s.into());
        let mut left = 2 * self.nodes.0.len() + 64;
        while left > 0 {
            let Some((key, value)) = self.store.tables.changes.first(&self.txn)? else { return Ok(()) };
            let change = Change::decode(key, value).ok_or_else(|| self.store.damaged("changes", "that can be read"))?;
            if change.at_s >= horizon_s || change.commit == self.whole.commit {
                return Ok(());
            }
            let forgotten = change.superseded();
            let commit = change.commit;
            for key in &forgotten {
                self.store.tables.nodes.delete(&mut self.txn, key)?;
            }
            self.store.tables.changes.delete(&mut self.txn, &commit.to_be_bytes())?;
            left = left.saturating_sub(1 + forgotten.len());
        }
        Ok(())
    }
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'t> {
    /// Its number.
    pub commit: u64,
    /// When it was, in seconds since 1970.
    pub at_s: u64,
    /// The newest arrival that it holds.
    pub last_seq: Seq,
    /// The CID of the root folder from then on; none when it is empty.
    pub root: Option<Cid>,
    /// The nodes that it put or removed.
    pub nodes: Vec<NodeChange<'t>>,
}

/// A node that a commit put or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeChange<'t> {
    /// Where it stands.
    pub path: &'t [u8],
    /// Its CID from then on; none when it was removed.
    pub cid: Option<Cid>,
    /// The commit that made the version before; 0 when there was none.
    pub(crate) before: u64,
}

/// What changed since a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes<'t> {
    /// Commit by commit, oldest first; not all of them if there are many.
    Since(Vec<Change<'t>>),
    /// It is not known any more: walk all nodes instead.
    Forgotten,
}

impl<'t> Change<'t> {
    pub(crate) fn decode(key: &[u8], value: &'t [u8]) -> Option<Self> {
        let commit = u64::from_be_bytes(key.try_into().ok()?);
        let ([at_s, last_seq], rest) = numbers(value)?;
        let (root, mut rest) = split_short(rest)?;
        let mut nodes = Vec::new();
        while !rest.is_empty() {
            let (path, after) = split_short(rest)?;
            let ([before], after) = numbers(after)?;
            let (cid, after) = split_short(after)?;
            nodes.push(NodeChange { path, cid: Cid::from_bytes(cid), before });
            rest = after;
        }
        Some(Self { commit, at_s, last_seq: Seq(last_seq), root: Cid::from_bytes(root), nodes })
    }

    /// The versions that this commit superseded: of no more use when it is older than the horizon.
    fn superseded(&self) -> Vec<Vec<u8>> {
        let superseded = self.nodes.iter().filter(|node| node.before != 0);
        superseded.map(|node| keys::node(node.before, node.path)).collect()
    }
}

fn put_short(to: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("paths and CIDs are shorter than 64 KiB");
    to.extend(length.to_be_bytes());
    to.extend(bytes);
}

fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}
