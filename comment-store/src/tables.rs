//! The tables of a store, and the small rows that are not comments.

use heed::{CommitOrAbort, Database, DatabaseOpener, Env, RoTxn, RwTxn, WithoutTls, types::Bytes};
use proto::{Cid, Epoch, LegacyId, Seq, Topic};

use crate::{StoreError, keys};

pub(crate) type Table = Database<'static, Bytes, Bytes>;

/// The tables' names on disk, in the order of [`Tables`]; only ever added to.
pub(crate) const NAMES: [&str; 10] =
    ["comments", "names", "arrivals", "dates", "topics", "heads", "nodes", "changes", "rules", STORE];
/// The table about the store itself; has this name in every version.
pub(crate) const STORE: &str = "store";

/// All tables of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tables {
    /// (topic, seq) → what is known about a comment, and its blob. Thread order is the order of the keys.
    pub(crate) comments: Table,
    /// Everything that a comment is found by: ids, legacy ids, groups, what names it. All of a topic lies together,
    /// so that a new comment changes one page of this table and not five.
    pub(crate) names: Table,
    /// seq → topic: the arrival log.
    pub(crate) arrivals: Table,
    /// (date, id, topic) → seq of every comment that has a blob: what servers compare.
    pub(crate) dates: Table,
    /// topic → [`Summary`].
    pub(crate) topics: Table,
    /// path → the commit that wrote the current version of a folder node.
    pub(crate) heads: Table,
    /// (commit, path) → a version of a folder node. A commit's lie together: they are written in one run, and forgotten
    /// in one.
    pub(crate) nodes: Table,
    /// commit → when, and which nodes changed.
    pub(crate) changes: Table,
    /// topic → rules of its owner. Reserved: empty in this version.
    #[expect(dead_code, reason = "the table exists so that a later version needs no migration to use it")]
    pub(crate) rules: Table,
    /// Facts about the store as a whole.
    pub(crate) store: Table,
}

impl Tables {
    pub(crate) fn create(env: &Env<WithoutTls>) -> Result<Self, StoreError> {
        let txn = env.write_txn()?;
        let made = env.create_databases_and_commit(txn, |opener, txn| {
            let made = NAMES.map(|name| create(opener, txn, name));
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(transpose(made)?))
        })?;
        Ok(Self::of(made.unwrap_commit()))
    }

    /// None when a table is missing.
    pub(crate) fn open(env: &Env<WithoutTls>) -> Result<Option<Self>, StoreError> {
        let txn = env.read_txn()?;
        let opened = env.open_databases_and_commit(txn, |opener, txn| {
            let opened = NAMES.map(|name| opener.open_database::<Bytes, Bytes>(txn, Some(name)));
            let opened = transpose(opened)?;
            if opened.iter().any(Option::is_none) {
                return Ok::<_, heed::Error>(CommitOrAbort::Abort(()));
            }
            Ok(CommitOrAbort::Commit(opened))
        })?;
        Ok(opened.commit().map(|tables| Self::of(tables.map(|table| table.expect("a missing table aborted")))))
    }

    fn of([comments, names, arrivals, dates, topics, heads, nodes, changes, rules, store]: [Table; 10]) -> Self {
        Self { comments, names, arrivals, dates, topics, heads, nodes, changes, rules, store }
    }

    pub(crate) fn summary(&self, txn: &RoTxn<'_, WithoutTls>, topic: &Topic) -> Result<Option<Summary>, StoreError> {
        Ok(self.topics.get(txn, &topic.0)?.and_then(Summary::decode))
    }

    pub(crate) fn whole(&self, txn: &RoTxn<'_, WithoutTls>) -> Result<Whole, StoreError> {
        let bytes = self.store.get(txn, Whole::KEY)?;
        Ok(bytes.and_then(Whole::decode).unwrap_or_default())
    }

    /// The place of the one comment that a key of the table of names leads to.
    pub(crate) fn place(&self, txn: &RoTxn<'_, WithoutTls>, key: &[u8]) -> Result<Option<Seq>, StoreError> {
        Ok(self.names.get(txn, key)?.and_then(|bytes| keys::places(bytes).next()))
    }
}

fn create<'e>(
    opener: &DatabaseOpener<'e, WithoutTls>,
    txn: &mut RwTxn<'e>,
    name: &str,
) -> heed::Result<Database<'e, Bytes, Bytes>> {
    opener.create_database(txn, Some(name))
}

