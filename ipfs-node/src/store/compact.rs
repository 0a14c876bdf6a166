//! Compaction: segments without a live block are deleted; those that are less than half alive are copied together.
//!
//! Asked by the collection. A crash at any point leaves each block in one place that the index knows.

use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};

use super::{
    Shared, StoreError,
    collect::CollectError,
    record::{self, Key, Place},
    segment::Segment,
};

/// Bytes copied between two commits.
const BATCH_BYTES: u64 = 16 << 20;
const BUFFER_BYTES: usize = 1 << 20;

struct Move {
    key: Key,
    from: Place,
    to: Place,
}

impl Shared {
    /// Gives back the space of deleted blocks. `between` is called between two steps.
    pub(super) fn compact(&self, between: &mut impl FnMut() -> Result<(), CollectError>) -> Result<(), CollectError> {
        self.seal_if_sparse()?;
        let end = self.segments.first_that_grows();
        // After this nothing is on its way to a segment before `end`, and nothing waits that points into one.
        self.collection.await_writes();
        let failures = self.state.lock().failures;
        self.state.commit([], failures)?;
        for (id, row) in self.index.segment_rows().map_err(StoreError::from)?.range(..end) {
            if row.live * 2 >= row.end {
                continue;
            }
            between()?;
            if row.live > 0 {
                self.copy_live(*id)?;
            }
            self.drop_segment(*id)?;
        }
        Ok(())
    }

    fn seal_if_sparse(&self) -> Result<(), StoreError> {
        let Some(growing) = self.segments.growing() else { return Ok(()) };
        let rows = self.index.segment_rows()?;
        if rows.get(&growing).is_some_and(|row| row.live * 2 < row.end) {
            self.segments.seal();
        }
        Ok(())
    }

    /// Copies what is alive in a segment to the end of the growing one.
    fn copy_live(&self, id: u32) -> Result<(), StoreError> {
        let Some(segment) = self.segments.get(id) else { return Ok(()) };
        let (mut moves, mut bytes) = (Vec::new(), 0);
        let mut records = Records::of(&segment).map_err(StoreError::Read)?;
        while let Some((key, from)) = records.next().map_err(StoreError::Read)? {
            let entry = self.index.find(&*self.index.read()?, &key)?;
            if entry.is_none_or(|entry| entry.place != from) {
                continue;
            }
            let block = segment.read(&key, &from).map_err(StoreError::Read)?;
            let to = self.segments.append(&key, &block).map_err(StoreError::write)?;
            moves.push(Move { key, from, to });
            bytes += from.record_bytes(&key);
            if bytes >= BATCH_BYTES {
                self.commit_moves(&moves)?;
                moves.clear();
                bytes = 0;
            }
        }
        self.commit_moves(&moves)
    }

    fn commit_moves(&self, moves: &[Move]) -> Result<(), StoreError> {
        self.sync(moves.iter().map(|moved| moved.to.segment)).map_err(StoreError::write)?;
        let mut txn = self.index.write()?;
        for Move { key, from, to } in moves {
            self.index.relocate(&mut txn, key, from, *to)?;
        }
        Ok(txn.commit()?)
    }

    fn drop_segment(&self, id: u32) -> Result<(), StoreError> {
        let mut txn = self.index.write()?;
        if !self.index.forget_segment(&mut txn, id)? {
            tracing::warn!(segment = id, "a segment still has live blocks after compaction and is kept");
            return Ok(());
        }
        txn.commit()?;
        self.segments.delete(id).map_err(StoreError::write)
    }
}

/// The records of a segment in their order, dead ones included.
pub(super) struct Records {
    segment: u32,
    file: BufReader<std::fs::File>,
    at: u64,
    end: u64,
}

impl Records {
    fn of(segment: &Segment) -> io::Result<Self> {
        Self::after(segment, 0)
    }

    /// Those that begin after so many bytes.
    pub(super) fn after(segment: &Segment, bytes: u64) -> io::Result<Self> {
        // The cursor is this reader's alone: everybody else reads and writes at offsets.
        let mut file = BufReader::with_capacity(BUFFER_BYTES, segment.file.try_clone()?);
        let at = bytes.next_multiple_of(record::RECORD_ALIGN);
        file.seek(SeekFrom::Start(at))?;
        Ok(Self { segment: segment.id, at, end: file.get_ref().metadata()?.len(), file })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<(Key, Place)>> {
        while self.at < self.end {
            let head_bytes = (self.end - self.at).min(record::HEADER_BYTES_MAX as u64);
            let mut head = Vec::with_capacity(record::HEADER_BYTES_MAX);
            self.file.by_ref().take(head_bytes).read_to_end(&mut head)?;
            let at = self.at;
            let found = record::read_header(&head);
            // A hole that a crash left is zeros: the next record begins at some later multiple of the alignment.
            let length = found.map_or(record::RECORD_ALIGN, |(key, bytes)| record::record_bytes(&key, bytes));
            self.at += length;
            let ahead = i64::try_from(length).map_err(io::Error::other)? - head.len() as i64;
            self.file.seek_relative(ahead)?;
            if let Some((key, block_bytes)) = found {
                return Ok(Some((key, Place { segment: self.segment, offset: at, block_bytes })));
            }
        }
        Ok(None)
    }
}
