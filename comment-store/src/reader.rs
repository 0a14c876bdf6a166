//! One of the many readers of a store, in the writer's process or in another.

use std::{path::Path, sync::Arc};

use crate::{
    Options, Snapshot, StoreError,
    format::{self, Files},
    opened::{Access, Opened, open_env},
    tables::Tables,
    writer::missing_table,
};

/// A reader. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    store: Arc<Opened>,
}

impl Reader {
    /// Opens a store for reading, in a process that has not opened it yet.
    ///
    /// # Errors
    ///
    /// `Absent` when there is none yet: the writer makes it, so try again. `Foreign`, `Damaged`, `Newer` when what is
    /// there cannot be read safely.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, StoreError> {
        match format::inspect(dir)? {
            Files::None => return Err(StoreError::Absent { dir: dir.to_owned() }),
            Files::Store(version) if version < format::VERSION => {
                return Err(StoreError::Older { dir: dir.to_owned(), found: version });
            }
            Files::Store(_) => {}
        }
        let env = open_env(dir, options, Access::Read)?;
        let tables = Tables::open(&env)?.ok_or_else(|| missing_table(dir))?;
        Ok(Self::of(Arc::new(Opened { env, tables, options: options.clone(), dir: dir.to_owned() })))
    }

    pub(crate) fn of(store: Arc<Opened>) -> Self {
        Self { store }
    }

    /// The store as it is now. Take it, read, drop it: as long as it lives, the space of what is superseded since cannot
    /// be used again.
    ///
    /// # Errors
    ///
    /// When the store failed, or 512 snapshots are held already.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        Snapshot::take(&self.store)
    }
}
