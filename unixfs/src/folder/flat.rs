//! Changes to a folder that is one block, and its split into shards when it grows over the threshold.

use super::{Action, Changes, FolderError, Nodes, Store};
use crate::dir::{self, BuildError, Entry};
use crate::hamt::{NameHash, ShardPath};
use crate::{Fanout, Link};
use bytes::Bytes;

/// Changes the folder of these entries; `link` is its block in the store, if it has one.
pub(super) fn apply<N: Nodes>(
    store: &mut Store<'_, N>,
    entries: Vec<Entry>,
    link: Option<Link>,
    changes: &Changes<'_>,
) -> Result<Option<Link>, FolderError<N::Error>> {
    let merged = Merged::of(entries, changes);
    if !merged.has_changed {
        return Ok(link);
    }
    merged.check_collisions(store.options.hamt.fanout)?;
    if merged.entries.is_empty() {
        store.remove(ShardPath::ROOT)?;
        return Ok(None);
    }
    write(store, &merged.entries).map(Some)
}

/// Writes the folder of these entries, in one block or split, whichever their size asks for.
pub(super) fn write<N: Nodes>(store: &mut Store<'_, N>, sorted: &[Entry]) -> Result<Link, FolderError<N::Error>> {
    let options = *store.options;
    dir::build_sorted(sorted, &options, &mut |at, block| store.put(at, &block)).map_err(|error| match error {
        BuildError::Collision(name) => FolderError::Collision(name),
        BuildError::Put(error) => error,
    })
}

/// A folder after its changes.
struct Merged {
    /// In the order of their names.
    entries: Vec<Entry>,
    has_changed: bool,
    /// Names that were not there before.
    new: Vec<Bytes>,
}

impl Merged {
    fn of(entries: Vec<Entry>, changes: &Changes<'_>) -> Self {
        let capacity = entries.len() + changes.len();
        let mut merged = Self { entries: Vec::with_capacity(capacity), has_changed: false, new: Vec::new() };
        let mut before = entries.into_iter().peekable();
        for (name, action) in changes {
            while let Some(entry) = before.next_if(|entry| entry.name < **name) {
                merged.entries.push(entry);
            }
            let old = before.next_if(|entry| entry.name == **name);
            merged.change(name, old.map(|entry| entry.link), *action);
        }
        merged.entries.extend(before);
        merged
    }

    fn change(&mut self, name: &Bytes, old: Option<Link>, action: Action) {
        let new = match action {
            Action::Set(link) => Some(link),
            Action::Remove => None,
        };
        self.has_changed |= old != new;
        if let Some(link) = new {
            self.entries.push(Entry { name: name.clone(), link });
        }
        if old.is_none() && new.is_some() {
            self.new.push(name.clone());
        }
    }

    /// New names must not share their hash with each other or with a name that was there.
    fn check_collisions<E>(&self, fanout: Fanout) -> Result<(), FolderError<E>> {
        if self.new.is_empty() {
            return Ok(());
        }
        let hash = |name: &Bytes| NameHash::of(name, fanout);
        let mut new: Vec<_> = self.new.iter().map(|name| (hash(name), name)).collect();
        new.sort_unstable();
        let same = new.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1);
        let taken = |entry: &Entry| {
            let at = new.binary_search_by_key(&hash(&entry.name), |(hash, _)| *hash).ok()?;
            Some(new[at].1).filter(|name| **name != entry.name)
        };
        match same.or_else(|| self.entries.iter().find_map(taken)) {
            Some(name) => Err(FolderError::Collision(name.clone())),
            None => Ok(()),
        }
    }
}
