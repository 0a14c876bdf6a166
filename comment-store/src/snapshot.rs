//! The store at one moment: everything that can be asked of it. What is returned points into the memory map; nothing is
//! copied. Every blob is hashed before it is handed out, so damage is an error here and not a wrong answer there.

use std::{fmt, ops::Bound};

use heed::{RoTxn, WithoutTls};
use proto::{AnyId, Cid, CommentId, Epoch, LegacyId, Seq, Topic};

use crate::{
    Change, Changes, StoreError, Summary, keys,
    opened::Opened,
    row::{self, Row, Standing},
    tables::Whole,
};

/// So many rows that are not shown are passed over for one page: a topic full of edits costs no more than a busy one.
const PASSED_LIMIT: usize = 4_096;
/// About so many bytes of changes are returned at a time.
const CHANGES_BYTES: usize = 4 << 20;

/// The store at one moment.
pub struct Snapshot<'r> {
    pub(crate) txn: RoTxn<'r, WithoutTls>,
    pub(crate) store: &'r Opened,
    whole: Whole,
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("whole", &self.whole).finish_non_exhaustive()
    }
}

/// A comment of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'t> {
    /// Its id.
    pub id: CommentId,
    /// Its id in the comntr network.
    pub legacy_id: LegacyId,
    /// Its place in the order of arrival.
    pub seq: Seq,
    /// What its author wrote first; none when it was deleted.
    pub blob: Option<&'t [u8]>,
    /// What its author wrote last, in place of it.
    pub edit: Option<Edit<'t>>,
}

impl Shown<'_> {
    /// The length of what its author wrote.
    pub(crate) fn bytes(&self) -> usize {
        self.blob.map_or(0, <[u8]>::len) + self.edit.map_or(0, |edit| edit.blob.len())
    }
}

/// What takes the place of a comment's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit<'t> {
    /// The edit's id.
    pub id: CommentId,
    /// The edit.
    pub blob: &'t [u8],
}

/// Some comments of a thread, oldest arrival first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'t> {
    /// May be fewer than asked for, and none, although there are more: see `next`.
    pub comments: Vec<Shown<'t>>,
    /// Where to go on; none when this was the end of the thread.
    pub next: Option<Seq>,
}

/// What is under an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'t> {
    /// Nothing that this store ever had.
    Unknown,
    /// A comment that its author deleted.
    Deleted,
    /// A comment, an edit or a deletion.
    Comment(StoredFile<'t>),
}

/// A file of a topic's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredFile<'t> {
    /// Its id, whose CID is the file's.
    pub id: CommentId,
    /// Its name.
    pub legacy_id: LegacyId,
    /// Its place in the order of arrival.
    pub seq: Seq,
    /// Its bytes.
    pub blob: &'t [u8],
}

/// Some files of a folder, by arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesPage<'t> {
    /// The files.
    pub files: Vec<StoredFile<'t>>,
    /// Where to go on; none when this was all.
    pub next: Option<Seq>,
}

/// A folder node: its path and its bytes.
pub type StoredNode<'t> = (&'t [u8], &'t [u8]);

/// One entry of the arrival log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'t> {
    /// Its place.
    pub seq: Seq,
    /// Where it arrived.
    pub topic: Topic,
    /// What arrived.
    pub id: CommentId,
    /// Its bytes; none when it was deleted since.
    pub blob: Option<&'t [u8]>,
}

impl<'r> Snapshot<'r> {
    pub(crate) fn take(store: &'r Opened) -> Result<Self, StoreError> {
        let txn = store.env.read_txn()?;
        let whole = store.tables.whole(&txn)?;
        Ok(Self { txn, store, whole })
    }

