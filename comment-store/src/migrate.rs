//! From an older version of the store to the next, step by step, each in one transaction.
//!
//! The version in the database is the truth, because it changes together with the tables. `FORMAT` follows it; it is
//! there for those who have to decide whether to open the database at all.

use std::path::Path;

use heed::{CommitOrAbort, DatabaseOpener, Env, RoTxn, RwTxn, WithoutTls, types::Bytes};

use crate::{
    StoreError, format,
    tables::{STORE, Whole},
};

/// Changes the tables of one version into those of the next.
pub(crate) type Change = for<'e> fn(&DatabaseOpener<'e, WithoutTls>, &mut RwTxn<'e>) -> Result<(), StoreError>;

/// Brings the tables from `from` to the next version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) from: u32,
    pub(crate) change: Change,
}

/// All migrations that there are: none, because there is only one version.
pub(crate) const ALL: &[Migration] = &[];

/// Runs what has to be run.
pub(crate) fn run(
    env: &Env<WithoutTls>,
    dir: &Path,
    format_version: u32,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let mut version = current(env, dir)?;
    while version < format::VERSION {
        let migration = migrations.iter().find(|migration| migration.from == version);
        let migration = migration.ok_or_else(|| damaged(dir, &format!("has version {version}, which never was")))?;
        step(env, dir, migration)?;
        version += 1;
    }
    if version != format_version { format::set_version(dir, version) } else { Ok(()) }
}

fn step(env: &Env<WithoutTls>, dir: &Path, migration: &Migration) -> Result<(), StoreError> {
    let txn = env.write_txn()?;
    env.create_databases_and_commit(txn, |opener, txn| {
        (migration.change)(opener, txn)?;
        let whole = Whole { version: u64::from(migration.from) + 1, ..whole(opener, txn, dir)? };
        opener.create_database::<Bytes, Bytes>(txn, Some(STORE))?.put(txn, Whole::KEY, &whole.encode())?;
        Ok::<_, StoreError>(CommitOrAbort::<(), ()>::Commit(()))
    })?;
    Ok(())
}

/// The version that the tables have.
fn current(env: &Env<WithoutTls>, dir: &Path) -> Result<u32, StoreError> {
    let txn = env.read_txn()?;
    let read = env.open_databases_and_commit(txn, |opener, txn| {
        Ok::<_, StoreError>(CommitOrAbort::<(), _>::Abort(whole(opener, txn, dir)?.version))
    })?;
    let version = read.abort().unwrap_or_default();
    u32::try_from(version).map_err(|_| damaged(dir, "has an impossible version"))
}

fn whole<'e>(
    opener: &DatabaseOpener<'e, WithoutTls>,
    txn: &RoTxn<'e, WithoutTls>,
    dir: &Path,
) -> Result<Whole, StoreError> {
    let table = opener.open_database::<Bytes, Bytes>(txn, Some(STORE))?;
    let table = table.ok_or_else(|| damaged(dir, "lacks the table about itself"))?;
    table.get(txn, Whole::KEY)?.and_then(Whole::decode).ok_or_else(|| damaged(dir, "lacks the row about itself"))
}

fn damaged(dir: &Path, found: &str) -> StoreError {
    StoreError::Damaged { path: dir.join(format::DATA), found: found.to_owned() }
}
