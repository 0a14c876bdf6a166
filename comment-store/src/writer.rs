//! The one writer of a store.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use heed::{Env, WithoutTls};
use proto::Epoch;

use crate::{
    Batch, Options, Reader, StoreError,
    format::{self, Files, failed},
    lock::WriterLock,
    migrate::{self, Migration},
    opened::{Access, Opened, open_env},
    tables::{Tables, Whole},
};

/// Slots of readers that were killed are cleared so often; until then they keep old pages from being used again.
const BETWEEN_CLEARINGS: Duration = Duration::from_secs(5);

/// The one writer of a store. Its process holds the store's lock.
#[derive(Debug)]
pub struct Writer {
    pub(crate) store: Arc<Opened>,
    cleared: Instant,
    _lock: WriterLock,
}

impl Writer {
    /// Opens a store for writing, and creates it if there is none.
    ///
    /// # Errors
    ///
    /// `Locked` when another process writes; `Foreign`, `Damaged`, `Newer` when what is there should not be touched, and
    /// was not.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        Self::open_with(dir, options, migrate::ALL)
    }

    pub(crate) fn open_with(dir: &Path, options: &Options, migrations: &[Migration]) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|cause| failed("create", dir, cause))?;
        let lock = WriterLock::take(dir, options.lock_wait)?;
        let (env, tables) = match format::inspect(dir)? {
            Files::None => create(dir, options)?,
            Files::Store(version) => open(dir, options, version, migrations)?,
        };
        let store = Arc::new(Opened { env, tables, options: options.clone(), dir: dir.to_owned() });
        store.env.clear_stale_readers()?;
        show_last_commit(&store.env)?;
        Ok(Self { store, cleared: Instant::now(), _lock: lock })
    }

    /// A reader within this process: LMDB does not allow a process to open a store twice.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::of(Arc::clone(&self.store))
    }

    /// Begins a write transaction.
    ///
    /// # Errors
    ///
    /// `DiskFull` when less than the reserve is left: ask again later. Otherwise when the store failed.
    pub fn batch(&mut self) -> Result<Batch<'_>, StoreError> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.batch_at(now_s)
    }

    /// Begins a write transaction at a time of the caller's choosing, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// As [`Writer::batch`].
    pub fn batch_at(&mut self, now_s: u64) -> Result<Batch<'_>, StoreError> {
        self.check_space()?;
        if self.cleared.elapsed() >= BETWEEN_CLEARINGS {
            self.store.env.clear_stale_readers()?;
            self.cleared = Instant::now();
        }
        Batch::begin(&self.store, now_s)
    }

    fn check_space(&self) -> Result<(), StoreError> {
        let reserve_bytes = u64::from(self.store.options.reserve_mib) << 20;
        if self.store.free_bytes()? < reserve_bytes { Err(StoreError::DiskFull) } else { Ok(()) }
    }
}

/// Shows readers everything that is on disk.
///
/// LMDB tells readers of a commit as its last step. A predecessor that was killed before that has left a commit which is on
/// disk, which its successor builds on and acknowledges, and which readers do not see: until the next write transaction
/// begins. So one begins here, before anybody is told that this writer is there.
fn show_last_commit(env: &Env<WithoutTls>) -> Result<(), StoreError> {
    env.write_txn()?.abort();
    Ok(())
}

fn create(dir: &Path, options: &Options) -> Result<(Env<WithoutTls>, Tables), StoreError> {
    format::begin(dir)?;
    let env = open_env(dir, options, Access::Write)?;
    let tables = Tables::create(&env)?;
    let mut txn = env.write_txn()?;
    let whole = Whole { epoch: new_epoch(), version: format::VERSION.into(), ..Whole::default() };
    tables.store.put(&mut txn, Whole::KEY, &whole.encode())?;
    txn.commit()?;
    format::finish(dir)?;
    Ok((env, tables))
}

/// Never 0, and within the 53 bits of a number that every reader of JSON keeps exactly.
fn new_epoch() -> Epoch {
    Epoch(rand::random_range(1..1 << 53))
}

fn open(
    dir: &Path,
    options: &Options,
    version: u32,
    migrations: &[Migration],
) -> Result<(Env<WithoutTls>, Tables), StoreError> {
    let env = open_env(dir, options, Access::Write)?;
    migrate::run(&env, dir, version, migrations)?;
    let tables = Tables::open(&env)?.ok_or_else(|| missing_table(dir))?;
    Ok((env, tables))
}

pub(crate) fn missing_table(dir: &Path) -> StoreError {
    StoreError::Damaged { path: dir.join(format::DATA), found: "lacks one of its tables".to_owned() }
}
