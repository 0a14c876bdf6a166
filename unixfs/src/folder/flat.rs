//! Changes to a folder that is one block, and its split into shards when it grows over the threshold.

use super::{Action, Changes, FolderError, Nodes, Store};
use crate::dir::{self, BuildError, Entry};
use crate::hamt::{NameHash, ShardPath};
use crate::{Fanout, Link};
use bytes::Bytes;
use std::collections::HashMap;

/// Changes the folder of these entries; `link` is its block in the store, if it has one.
pub(super) fn apply<N: Nodes>(
    store: &mut Store<'_, N>,
    entries: &[Entry],
    link: Option<Link>,
    changes: &Changes<'_>,
) -> Result<Option<Link>, FolderError<N::Error>> {
    let after = merge(entries, changes);
    if after == entries {
        return Ok(link);
    }
    check_collisions(entries, &after, changes, store.options.hamt.fanout)?;
    if after.is_empty() {
        store.remove(ShardPath::ROOT)?;
        return Ok(None);
    }
    write(store, &after).map(Some)
}

/// Writes the folder of these entries, in one block or split, whichever their size asks for.
pub(super) fn write<N: Nodes>(store: &mut Store<'_, N>, sorted: &[Entry]) -> Result<Link, FolderError<N::Error>> {
    let options = *store.options;
    dir::build_sorted(sorted, &options, &mut |at, block| store.put(at, &block)).map_err(|error| match error {
        BuildError::Collision(name) => FolderError::Collision(name),
        BuildError::Put(error) => error,
    })
}

/// The entries after the changes, in the order of their names.
fn merge(entries: &[Entry], changes: &Changes<'_>) -> Vec<Entry> {
    let mut after = Vec::with_capacity(entries.len() + changes.len());
    let mut kept = entries.iter().peekable();
    for (name, action) in changes {
        while let Some(entry) = kept.next_if(|entry| entry.name < **name) {
            after.push(entry.clone());
        }
        kept.next_if(|entry| entry.name == **name);
        if let Action::Set(link) = action {
            after.push(Entry { name: (*name).clone(), link: *link });
        }
    }
    after.extend(kept.cloned());
    after
}

/// New names must not share their hash with each other or with a name that was there.
fn check_collisions<E>(
    before: &[Entry],
    after: &[Entry],
    changes: &Changes<'_>,
    fanout: Fanout,
) -> Result<(), FolderError<E>> {
    let was_there = |name: &Bytes| before.binary_search_by(|entry| entry.name.cmp(name)).is_ok();
    let is_set = |name: &Bytes| matches!(changes.get(name), Some(Action::Set(_)));
    let mut new = HashMap::new();
    for Entry { name, .. } in after.iter().filter(|entry| is_set(&entry.name) && !was_there(&entry.name)) {
        if new.insert(NameHash::of(name, fanout), name).is_some() {
            return Err(FolderError::Collision(name.clone()));
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    let taken = |entry: &Entry| new.get(&NameHash::of(&entry.name, fanout)).filter(|name| ***name != entry.name);
    match after.iter().find_map(taken) {
        Some(name) => Err(FolderError::Collision((*name).clone())),
        None => Ok(()),
    }
}