    /// Names the life of the arrival log.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.whole.epoch
    }

    /// The newest arrival of all topics, 0 when there is none.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.whole.last_seq
    }

    /// The number of the newest commit, 0 when there is none.
    #[must_use]
    pub fn last_commit(&self) -> u64 {
        self.whole.commit
    }

    /// The CID of the folder with all topics; none when it is empty.
    #[must_use]
    pub fn root(&self) -> Option<Cid> {
        self.whole.root
    }

    /// How many comments are in all folders.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.whole.stored
    }

    /// Count, folder and so on of a topic; none when nothing ever arrived there.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn topic(&self, topic: &Topic) -> Result<Option<Summary>, StoreError> {
        self.store.tables.summary(&self.txn, topic)
    }

    /// The topics in the order of their ids, those after `after`.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn topics(&self, after: Option<Topic>, limit: usize) -> Result<Vec<Topic>, StoreError> {
        let after = after.map_or(Bound::Unbounded, |topic| Bound::Excluded(topic.0));
        let from = (after.as_ref().map(|topic| &topic[..]), Bound::Unbounded);
        let mut topics = Vec::new();
        for entry in self.store.tables.topics.range(&self.txn, &from)?.take(limit) {
            let (key, _) = entry?;
            topics.push(Topic(key.try_into().map_err(|_| self.store.damaged("topics", "with a topic's id"))?));
        }
        Ok(topics)
    }

    /// One page of a thread: at most `limit` comments that arrived after `after`, of at most about `room_bytes` bytes,
    /// unless the first alone is longer. It can be cut anywhere: the next page begins after the last `seq` that is used.
    ///
    /// # Errors
    ///
    /// When the store failed, or a blob is not what it was.
    pub fn page(
        &self,
        topic: &Topic,
        after: Option<Seq>,
        limit: usize,
        room_bytes: usize,
    ) -> Result<Page<'_>, StoreError> {
        let (mut comments, mut bytes, mut passed) = (Vec::new(), 0, 0);
        let mut last = after;
        for entry in self.rows_after(topic, after)? {
            let (seq, value) = entry?;
            let listed = row::standing(value).is_some_and(Standing::is_listed);
            let full = comments.len() >= limit || passed >= PASSED_LIMIT;
            if full && (listed || passed >= PASSED_LIMIT) {
                return Ok(Page { comments, next: last });
            }
            if !listed {
                passed += 1;
            } else {
                let shown = self.shown(topic, seq, value)?;
                bytes += shown.bytes();
                if bytes > room_bytes && !comments.is_empty() {
                    return Ok(Page { comments, next: last });
                }
                comments.push(shown);
            }
            last = Some(seq);
        }
        Ok(Page { comments, next: None })
    }

    /// The newest comments of a thread, newest arrival first: at most `limit`, of at most about `room_bytes` bytes, unless
    /// the first alone is longer.
    ///
    /// # Errors
    ///
    /// When the store failed, or a blob is not what it was.
    pub fn newest(&self, topic: &Topic, limit: usize, room_bytes: usize) -> Result<Vec<Shown<'_>>, StoreError> {
        let (mut comments, mut bytes) = (Vec::new(), 0);
        for entry in self.rows_backwards(topic)?.take(PASSED_LIMIT) {
            let (seq, value) = entry?;
            if !row::standing(value).is_some_and(Standing::is_listed) {
                continue;
            }
            let shown = self.shown(topic, seq, value)?;
            bytes += shown.blob.map_or(0, <[u8]>::len) + shown.edit.map_or(0, |edit| edit.blob.len());
            if comments.len() >= limit || bytes > room_bytes && !comments.is_empty() {
                break;
            }
            comments.push(shown);
        }
        Ok(comments)
    }

    /// What is under either id of a comment.
    ///
    /// # Errors
    ///
    /// When the store failed, or the blob is not what it was.
    pub fn find(&self, topic: &Topic, id: &AnyId) -> Result<Found<'_>, StoreError> {
        let mut smallest: Option<StoredFile<'_>> = None;
        let mut found = Found::Unknown;
        for seq in self.store.places(&self.txn, topic, id)? {
            found = Found::Deleted;
            let file = self.file(seq, self.row_bytes(topic, seq)?)?;
            smallest = [smallest, file].into_iter().flatten().min_by_key(|file| file.id);
        }
        Ok(smallest.map_or(found, Found::Comment))
    }

    /// Files of a folder by arrival: about `room_bytes` of them, unless the first alone is longer.
    ///
    /// # Errors
    ///
    /// When the store failed, or a blob is not what it was.
    pub fn files(&self, topic: &Topic, after: Option<Seq>, room_bytes: usize) -> Result<FilesPage<'_>, StoreError> {
        let (mut files, mut bytes, mut last) = (Vec::new(), 0, after);
        for (passed, entry) in self.rows_after(topic, after)?.enumerate() {
            let (seq, value) = entry?;
            let file = self.file(seq, value)?;
            bytes += file.map_or(0, |file| file.blob.len());
            if passed >= PASSED_LIMIT || bytes > room_bytes && !files.is_empty() {
                return Ok(FilesPage { files, next: last });
            }
            if let Some(file) = file
                && self.has_the_name(topic, &file)?
            {
                files.push(file);
            }
            last = Some(seq);
        }
        Ok(FilesPage { files, next: None })
    }

    /// The arrival log after a place, at most `limit` entries.
    ///
    /// # Errors
    ///
    /// When the store failed, or a blob is not what it was.
    pub fn arrivals(&self, after: Seq, limit: usize) -> Result<Vec<Arrival<'_>>, StoreError> {
        let from = after.0.to_be_bytes();
        let range = (Bound::Excluded(&from[..]), Bound::Unbounded);
        let mut arrivals = Vec::new();
        for entry in self.store.tables.arrivals.range(&self.txn, &range)?.take(limit) {
            let (key, value) = entry?;
            let seq = key.try_into().map(|key| Seq(u64::from_be_bytes(key)));
            let topic = value.try_into().map(Topic);
            let (Ok(seq), Ok(topic)) = (seq, topic) else {
                return Err(self.store.damaged("arrivals", "of its length"));
            };
            let value = self.row_bytes(&topic, seq)?;
            let (row, _) = self.decode(seq, value)?;
            let blob = self.file(seq, value)?.map(|file| file.blob);
            arrivals.push(Arrival { seq, topic, id: row.id, blob });
        }
        Ok(arrivals)
    }

    /// The set that servers compare, in its order: (`Date` second, id, topic) from a point on, at most `limit` of them.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn dated(&self, from: (u64, CommentId), limit: usize) -> Result<Vec<(u64, CommentId, Topic)>, StoreError> {
        let from = keys::date(from.0, &from.1, &Topic([0; 20]));
        let range = (Bound::Included(&from[..]), Bound::Unbounded);
        let mut dated = Vec::new();
        for entry in self.store.tables.dates.range(&self.txn, &range)?.take(limit) {
            let key = keys::split_date(entry?.0);
            dated.push(key.ok_or_else(|| self.store.damaged("dates", "of its length"))?);
        }
        Ok(dated)
    }

    /// What changed after a commit, oldest first.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn changes_since(&self, commit: u64) -> Result<Changes<'_>, StoreError> {
        let oldest =
            self.store.tables.changes.first(&self.txn)?.map_or(self.whole.commit + 1, |(key, _)| commit_of(key));
        if commit.saturating_add(1) < oldest && commit < self.whole.commit || commit > self.whole.commit {
            return Ok(Changes::Forgotten);
        }
        let from = commit.to_be_bytes();
        let range = (Bound::Excluded(&from[..]), Bound::Unbounded);
        let (mut changes, mut bytes) = (Vec::new(), 0);
        for entry in self.store.tables.changes.range(&self.txn, &range)? {
            let (key, value) = entry?;
            bytes += value.len();
            if bytes > CHANGES_BYTES && !changes.is_empty() {
                break;
            }
            let change = Change::decode(key, value);
            changes.push(change.ok_or_else(|| self.store.damaged("changes", "that can be read"))?);
        }
        Ok(Changes::Since(changes))
    }

    /// A folder node as a commit wrote it; none when it did not, or it is forgotten.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn node_at(&self, path: &[u8], commit: u64) -> Result<Option<&[u8]>, StoreError> {
        self.store.version(&self.txn, commit, path)
    }

    /// A folder node as it is now; none when there is none.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn node(&self, path: &[u8]) -> Result<Option<&[u8]>, StoreError> {
        match self.store.head(&self.txn, path)? {
            Some(commit) => self.store.version(&self.txn, commit, path),
            None => Ok(None),
        }
    }

    /// All folder nodes as they are now, in the order of their paths.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn nodes(&self) -> Result<impl Iterator<Item = Result<StoredNode<'_>, StoreError>>, StoreError> {
        self.nodes_after(None)
    }

    /// The folder nodes as they are now, those with greater paths than this one: lets a walk through all of them go on in
    /// a later snapshot.
    ///
    /// # Errors
    ///
    /// When the store failed.
    pub fn nodes_after(
        &self,
        path: Option<&[u8]>,
    ) -> Result<impl Iterator<Item = Result<StoredNode<'_>, StoreError>>, StoreError> {
        let after = path.map(keys::path);
        let range = (after.as_deref().map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let heads = self.store.tables.heads.range(&self.txn, &range)?;
        Ok(heads.map(|head| {
            let (key, commit) = head?;
            let path = keys::split_path(key);
            let node = self.store.version(&self.txn, commit_of(commit), path)?;
            Ok((path, node.ok_or_else(|| self.store.damaged("nodes", "that its table heads names"))?))
        }))
    }

    pub(crate) fn rows_after(
        &self,
        topic: &Topic,
        after: Option<Seq>,
    ) -> Result<impl Iterator<Item = Result<(Seq, &[u8]), StoreError>>, StoreError> {
        let from = keys::row(topic, Seq(after.map_or(0, |seq| seq.0)));
        let to = keys::row(topic, Seq(u64::MAX));
        let range = (Bound::Excluded(&from[..]), Bound::Included(&to[..]));
        let rows = self.store.tables.comments.range(&self.txn, &range)?;
        Ok(rows.map(|entry| self.row(entry?)))
    }

    fn rows_backwards(
        &self,
        topic: &Topic,
    ) -> Result<impl Iterator<Item = Result<(Seq, &[u8]), StoreError>>, StoreError> {
        let (from, to) = (keys::row(topic, Seq(0)), keys::row(topic, Seq(u64::MAX)));
        let range = (Bound::Included(&from[..]), Bound::Included(&to[..]));
        let rows = self.store.tables.comments.rev_range(&self.txn, &range)?;
        Ok(rows.map(|entry| self.row(entry?)))
    }

    fn row<'t>(&self, (key, value): (&[u8], &'t [u8])) -> Result<(Seq, &'t [u8]), StoreError> {
        let (_, seq) = keys::split_row(key).ok_or_else(|| self.store.damaged("comments", "of its length"))?;
        Ok((seq, value))
    }

    pub(crate) fn row_bytes(&self, topic: &Topic, seq: Seq) -> Result<&[u8], StoreError> {
        let value = self.store.tables.comments.get(&self.txn, &keys::row(topic, seq))?;
        value.ok_or_else(|| self.store.damaged("comments", &format!("{topic} {seq}")))
    }

    pub(crate) fn decode<'t>(&self, seq: Seq, value: &'t [u8]) -> Result<(Row, &'t [u8]), StoreError> {
        Row::decode(value).ok_or_else(|| self.store.damaged("comments", &format!("{seq} that can be read")))
    }

    /// The file that a row stands for; none when it was deleted.
    fn file<'t>(&self, seq: Seq, value: &'t [u8]) -> Result<Option<StoredFile<'t>>, StoreError> {
        let (row, blob) = self.decode(seq, value)?;
        if !row.standing.is_live() {
            return Ok(None);
        }
        if CommentId::of(blob) != row.id {
            return Err(self.store.damaged("comments", &format!("{seq} with the bytes of comment {}", row.id)));
        }
        Ok(Some(StoredFile { id: row.id, legacy_id: row.legacy_id, seq, blob }))
    }

    pub(crate) fn shown<'t>(&'t self, topic: &Topic, seq: Seq, value: &'t [u8]) -> Result<Shown<'t>, StoreError> {
        let (row, _) = self.decode(seq, value)?;
        let blob = self.file(seq, value)?.map(|file| file.blob);
        let edit = match row.edit {
            Seq(0) => None,
            edit => self.file(edit, self.row_bytes(topic, edit)?)?,
        };
        let edit = edit.map(|file| Edit { id: file.id, blob: file.blob });
        Ok(Shown { id: row.id, legacy_id: row.legacy_id, seq, blob, edit })
    }

    /// Whether this comment has the name in the folder: another one with the same legacy id may have it.
    fn has_the_name(&self, topic: &Topic, file: &StoredFile<'_>) -> Result<bool, StoreError> {
        let named = self.store.tables.names.get(&self.txn, &keys::by_legacy_id(topic, &file.legacy_id))?;
        if named.is_some_and(|places| places.len() == size_of::<u64>()) {
            return Ok(true);
        }
        let found = self.find(topic, &AnyId::Legacy(file.legacy_id))?;
        Ok(matches!(found, Found::Comment(named) if named.id == file.id))
    }
}

fn commit_of(key: &[u8]) -> u64 {
    key.try_into().map_or(0, u64::from_be_bytes)
}
