//! What a process that was killed had written but not committed: found again, so that nobody has to send it again.
//!
//! Asked when a store is opened. Every record names its block by its hash, so whatever a crash left behind the committed
//! end of a segment can be told from what was put there. What this finds is durable when it returns.

use std::{collections::BTreeMap, fs, io, path::Path};

use super::{
    compact::Records,
    index::{BlockChange, Entry, Index, SegmentRow},
    record::{Key, Place},
    segment::{self, Segment},
};

/// What stopped it.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecoverError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Index(#[from] heed::Error),
}

/// Puts into the index what stands whole behind the committed ends. Gives the number of blocks.
pub(super) fn recover(folder: &Path, index: &Index) -> Result<usize, RecoverError> {
    let (rows, generation) = (index.segment_rows()?, index.generation()?);
    let mut blocks = 0;
    for segment in with_tails(folder, &rows)? {
        let committed_bytes = rows.get(&segment.id).map_or(0, |row| row.end);
        let found = whole_records(&segment, committed_bytes)?;
        if found.is_empty() {
            continue;
        }
        segment.file.sync_all()?;
        let mut txn = index.write()?;
        for (key, place) in found {
            if index.find(&txn, &key)?.is_none() {
                index.change(&mut txn, &key, BlockChange::Put(Entry { place, generation }))?;
                blocks += 1;
            }
        }
        txn.commit()?;
    }
    if blocks > 0 {
        // The name of a new segment has to survive as well.
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(blocks)
}

/// The segments that reach beyond what the index knows of them. One that is older than the newest and not in the index was
/// emptied by a compaction.
fn with_tails(folder: &Path, rows: &BTreeMap<u32, SegmentRow>) -> io::Result<Vec<Segment>> {
    let newest = rows.keys().next_back().copied();
    let mut found = Vec::new();
    for (id, path) in segment::files(folder)? {
        let committed_bytes = match rows.get(&id) {
            Some(row) => row.end,
            None if newest.is_none_or(|newest| id > newest) => 0,
            None => continue,
        };
        let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
        if file.metadata()?.len() > committed_bytes {
            found.push(Segment { id, file });
        }
    }
    found.sort_unstable_by_key(|segment| segment.id);
    Ok(found)
}

fn whole_records(segment: &Segment, from: u64) -> io::Result<Vec<(Key, Place)>> {
    let mut records = Records::after(segment, from)?;
    let mut whole = Vec::new();
    while let Some((key, place)) = records.next()? {
        if is_whole(segment, &key, &place) {
            whole.push((key, place));
        }
    }
    Ok(whole)
}

/// A record that was being written is not; neither is one of a hash that cannot be checked here.
fn is_whole(segment: &Segment, key: &Key, place: &Place) -> bool {
    let Ok(block) = segment.read(key, place) else { return false };
    key.raw_cid().is_some_and(|cid| unixfs::verify(&cid, &block).is_ok())
}
