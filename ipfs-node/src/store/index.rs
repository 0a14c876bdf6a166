//! The index: which block stands where, how much of each segment is alive, what is pinned. One LMDB file.
//!
//! Asked by the store alone. A transaction here is what makes a block, a pin or a folder root durable.

use std::{collections::BTreeMap, fs, path::Path};

use heed::{
    CommitOrAbort, Database, Env, EnvOpenOptions, RoTxn, RwTxn, WithoutTls,
    byteorder::BigEndian,
    types::{Bytes, U32},
};
use unixfs::Cid;

use super::{
    record::{Key, Place, header_bytes},
    roots::{Pin, PinKind, RootChange},
};

/// Address space for the index; the file is sparse, so this costs no disk.
const MAP_BYTES: usize = 64 << 30;
const READERS: u32 = 510;
const GENERATION: &[u8] = b"generation";
const MFS_ROOT: &[u8] = b"mfs-root";
const ENTRY_BYTES: usize = 20;

/// What the index says of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    /// The generation that put it last. A collection takes nothing younger than the oldest session that was open.
    pub(crate) generation: u32,
}

/// What is known of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SegmentRow {
    /// Nothing after this counts.
    pub(crate) end: u64,
    /// Bytes of records that the index points to.
    pub(crate) live: u64,
}

/// A change to what the index says of one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockChange {
    /// It was written.
    Put(Entry),
    /// It was there and is wanted again.
    Touch(u32),
}

type Table<K> = Database<'static, K, Bytes>;

/// The tables and the environment they live in.
#[derive(Debug)]
pub(crate) struct Index {
    env: Env<WithoutTls>,
    blocks: Table<Bytes>,
    segments: Table<U32<BigEndian>>,
    pins: Table<Bytes>,
    meta: Table<Bytes>,
}

type Result<T> = std::result::Result<T, heed::Error>;

