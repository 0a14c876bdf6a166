//! The block store: append-only segments, an index that says what counts, and the roots that keep blocks alive.
//!
//! Asked by every part of the node, on any thread. Keeps `segments/*.blocks`, `index/` (LMDB), `FORMAT` and `LOCK`
//! under the repository.
//!
//! What was acknowledged survives: a session's blocks are synced to their segments, then the index commits them
//! together with the roots that need them, then [`Session::commit`] returns. Whoever waits at that moment shares one
//! commit. Behind the committed end of a segment may stand blocks that were put and not committed: they outlive a process
//! that is killed, for they are found at the next start; what else stands there is cut off.

mod collect;
mod commit;
mod compact;
mod error;
mod format;
mod index;
mod lock;
mod mark;
mod record;
mod recover;
mod roots;
mod segment;
mod session;
mod state;
mod verify;

#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    thread,
};

use bytes::Bytes;
use unixfs::Cid;

pub use collect::{CollectError, Collected, Protection};
pub use error::{OpenError, StoreError};
pub use record::Key;
pub use roots::{Pin, PinKind, RootChange};
pub use session::{PutOutcome, Session};
pub use verify::Fault;

use collect::Collection;
use commit::Committer;
use format::Files;
use index::{Entry, Index};
use recover::RecoverError;
use segment::Segments;
use state::State;

/// Sizes that tests make small.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// A segment grows to about this.
    pub segment_bytes: u64,
    /// Bytes that may wait for a commit before one starts by itself: writing to disk begins early.
    pub early_bytes: u64,
    /// Bytes that may wait before a writer has to wait too.
    pub waiting_bytes: u64,
    /// Blocks that may wait before a writer has to wait too; half of them begin a commit. LMDB keeps in memory as many
    /// pages as the largest commit touched, and blocks touch one each.
    pub waiting_blocks: usize,
    /// Nothing is written when the volume has less than this left, so that there is room to delete.
    pub reserve_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 256 << 20,
            early_bytes: 16 << 20,
            waiting_bytes: 128 << 20,
            waiting_blocks: 4 << 10,
            reserve_bytes: 64 << 20,
        }
    }
}

/// The store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
    _committer: Arc<Committer>,
}

/// Who is told of every block that comes.
struct News(Box<dyn Fn(&Cid) + Send + Sync>);

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("News")
    }
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    options: StoreOptions,
    index: Index,
    segments: Segments,
    state: State,
    collection: Collection,
    /// Told of every block that comes.
    news: OnceLock<News>,
    /// Told of every CID that is pinned.
    pinned: OnceLock<News>,
    _lock: lock::Lock,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Blocks in the index.
    pub blocks: u64,
    /// Bytes of the segments.
    pub disk_bytes: u64,
    /// Of those, bytes of blocks that are in the index.
    pub live_bytes: u64,
}

impl Store {
    /// Opens the store in `folder`, or makes an empty one.
    ///
    /// # Errors
    ///
    /// `Locked` when another process has it; `Format` and `Damaged` when it is not what this version can read, and
    /// nothing was changed then; `Index` and `Io` when the disk refuses.
    pub fn open(folder: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let at = |cause| OpenError::Io { path: folder.to_owned(), cause };
        fs::create_dir_all(folder).map_err(at)?;
        let lock = lock::take(&folder.join("LOCK"))?;
        let files = format::inspect(folder)?;
        let index_folder = folder.join("index");
        let in_index = |cause| OpenError::Index { path: index_folder.clone(), cause };
        let index = Index::open(&index_folder).map_err(in_index)?;
        if files == Files::New {
            format::finish(folder).map_err(at)?;
        }
        let found = recover::recover(&folder.join("segments"), &index).map_err(|error| match error {
            RecoverError::Io(cause) => at(cause),
            RecoverError::Index(cause) => in_index(cause),
        })?;
        if found > 0 {
            tracing::info!(blocks = found, "found blocks that were put before the last process died");
        }
        let ends = index.segment_rows().map_err(in_index)?.into_iter().map(|(id, row)| (id, row.end)).collect();
        let segments = Segments::open(folder.join("segments"), options.segment_bytes, &ends);
        let segments = segments.map_err(|cause| damaged_or_io(folder, cause))?;
        let state = State::new(index.generation().map_err(in_index)?);
        let collection = Collection::default();
        let folder = folder.to_owned();
        let shared = Arc::new(Shared {
            folder,
            options,
            index,
            segments,
            state,
            collection,
            news: OnceLock::new(),
            pinned: OnceLock::new(),
            _lock: lock,
        });
        let committer =
            Committer::start(&shared).map_err(|cause| OpenError::Io { path: shared.folder.clone(), cause })?;
        Ok(Self { shared, _committer: Arc::new(committer) })
    }

    /// The bytes of a block; `None` when it is not here.
    ///
    /// # Errors
    ///
    /// `Read` when its record is not what the index says; `Index` when the index does not answer.
    pub fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreError> {
        match unixfs::inline_block(cid) {
            Some(bytes) => Ok(Some(bytes)),
            None => self.shared.read(&Key::of(cid), usize::MAX),
        }
    }

    /// The size of a block in bytes; `None` when it is not here.
    ///
    /// # Errors
    ///
    /// `Index` when the index does not answer.
    pub fn size_of(&self, cid: &Cid) -> Result<Option<u32>, StoreError> {
        if let Some(bytes) = unixfs::inline_block(cid) {
            return Ok(u32::try_from(bytes.len()).ok());
        }
        Ok(self.shared.find(&Key::of(cid))?.map(|entry| entry.place.block_bytes))
    }

