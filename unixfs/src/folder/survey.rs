//! Whether a folder of shards fits in one block again: found out by reading as little of it as will prove it.

use super::trie::{OpenShard, Origin, Slot};
use super::{FolderError, Nodes, Store};
use crate::dir::{self, Entry};
use crate::hamt::ShardPath;
use crate::{HamtRule, ImportOptions, Link, SizeEstimate};
use std::collections::VecDeque;

/// A look over the folder to see whether it fits in one block again; stops when it surely does not.
pub(super) struct Survey<'o> {
    options: &'o ImportOptions,
    entries: Vec<Entry>,
    estimate: usize,
    /// Every open sub-shard that has a block in the store.
    shards: Vec<ShardPath>,
    unread: VecDeque<(ShardPath, Link)>,
}

/// All that has to be known to make a folder flat.
pub(super) struct SmallFolder {
    /// In the order of their names.
    pub(super) entries: Vec<Entry>,
    /// Every sub-shard in the store.
    pub(super) shards: Vec<ShardPath>,
}

impl<'o> Survey<'o> {
    pub(super) fn of(root: &OpenShard, options: &'o ImportOptions) -> Self {
        let estimate = dir::empty_estimate(&options.hamt);
        let mut survey = Self { options, entries: Vec::new(), estimate, shards: Vec::new(), unread: VecDeque::new() };
        survey.look(root, ShardPath::ROOT);
        survey
    }

    /// Breadth first: a shard near the root proves more by its number of sub-shards than one at the bottom.
    pub(super) fn entries_if_flat<N: Nodes>(
        mut self,
        store: &mut Store<'_, N>,
    ) -> Result<Option<SmallFolder>, FolderError<N::Error>> {
        while !self.is_over() {
            let Some((at, link)) = self.unread.pop_front() else {
                self.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
                return Ok(Some(SmallFolder { entries: self.entries, shards: self.shards }));
            };
            let shard = OpenShard::open(store, at, link)?;
            self.look(&shard, at);
        }
        Ok(None)
    }

    fn is_over(&self) -> bool {
        self.estimate + self.unread.len() * least_estimate(&self.options.hamt) > self.options.hamt.threshold_bytes
    }

    fn look(&mut self, shard: &OpenShard, at: ShardPath) {
        if shard.origin == Origin::Stored && at != ShardPath::ROOT {
            self.shards.push(at);
        }
        for (slot, held) in &shard.slots {
            let below = at.child(self.options.hamt.fanout, *slot);
            match held {
                Slot::Entry(entry) => self.count(entry),
                Slot::Closed(link) => self.unread.push_back((below, *link)),
                Slot::Open(child) => self.look(child, below),
            }
        }
    }

    fn count(&mut self, entry: &Entry) {
        self.estimate += dir::entry_estimate(&self.options.hamt, &entry.name, &entry.link);
        self.entries.push(entry.clone());
    }
}

/// What a sub-shard adds to the estimate at the very least: it holds two entries, each with a name of one byte
/// and a CID of four.
const fn least_estimate(rule: &HamtRule) -> usize {
    match rule.estimate {
        SizeEstimate::LinksBytes => 2 * (1 + 4),
        SizeEstimate::BlockBytes => 2 * (2 + 3 + 6 + 2),
    }
}