fn transpose<T, E>(all: [Result<T, E>; NAMES.len()]) -> Result<[T; NAMES.len()], E> {
    let all = all.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(all.try_into().unwrap_or_else(|_| unreachable!("as many came out as went in")))
}

/// What is known about a topic as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Comments that are shown; edits, deletions, deleted ones and twins are left out.
    pub count: u64,
    /// Files in the folder: everything that has a blob.
    pub files: u64,
    /// The newest arrival of this topic.
    pub last_seq: Seq,
    /// The XOR of the legacy ids of all files.
    pub xor: [u8; 20],
    /// The CID of the folder; none when it is empty.
    pub folder: Option<Cid>,
}

impl Summary {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(80);
        for number in [self.count, self.files, self.last_seq.0] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(self.xor);
        bytes.extend(self.folder.map(|cid| cid.to_bytes()).unwrap_or_default());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let ([count, files, last_seq], rest) = numbers(bytes)?;
        let (xor, cid) = rest.split_first_chunk()?;
        Some(Self { count, files, last_seq: Seq(last_seq), xor: *xor, folder: Cid::from_bytes(cid) })
    }

    pub(crate) fn toggle(&mut self, legacy_id: &LegacyId) {
        self.xor.iter_mut().zip(legacy_id.0).for_each(|(byte, other)| *byte ^= other);
    }
}

/// What is known about the store as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Whole {
    /// Names this arrival log. Fits into the 53 bits that every reader of JSON has.
    pub(crate) epoch: Epoch,
    /// The newest arrival.
    pub(crate) last_seq: Seq,
    /// Counts the commits.
    pub(crate) commit: u64,
    /// Files in all folders.
    pub(crate) stored: u64,
    /// The version that the tables have; `FORMAT` follows it.
    pub(crate) version: u64,
    /// The CID of the root folder; none when it is empty.
    pub(crate) root: Option<Cid>,
}

impl Whole {
    pub(crate) const KEY: &[u8] = b"whole";

    pub(crate) fn encode(&self) -> Vec<u8> {
        let numbers = [self.epoch.0, self.last_seq.0, self.commit, self.stored, self.version];
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        bytes.extend(self.root.map(|cid| cid.to_bytes()).unwrap_or_default());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let ([epoch, last_seq, commit, stored, version], cid) = numbers(bytes)?;
        let (epoch, last_seq) = (Epoch(epoch), Seq(last_seq));
        Some(Self { epoch, last_seq, commit, stored, version, root: Cid::from_bytes(cid) })
    }
}

/// So many numbers, and what follows them.
pub(crate) fn numbers<const N: usize>(mut bytes: &[u8]) -> Option<([u64; N], &[u8])> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        let (first, rest) = bytes.split_first_chunk()?;
        *number = u64::from_be_bytes(*first);
        bytes = rest;
    }
    Some((numbers, bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proto::CommentId;

    use super::*;

    proptest! {
        #[test]
        fn small_rows_read_back_as_themselves(numbers: [u64; 5], xor: [u8; 20], cid: Option<[u8; 32]>) {
            let cid = cid.map(|hash| CommentId(hash).cid());
            let [count, files, last_seq, commit, version] = numbers;
            let summary = Summary { count, files, last_seq: Seq(last_seq), xor, folder: cid };
            prop_assert_eq!(Summary::decode(&summary.encode()), Some(summary));
            let (epoch, last_seq) = (Epoch(files), Seq(last_seq));
            let whole = Whole { epoch, last_seq, commit, stored: count, version, root: cid };
            prop_assert_eq!(Whole::decode(&whole.encode()), Some(whole));
        }

        #[test]
        fn any_bytes_are_a_small_row_or_not(bytes: Vec<u8>) {
            let _ = (Summary::decode(&bytes), Whole::decode(&bytes));
            let _ = crate::Change::decode(&[0; 8], &bytes);
        }
    }

    #[test]
    fn small_rows_on_disk_look_as_they_always_did() {
        let summary = Summary { count: 1, files: 2, last_seq: Seq(3), xor: [4; 20], folder: None };
        let numbers = |numbers: &[u8]| numbers.iter().flat_map(|n| [0, 0, 0, 0, 0, 0, 0, *n]).collect::<Vec<u8>>();
        assert_eq!(summary.encode(), [numbers(&[1, 2, 3]), vec![4; 20]].concat());
        let whole = Whole { epoch: Epoch(1), last_seq: Seq(2), commit: 3, stored: 4, version: 5, root: None };
        assert_eq!(whole.encode(), numbers(&[1, 2, 3, 4, 5]));
    }
}
