//! One write transaction: comments go in, folder nodes follow, one fsync ends it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use heed::RwTxn;
use proto::{
    Cid, Seq, Topic,
    posts::{Kept, Origin, Receipt},
};

use crate::{
    FolderChanges, InsertError, StoreError, Summary,
    incoming::{Incoming, Kind},
    keys,
    nodes::NodeChanges,
    opened::{Opened, explain},
    row::Row,
    tables::Whole,
};

/// A write transaction. Dropped without [`Batch::commit`], nothing of it remains.
pub struct Batch<'w> {
    pub(crate) txn: RwTxn<'w>,
    pub(crate) store: &'w Opened,
    pub(crate) whole: Whole,
    pub(crate) now_s: u64,
    pub(crate) nodes: NodeChanges,
    pub(crate) folders: BTreeMap<Topic, FolderChanges>,
    summaries: BTreeMap<Topic, Summary>,
    before: Whole,
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("whole", &self.whole).finish_non_exhaustive()
    }
}

/// What a batch became.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// On disk, under this number.
    As(u64),
    /// There was nothing to write.
    Nothing,
}

impl<'w> Batch<'w> {
    pub(crate) fn begin(store: &'w Opened, now_s: u64) -> Result<Self, StoreError> {
        let txn = store.env.write_txn()?;
        let before = store.tables.whole(&txn)?;
        Ok(Self {
            txn,
            store,
            whole: Whole { commit: before.commit + 1, ..before },
            now_s,
            nodes: NodeChanges::default(),
            folders: BTreeMap::new(),
            summaries: BTreeMap::new(),
            before,
        })
    }

    /// Keeps one comment, unless it is known: then the receipt is the one that it got before, also when it was deleted.
    ///
    /// # Errors
    ///
    /// `AnotherAuthor` when a visitor edits or deletes what is not his: it was not kept, and the batch goes on. `Store`
    /// when the store failed: the batch has to be dropped.
    pub fn insert(&mut self, comment: &Incoming) -> Result<Receipt, InsertError> {
        if let Some(seq) = self.place(&keys::by_id(&comment.topic, &comment.id))? {
            return Ok(self.receipt(comment, seq, Kept::Known));
        }
        if comment.origin == Origin::Visitor {
            self.refuse_foreign_target(comment)?;
        }
        let seq = self.append(comment)?;
        Ok(self.receipt(comment, seq, Kept::New))
    }

    /// What the comments of this batch change in the folders of their topics.
    #[must_use]
    pub fn folder_changes(&self) -> &BTreeMap<Topic, FolderChanges> {
        &self.folders
    }

    /// The topics about which anything changes.
    #[must_use]
    pub fn changed_topics(&self) -> BTreeSet<Topic> {
        self.summaries.keys().copied().collect()
    }

    /// What is known about a topic, with this batch.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn topic(&self, topic: &Topic) -> Result<Option<Summary>, StoreError> {
        match self.summaries.get(topic) {
            Some(summary) => Ok(Some(*summary)),
            None => self.store.tables.summary(&self.txn, topic),
        }
    }

    /// The CID of the root folder, with this batch; none when there are no comments.
    #[must_use]
    pub fn root(&self) -> Option<Cid> {
        self.whole.root
    }

    /// Says what the CID of a topic's folder is now; none when the folder is empty.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn set_topic_folder(&mut self, topic: &Topic, folder: Option<Cid>) -> Result<(), StoreError> {
        self.summary(topic)?.folder = folder;
        Ok(())
    }

    /// Says what the CID of the root folder is now; none when it is empty.
    pub fn set_root(&mut self, root: Option<Cid>) {
        self.whole.root = root;
    }

    /// Writes everything to disk, in one transaction with one fsync. Afterwards every reader sees it.
    ///
    /// # Errors
    ///
    /// When the store failed or the disk is full; then nothing of the batch was kept.
    pub fn commit(mut self) -> Result<Committed, StoreError> {
        let commit = self.whole.commit;
        let unchanged = Whole { commit: self.before.commit, ..self.whole } == self.before;
        if unchanged && self.nodes.is_empty() && self.summaries.is_empty() {
            return Ok(Committed::Nothing);
        }
        for (topic, summary) in std::mem::take(&mut self.summaries) {
            self.store.tables.topics.put(&mut self.txn, &topic.0, &summary.encode())?;
        }
        self.write_nodes()?;
        self.log_changes()?;
        self.trim_history()?;
        self.store.tables.store.put(&mut self.txn, Whole::KEY, &self.whole.encode())?;
        let store = self.store;
        self.txn.commit().map_err(|cause| explain(cause, store.free_bytes().unwrap_or(u64::MAX)))?;
        Ok(Committed::As(commit))
    }

    fn receipt(&self, comment: &Incoming, seq: Seq, kept: Kept) -> Receipt {
        Receipt { id: comment.id, legacy_id: comment.legacy_id, seq, epoch: self.whole.epoch, kept }
    }

    /// A visitor is told at once. From another server such a comment is kept without effect, so that the sets converge.
    fn refuse_foreign_target(&self, comment: &Incoming) -> Result<(), InsertError> {
        let (name, key, target) = match comment.kind {
            Kind::Edits(key, target) => ("Edits", key, target),
            Kind::Deletes(key, target) => ("Deletes", key, target),
            Kind::Unsigned | Kind::Signed(..) => return Ok(()),
        };
        let targets = self.places_of(&comment.topic, &target)?;
        let rows = targets.iter().map(|seq| Ok(self.row(&comment.topic, *seq)?.0.key()));
        let authors = rows.collect::<Result<Vec<_>, StoreError>>()?;
        if authors.is_empty() || authors.contains(&Some(key)) {
            return Ok(());
        }
        Err(InsertError::AnotherAuthor { name, target })
    }

    /// The place that a key of the table of names leads to.
    pub(crate) fn place(&self, key: &[u8]) -> Result<Option<Seq>, StoreError> {
        self.store.tables.place(&self.txn, key)
    }

    /// The summary of a topic, to be changed.
    pub(crate) fn summary(&mut self, topic: &Topic) -> Result<&mut Summary, StoreError> {
        let known = self.topic(topic)?.unwrap_or_default();
        Ok(self.summaries.entry(*topic).or_insert(known))
    }

    /// What is known about a comment, and its blob. It is there: a name led to it.
    pub(crate) fn row(&self, topic: &Topic, seq: Seq) -> Result<(Row, &[u8]), StoreError> {
        self.store.row(&self.txn, topic, seq)
    }
}