    /// The first bytes of a block; `None` when it is not here.
    ///
    /// # Errors
    ///
    /// As [`Store::get`].
    pub fn start_of(&self, cid: &Cid, most: usize) -> Result<Option<Bytes>, StoreError> {
        match unixfs::inline_block(cid) {
            Some(bytes) => Ok(Some(bytes.slice(..most.min(bytes.len())))),
            None => self.shared.read(&Key::of(cid), most),
        }
    }

    /// Whether a block is here.
    ///
    /// # Errors
    ///
    /// `Index` when the index does not answer.
    pub fn has(&self, cid: &Cid) -> Result<bool, StoreError> {
        self.size_of(cid).map(|size| size.is_some())
    }

    /// Calls `tell` with every block that is written from now on, on the thread that writes it; for good, so there can be
    /// one.
    pub fn tell_news(&self, tell: impl Fn(&Cid) + Send + Sync + 'static) {
        let _ = self.shared.news.set(News(Box::new(tell)));
    }

    /// Calls `tell` with every CID that is pinned from now on, once that is durable; for good, so there can be one.
    pub fn tell_pins(&self, tell: impl Fn(&Cid) + Send + Sync + 'static) {
        let _ = self.shared.pinned.set(News(Box::new(tell)));
    }

    /// Begins to write. No collection takes what this session puts, or finds there, while it is open.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::begin(Arc::clone(&self.shared))
    }

    /// How a CID is pinned by itself, if it is.
    ///
    /// # Errors
    ///
    /// `Index` when the index does not answer.
    pub fn pin(&self, cid: &Cid) -> Result<Option<Pin>, StoreError> {
        Ok(self.shared.index.pin(cid)?)
    }

    /// All pins, a page at a time, so that a slow reader holds nothing open.
    pub fn pins(&self) -> impl Iterator<Item = Result<Pin, StoreError>> + '_ {
        let index = &self.shared.index;
        paged(|last: Option<&Pin>| index.pins_after(last.map(|pin| &pin.cid), PAGE))
    }

    /// The pins after a CID, in the order of their bytes; a page at a time too.
    pub fn pins_after(&self, after: Option<Cid>) -> impl Iterator<Item = Result<Pin, StoreError>> + '_ {
        let index = &self.shared.index;
        paged(move |last: Option<&Pin>| index.pins_after(last.map(|pin| &pin.cid).or(after.as_ref()), PAGE))
    }

    /// The keys of all blocks, a page at a time, in their order.
    pub fn keys(&self) -> impl Iterator<Item = Result<Key, StoreError>> + '_ {
        let index = &self.shared.index;
        let entries = paged(|last: Option<&(Key, Entry)>| index.entries_after(last.map(|(key, _)| key), PAGE));
        entries.map(|entry| entry.map(|(key, _)| key))
    }

    /// The root of the writable folder, once it was written to.
    ///
    /// # Errors
    ///
    /// `Index` when the index does not answer.
    pub fn mfs_root(&self) -> Result<Option<Cid>, StoreError> {
        Ok(self.shared.index.mfs_root()?)
    }

    /// Why the store takes no more writes, if it does not: the process should end.
    #[must_use]
    pub fn broken(&self) -> Option<StoreError> {
        self.shared.state.lock().broken.clone().map(StoreError::Broken)
    }

    /// How much there is.
    ///
    /// # Errors
    ///
    /// `Index` when the index does not answer.
    pub fn size(&self) -> Result<Size, StoreError> {
        let rows = self.shared.index.segment_rows()?;
        let (disk_bytes, live_bytes) = rows.values().fold((0, 0), |sum, row| (sum.0 + row.end, sum.1 + row.live));
        Ok(Size { blocks: self.shared.index.block_count()?, disk_bytes, live_bytes })
    }

    /// Where the repository is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }
}

/// Entries that are read from the index at a time.
const PAGE: usize = 1024;
/// A block may move between two looks at the index, but not so often.
const READ_TRIES: usize = 8;

impl Shared {
    fn find(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        // What waits for a commit first: it leaves there only after it is in the index.
        if let Some(entry) = self.state.waiting(key) {
            return Ok(Some(entry));
        }
        Ok(self.index.find(&*self.index.read()?, key)?)
    }

    fn read(&self, key: &Key, most: usize) -> Result<Option<Bytes>, StoreError> {
        for _ in 0..READ_TRIES {
            let Some(entry) = self.find(key)? else { return Ok(None) };
            // A segment that is gone was compacted: the index knows where its blocks are now.
            let Some(segment) = self.segments.get(entry.place.segment) else {
                thread::yield_now();
                continue;
            };
            return segment.read_start(key, &entry.place, most).map(Some).map_err(StoreError::Read);
        }
        Err(StoreError::Read(io::Error::other(format!("block {key:?} stands in a segment that does not exist"))))
    }
}

/// Rows that are read a page at a time, each page after the last row of the one before.
fn paged<T: Clone>(
    mut next: impl FnMut(Option<&T>) -> Result<Vec<T>, heed::Error>,
) -> impl Iterator<Item = Result<T, StoreError>> {
    let (mut page, mut last, mut failed) = (Vec::new().into_iter(), None, false);
    std::iter::from_fn(move || {
        if page.len() == 0 && !failed {
            match next(last.as_ref()) {
                Ok(rows) => page = rows.into_iter(),
                Err(error) => {
                    failed = true;
                    return Some(Err(error.into()));
                }
            }
        }
        let row: T = page.next()?;
        last = Some(row.clone());
        Some(Ok(row))
    })
}

fn damaged_or_io(folder: &Path, cause: io::Error) -> OpenError {
    let path = folder.to_owned();
    match cause.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::NotFound => OpenError::Damaged { path, cause },
        _ => OpenError::Io { path, cause },
    }
}
