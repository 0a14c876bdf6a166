//! Folder nodes as they were after a commit of the near past: who reads a folder in several goes reads the same one.
//!
//! What was superseded since is found through the table of changes, as long as that remembers the commit.

use std::{collections::BTreeMap, fmt};

use crate::{Changes, Snapshot, StoreError};

/// Some nodes of the store as they were after a commit.
pub struct Past<'s, 'r> {
    snapshot: &'s Snapshot<'r>,
    /// Of the nodes that changed since: the commit that wrote the version of then; 0 when there was none.
    changed: BTreeMap<Vec<u8>, u64>,
}

impl fmt::Debug for Past<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Past").field("changed", &self.changed.len()).finish_non_exhaustive()
    }
}

impl<'r> Snapshot<'r> {
    /// The nodes whose paths begin with `prefix`, as they were after `commit`; none when that is forgotten.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn past(&self, commit: u64, prefix: &[u8]) -> Result<Option<Past<'_, 'r>>, StoreError> {
        let (mut changed, mut at) = (BTreeMap::new(), commit);
        loop {
            let Changes::Since(changes) = self.changes_since(at)? else { return Ok(None) };
            let Some(last) = changes.last() else { return Ok(Some(Past { snapshot: self, changed })) };
            at = last.commit;
            let nodes = changes.iter().flat_map(|change| &change.nodes);
            for node in nodes.filter(|node| node.path.starts_with(prefix)) {
                // The first change after the commit knows what it found.
                changed.entry(node.path.to_vec()).or_insert(node.before);
            }
        }
    }
}

impl<'s> Past<'s, '_> {
    /// The bytes of a node; none when it was not there.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn node(&self, path: &[u8]) -> Result<Option<&'s [u8]>, StoreError> {
        match self.changed.get(path) {
            Some(0) => Ok(None),
            Some(commit) => self.snapshot.node_at(path, *commit),
            None => self.snapshot.node(path),
        }
    }
}
