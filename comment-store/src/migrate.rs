//! From an older version of the store to the next, step by step, each in one transaction.
//!
//! The version in the database is the truth, because it changes together with the tables. `FORMAT` follows it; it is
//! there for those who have to decide whether to open the database at all.

use std::path::Path;

use heed::{CommitOrAbort, Database, Env, RwTxn, WithoutTls, types::Bytes};

use crate::{StoreError, format, tables::Whole};

/// Brings the tables from `from` to the next version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) from: u32,
    pub(crate) run: fn(&Env<WithoutTls>, &mut RwTxn<'_>) -> Result<(), StoreError>,
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
    let table = open_whole(env, dir)?;
    let txn = env.read_txn()?;
    let whole = table.get(&txn, Whole::KEY)?.and_then(Whole::decode);
    drop(txn);
    let whole = whole.ok_or_else(|| damaged(dir, "lacks the row about itself"))?;
    let mut version = u32::try_from(whole.version).map_err(|_| damaged(dir, "has an impossible version"))?;
    while version < format::VERSION {
        version = step(env, dir, table, version, migrations)?;
    }
    if version != format_version { format::set_version(dir, version) } else { Ok(()) }
}

fn step(
    env: &Env<WithoutTls>,
    dir: &Path,
    table: Database<'static, Bytes, Bytes>,
    version: u32,
    migrations: &[Migration],
) -> Result<u32, StoreError> {
    let migration = migrations.iter().find(|migration| migration.from == version);
    let migration = migration.ok_or_else(|| damaged(dir, &format!("has version {version}, which never was")))?;
    let mut txn = env.write_txn()?;
    (migration.run)(env, &mut txn)?;
    let whole = table.get(&txn, Whole::KEY)?.and_then(Whole::decode);
    let whole = whole.ok_or_else(|| damaged(dir, "lacks the row about itself"))?;
    let whole = Whole { version: u64::from(version) + 1, ..whole };
    table.put(&mut txn, Whole::KEY, &whole.encode())?;
    txn.commit()?;
    Ok(version + 1)
}

fn open_whole(env: &Env<WithoutTls>, dir: &Path) -> Result<Database<'static, Bytes, Bytes>, StoreError> {
    let txn = env.read_txn()?;
    let opened = env.open_databases_and_commit(txn, |opener, txn| {
        Ok::<_, heed::Error>(match opener.open_database::<Bytes, Bytes>(txn, Some("store"))? {
            Some(table) => CommitOrAbort::Commit(table),
            None => CommitOrAbort::Abort(()),
        })
    })?;
    opened.commit().ok_or_else(|| damaged(dir, "lacks the table about itself"))
}

fn damaged(dir: &Path, found: &str) -> StoreError {
    StoreError::Damaged { path: dir.join(format::DATA), found: found.to_owned() }
}
