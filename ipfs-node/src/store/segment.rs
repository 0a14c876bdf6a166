//! Segments: the append-only files that hold the blocks.
//!
//! Asked by the store. Records are written beside each other at reserved offsets, so several threads write at once;
//! the index alone says what counts, so a hole that a crash leaves is only lost space.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, IoSlice},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use bytes::Bytes;
use nix::sys::uio::pwritev;

use super::record::{self, Key, Place};

/// One file.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) id: u32,
    pub(crate) file: File,
}

impl Segment {
    /// Writes a record at an offset that was reserved for it.
    fn write(&self, place: &Place, key: &Key, block: &[u8]) -> io::Result<()> {
        let header = record::header(key, place.block_bytes);
        let offset = i64::try_from(place.offset).map_err(io::Error::other)?;
        let written = pwritev(&self.file, &[IoSlice::new(&header), IoSlice::new(block)], offset)?;
        // A short write is rare (a full disk, a signal): the rest goes piece by piece and reports why.
        if written < header.len() {
            self.file.write_all_at(&header[written..], place.offset + written as u64)?;
        }
        let block_written = written.saturating_sub(header.len());
        let at = place.offset + (header.len() + block_written) as u64;
        self.file.write_all_at(&block[block_written..], at)
    }

    /// Reads a block, checking that the record is the one that the index means.
    pub(crate) fn read(&self, key: &Key, place: &Place) -> io::Result<Bytes> {
        self.read_start(key, place, usize::MAX)
    }

    /// The first bytes of a block, fewer if it has fewer.
    pub(crate) fn read_start(&self, key: &Key, place: &Place, most: usize) -> io::Result<Bytes> {
        let header_bytes = record::header_bytes(key);
        let mut bytes = vec![0; header_bytes + most.min(place.block_bytes as usize)];
        self.file.read_exact_at(&mut bytes, place.offset)?;
        if record::read_header(&bytes) != Some((*key, place.block_bytes)) {
            let what = format!("segment {} has another record at {}", self.id, place.offset);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Bytes::from(bytes).slice(header_bytes..))
    }
}

/// All segments of a store.
#[derive(Debug)]
pub(crate) struct Segments {
    folder: PathBuf,
    segment_bytes: u64,
    open: RwLock<BTreeMap<u32, Arc<Segment>>>,
    /// The one that grows, and where its next record goes.
    tail: Mutex<Tail>,
}

#[derive(Debug)]
struct Tail {
    segment: Option<Arc<Segment>>,
    end: u64,
    next_id: u32,
}

impl Segments {
    /// Opens those that the index knows, cutting off what it does not, and deletes the others.
    pub(crate) fn open(folder: PathBuf, segment_bytes: u64, known: &BTreeMap<u32, u64>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if !id_of(&path).is_some_and(|id| known.contains_key(&id)) {
                fs::remove_file(path)?;
            }
        }
        let mut open = BTreeMap::new();
        for (&id, &committed_bytes) in known {
            let file = OpenOptions::new().read(true).write(true).open(path_of(&folder, id))?;
            if file.metadata()?.len() < committed_bytes {
                let what = format!("segment {id} is shorter than the {committed_bytes} bytes that were committed");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
            // What stands after this was never acknowledged.
            file.set_len(committed_bytes)?;
            open.insert(id, Arc::new(Segment { id, file }));
        }
        let next_id = known.keys().next_back().map_or(0, |last| last + 1);
        let last = known.iter().next_back().filter(|(_, end)| **end < segment_bytes);
        let end = last.map_or(0, |(_, end)| end.next_multiple_of(record::RECORD_ALIGN));
        let segment = last.and_then(|(id, _)| open.get(id).cloned());
        let tail = Mutex::new(Tail { segment, end, next_id });
        Ok(Self { folder, segment_bytes, open: RwLock::new(open), tail })
    }

    /// The segment with this id, unless it was deleted.
    pub(crate) fn get(&self, id: u32) -> Option<Arc<Segment>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Appends a record.
    pub(crate) fn append(&self, key: &Key, block: &[u8]) -> io::Result<Place> {
        let block_bytes = u32::try_from(block.len()).map_err(io::Error::other)?;
        let (segment, place) = self.reserve(key, block_bytes)?;
        segment.write(&place, key, block)?;
        Ok(place)
    }

    fn reserve(&self, key: &Key, block_bytes: u32) -> io::Result<(Arc<Segment>, Place)> {
        let record_bytes = record::record_bytes(key, block_bytes);
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let full = tail.end > 0 && tail.end + record_bytes > self.segment_bytes;
        let segment = match &tail.segment {
            Some(segment) if !full => Arc::clone(segment),
            _ => self.start(&mut tail)?,
        };
        let place = Place { segment: segment.id, offset: tail.end, block_bytes };
        tail.end += record_bytes;
        Ok((segment, place))
    }

    fn start(&self, tail: &mut Tail) -> io::Result<Arc<Segment>> {
        let id = tail.next_id;
        let path = path_of(&self.folder, id);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        // The name has to survive as well as the bytes.
        File::open(&self.folder)?.sync_all()?;
        let segment = Arc::new(Segment { id, file });
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&segment));
        *tail = Tail { segment: Some(Arc::clone(&segment)), end: 0, next_id: id + 1 };
        Ok(segment)
    }

    /// Lets the next record go to a new segment; the one that grew can then be compacted.
    pub(crate) fn seal(&self) -> Option<u32> {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.end = 0;
        tail.segment.take().map(|segment| segment.id)
    }

    /// The segment that grows.
    pub(crate) fn growing(&self) -> Option<u32> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).segment.as_ref().map(|segment| segment.id)
    }

    /// No segment before this one will ever grow again.
    pub(crate) fn first_that_grows(&self) -> u32 {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.segment.as_ref().map_or(tail.next_id, |segment| segment.id)
    }

    /// Deletes a segment. Who reads from it now may finish.
    pub(crate) fn delete(&self, id: u32) -> io::Result<()> {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        match fs::remove_file(path_of(&self.folder, id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The files of a folder that are segments by their names; none when there is no folder.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter_map(|path| Some((id_of(&path)?, path))).collect())
}

fn path_of(folder: &Path, id: u32) -> PathBuf {
    folder.join(format!("{id:08}.blocks"))
}

fn id_of(path: &Path) -> Option<u32> {
    (path.extension()? == "blocks").then(|| path.file_stem()?.to_str()?.parse().ok()).flatten()
}