impl Index {
    /// Opens the index, or makes an empty one.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(MAP_BYTES).max_readers(READERS).max_dbs(4);
        // SAFETY: the repository's lock is held, so no other process has the file open or changes it under the map.
        let env = unsafe { options.open(folder)? };
        env.clear_stale_readers()?;
        let txn = env.write_txn()?;
        let tables = env.create_databases_and_commit(txn, |opener, txn| -> Result<_> {
            let blocks = opener.create_database::<Bytes, Bytes>(txn, Some("blocks"))?;
            let segments = opener.create_database::<U32<BigEndian>, Bytes>(txn, Some("segments"))?;
            let pins = opener.create_database::<Bytes, Bytes>(txn, Some("pins"))?;
            let meta = opener.create_database::<Bytes, Bytes>(txn, Some("meta"))?;
            Ok(CommitOrAbort::<_, ()>::Commit((blocks, segments, pins, meta)))
        })?;
        let (blocks, segments, pins, meta) = tables.commit().expect("the closure above always commits");
        Ok(Self { env, blocks, segments, pins, meta })
    }

    pub(crate) fn read(&self) -> Result<RoTxn<'_, WithoutTls>> {
        self.env.read_txn()
    }

    pub(crate) fn write(&self) -> Result<RwTxn<'_>> {
        self.env.write_txn()
    }

    /// What stands under a key.
    pub(crate) fn find(&self, txn: &RoTxn<'_>, key: &Key) -> Result<Option<Entry>> {
        Ok(self.blocks.get(txn, key.as_bytes())?.and_then(read_entry))
    }

    /// Blocks in the index.
    pub(crate) fn block_count(&self) -> Result<u64> {
        self.blocks.len(&*self.read()?)
    }

    /// At most `count` entries after a key, in key order.
    pub(crate) fn entries_after(&self, after: Option<&Key>, count: usize) -> Result<Vec<(Key, Entry)>> {
        let txn = self.read()?;
        let from = after.map_or(std::ops::Bound::Unbounded, |key| std::ops::Bound::Excluded(key.as_bytes()));
        let range = self.blocks.range(&txn, &(from, std::ops::Bound::Unbounded))?;
        let mut found = Vec::new();
        for row in range.take(count) {
            let (key, entry) = row?;
            found.extend(Key::read(key).zip(read_entry(entry)));
        }
        Ok(found)
    }

    /// Every segment.
    pub(crate) fn segment_rows(&self) -> Result<BTreeMap<u32, SegmentRow>> {
        let txn = self.read()?;
        self.segments.iter(&txn)?.map(|row| row.map(|(id, row)| (id, read_row(row)))).collect()
    }

    /// Applies a change to one block, and keeps the account of its segments.
    pub(crate) fn change(&self, txn: &mut RwTxn<'_>, key: &Key, change: BlockChange) -> Result<()> {
        let old = self.find(txn, key)?;
        match change {
            BlockChange::Put(entry) => self.replace(txn, key, old, Some(entry)),
            BlockChange::Touch(generation) => {
                let touched = old.map(|entry| Entry { generation: generation.max(entry.generation), ..entry });
                self.replace(txn, key, old, touched)
            }
        }
    }

    /// Forgets a block if nobody moved or wanted it since it was seen.
    pub(crate) fn forget(&self, txn: &mut RwTxn<'_>, key: &Key, seen: &Entry) -> Result<bool> {
        let old = self.find(txn, key)?;
        if old.as_ref() != Some(seen) {
            return Ok(false);
        }
        self.replace(txn, key, old, None)?;
        Ok(true)
    }

    /// Says that a block has moved, if it still stands where it was seen.
    pub(crate) fn relocate(&self, txn: &mut RwTxn<'_>, key: &Key, from: &Place, to: Place) -> Result<()> {
        match self.find(txn, key)? {
            Some(old) if old.place == *from => self.replace(txn, key, Some(old), Some(Entry { place: to, ..old })),
            _ => Ok(()),
        }
    }

    fn replace(&self, txn: &mut RwTxn<'_>, key: &Key, old: Option<Entry>, new: Option<Entry>) -> Result<()> {
        if let Some(old) = old {
            let row = self.segment_row(txn, old.place.segment)?;
            let live = row.live.saturating_sub(old.place.record_bytes(key));
            self.put_row(txn, old.place.segment, SegmentRow { live, ..row })?;
        }
        let Some(new) = new else { return self.blocks.delete(txn, key.as_bytes()).map(|_| ()) };
        let row = self.segment_row(txn, new.place.segment)?;
        let end = new.place.offset + header_bytes(key) as u64 + u64::from(new.place.block_bytes);
        let live = row.live + new.place.record_bytes(key);
        self.put_row(txn, new.place.segment, SegmentRow { end: row.end.max(end), live })?;
        self.blocks.put(txn, key.as_bytes(), &entry_bytes(&new))
    }

    fn segment_row(&self, txn: &RoTxn<'_>, id: u32) -> Result<SegmentRow> {
        Ok(self.segments.get(txn, &id)?.map(read_row).unwrap_or_default())
    }

    fn put_row(&self, txn: &mut RwTxn<'_>, id: u32, row: SegmentRow) -> Result<()> {
        self.segments.put(txn, &id, &[row.end.to_le_bytes(), row.live.to_le_bytes()].concat())
    }

    /// Forgets a segment if nothing in it is alive.
    pub(crate) fn forget_segment(&self, txn: &mut RwTxn<'_>, id: u32) -> Result<bool> {
        Ok(self.segment_row(txn, id)?.live == 0 && self.segments.delete(txn, &id)?)
    }

    /// The generation of sessions that begin now.
    pub(crate) fn generation(&self) -> Result<u32> {
        let txn = self.read()?;
        let written = self.meta.get(&txn, GENERATION)?;
        Ok(written.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes))
    }

    pub(crate) fn put_generation(&self, txn: &mut RwTxn<'_>, generation: u32) -> Result<()> {
        self.meta.put(txn, GENERATION, &generation.to_le_bytes())
    }

    /// The root of the writable folder, once it has been written to.
    pub(crate) fn mfs_root(&self) -> Result<Option<Cid>> {
        let txn = self.read()?;
        Ok(self.meta.get(&txn, MFS_ROOT)?.and_then(|bytes| Cid::try_from(bytes).ok()))
    }

    /// How a CID is pinned, if by itself it is.
    pub(crate) fn pin(&self, cid: &Cid) -> Result<Option<Pin>> {
        let txn = self.read()?;
        Ok(self.pins.get(&txn, &cid.to_bytes())?.and_then(|row| read_pin(*cid, row)))
    }

    /// At most `count` pins after a CID, in the order of their bytes.
    pub(crate) fn pins_after(&self, after: Option<&Cid>, count: usize) -> Result<Vec<Pin>> {
        let txn = self.read()?;
        let after = after.map(Cid::to_bytes);
        let from = after.as_deref().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = self.pins.range(&txn, &(from, std::ops::Bound::Unbounded))?;
        let mut found = Vec::new();
        for row in range.take(count) {
            let (cid, row) = row?;
            found.extend(Cid::try_from(cid).ok().and_then(|cid| read_pin(cid, row)));
        }
        Ok(found)
    }

    /// Applies a change to the roots.
    pub(crate) fn change_root(&self, txn: &mut RwTxn<'_>, change: &RootChange) -> Result<()> {
        match change {
            RootChange::Pin(pin) => {
                let kind = match pin.kind {
                    PinKind::Recursive => b'r',
                    PinKind::Direct => b'd',
                };
                self.pins.put(txn, &pin.cid.to_bytes(), &[&[kind], pin.name.as_bytes()].concat())
            }
            RootChange::Unpin(cid) => self.pins.delete(txn, &cid.to_bytes()).map(|_| ()),
            RootChange::MfsRoot(cid) => self.meta.put(txn, MFS_ROOT, &cid.to_bytes()),
        }
    }
}

fn entry_bytes(entry: &Entry) -> [u8; ENTRY_BYTES] {
    let mut out = [0; ENTRY_BYTES];
    out[..4].copy_from_slice(&entry.place.segment.to_le_bytes());
    out[4..12].copy_from_slice(&entry.place.offset.to_le_bytes());
    out[12..16].copy_from_slice(&entry.place.block_bytes.to_le_bytes());
    out[16..].copy_from_slice(&entry.generation.to_le_bytes());
    out
}

fn read_entry(bytes: &[u8]) -> Option<Entry> {
    let (segment, rest) = bytes.split_first_chunk()?;
    let (offset, rest) = rest.split_first_chunk()?;
    let (block_bytes, rest) = rest.split_first_chunk()?;
    let place = Place {
        segment: u32::from_le_bytes(*segment),
        offset: u64::from_le_bytes(*offset),
        block_bytes: u32::from_le_bytes(*block_bytes),
    };
    Some(Entry { place, generation: u32::from_le_bytes(rest.try_into().ok()?) })
}

fn read_row(bytes: &[u8]) -> SegmentRow {
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
    let (end, live) = bytes.split_at(bytes.len().min(8));
    SegmentRow { end: number(end), live: number(live) }
}

fn read_pin(cid: Cid, row: &[u8]) -> Option<Pin> {
    let (kind, name) = row.split_first()?;
    let kind = if *kind == b'd' { PinKind::Direct } else { PinKind::Recursive };
    Some(Pin { cid, kind, name: String::from_utf8_lossy(name).into_owned() })
}
