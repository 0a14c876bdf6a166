//! Changes to a folder that is split into shards. Shards are opened as changes reach them, and written
//! bottom-up at the end; the rest of the folder stays unread.

use super::survey::{SmallFolder, Survey};
use super::{Action, Changes, Damage, FolderError, Nodes, Store, flat};
use crate::dir::{self, Entry};
use crate::hamt::{self, NameHash, Shard, ShardPath, ShardSlot};
use crate::item::Item;
use crate::{ImportOptions, Link};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Changes the folder whose root shard is `shard`.
pub(super) fn apply<N: Nodes>(
    store: &mut Store<'_, N>,
    shard: Shard,
    link: Link,
    changes: &Changes<'_>,
) -> Result<Option<Link>, FolderError<N::Error>> {
    let root = OpenShard::stored(shard, link, ShardPath::ROOT, store.options)?;
    let mut trie = Trie { store, root, estimate_change: 0 };
    // Removals first: a name may take the place of another with the same hash.
    for (name, _) in changes.iter().filter(|(_, action)| **action == Action::Remove) {
        trie.remove(name)?;
    }
    for (name, action) in changes {
        if let Action::Set(link) = action {
            trie.set(&Entry { name: (*name).clone(), link: *link })?;
        }
    }
    trie.finish()
}

/// An open folder.
struct Trie<'s, 'n, N> {
    store: &'s mut Store<'n, N>,
    root: OpenShard,
    /// How much larger the folder's estimate is than before the changes.
    estimate_change: isize,
}

/// A shard in memory.
pub(super) struct OpenShard {
    pub(super) slots: BTreeMap<u16, Slot>,
    /// Its block as stored; `None` once it has changed.
    unchanged: Option<Link>,
    /// Whether a block stands at its place in the store.
    pub(super) origin: Origin,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Stored,
    New,
}

pub(super) enum Slot {
    Entry(Entry),
    /// A sub-shard that was not read.
    Closed(Link),
    Open(Box<OpenShard>),
}

/// A place in the folder while walking down.
#[derive(Clone, Copy)]
struct Place {
    at: ShardPath,
    level: u32,
}

impl Place {
    const ROOT: Self = Self { at: ShardPath::ROOT, level: 0 };

    /// Where in this shard a name belongs.
    fn slot(self, hash: NameHash, options: &ImportOptions) -> u16 {
        hash.slot(options.hamt.fanout, self.level).expect("shards on the last level hold no shards")
    }

    fn child(self, options: &ImportOptions, slot: u16) -> Self {
        Self { at: self.at.child(options.hamt.fanout, slot), level: self.level + 1 }
    }
}

impl<N: Nodes> Trie<'_, '_, N> {
    fn set(&mut self, entry: &Entry) -> Result<(), FolderError<N::Error>> {
        let hash = NameHash::of(&entry.name, self.store.options.hamt.fanout);
        let old = self.root.set(self.store, Place::ROOT, hash, entry)?;
        self.note(&entry.name, old, Some(entry.link));
        Ok(())
    }

    fn remove(&mut self, name: &Bytes) -> Result<(), FolderError<N::Error>> {
        let hash = NameHash::of(name, self.store.options.hamt.fanout);
        let old = self.root.remove(self.store, Place::ROOT, hash, name)?;
        self.note(name, old, None);
        Ok(())
    }

    fn note(&mut self, name: &[u8], old: Option<Link>, new: Option<Link>) {
        let rule = &self.store.options.hamt;
        let size = |link: Option<Link>| link.map_or(0, |link| dir::entry_estimate(rule, name, &link).cast_signed());
        self.estimate_change += size(new) - size(old);
    }

    /// Writes what changed, as shards or as a flat folder.
    fn finish(mut self) -> Result<Option<Link>, FolderError<N::Error>> {
        if let Some(link) = self.root.unchanged {
            return Ok(Some(link));
        }
        let mut emptied = Vec::new();
        self.root.settle(ShardPath::ROOT, self.store.options, &mut emptied);
        // Before, the folder was over the threshold; it can only have left it by shrinking.
        if self.estimate_change < 0
            && let Some(small) = Survey::of(&self.root, self.store.options).entries_if_flat(self.store)?
        {
            return self.flatten(&small, &emptied);
        }
        for at in emptied {
            self.store.remove(at)?;
        }
        self.root.write(ShardPath::ROOT, self.store).map(Some)
    }

    fn flatten(self, small: &SmallFolder, emptied: &[ShardPath]) -> Result<Option<Link>, FolderError<N::Error>> {
        for at in small.shards.iter().chain(emptied) {
            self.store.remove(*at)?;
        }
        if small.entries.is_empty() {
            self.store.remove(ShardPath::ROOT)?;
            return Ok(None);
        }
        flat::write(self.store, &small.entries).map(Some)
    }
}

impl OpenShard {
    /// A new shard with one entry; another one is about to come.
    fn around(slot: u16, entry: Entry) -> Self {
        Self { slots: BTreeMap::from([(slot, Slot::Entry(entry))]), unchanged: None, origin: Origin::New }
    }

    fn stored<E>(shard: Shard, link: Link, at: ShardPath, options: &ImportOptions) -> Result<Self, FolderError<E>> {
        let is_last = at.level(shard.fanout) + 1 == hamt::levels(shard.fanout);
        let is_too_deep = is_last && shard.slots.iter().any(|held| held.name.is_empty());
        if shard.fanout != options.hamt.fanout || is_too_deep {
            return Err(FolderError::damaged(at, Damage::Shape));
        }
        let slots = shard.slots.into_iter().map(|held| (held.slot, Slot::from(held))).collect();
        Ok(Self { slots, unchanged: Some(link), origin: Origin::Stored })
    }

    pub(super) fn open<N: Nodes>(
        store: &mut Store<'_, N>,
        at: ShardPath,
        link: Link,
    ) -> Result<Self, FolderError<N::Error>> {
        match store.read(at, Some(link))? {
            Some((Item::Shard(shard), _)) => Self::stored(shard, link, at, store.options),
            Some(_) => Err(FolderError::damaged(at, Damage::Shape)),
            None => Err(FolderError::Missing(at)),
        }
    }

    /// Sets an entry below this shard; returns what stood under its name.
    fn set<N: Nodes>(
        &mut self,
        store: &mut Store<'_, N>,
        place: Place,
        hash: NameHash,
        entry: &Entry,
    ) -> Result<Option<Link>, FolderError<N::Error>> {
        let slot = place.slot(hash, store.options);
        let below = place.child(store.options, slot);
        let old = match self.slots.get_mut(&slot) {
            None => {
                self.slots.insert(slot, Slot::Entry(entry.clone()));
                None
            }
            Some(Slot::Entry(held)) if held.name == entry.name => Some(std::mem::replace(&mut held.link, entry.link)),
            Some(Slot::Entry(_)) if below.level == hamt::levels(store.options.hamt.fanout) => {
                return Err(FolderError::Collision(entry.name.clone()));
            }
            Some(held) => held.as_shard(store, below)?.set(store, below, hash, entry)?,
        };
        if old != Some(entry.link) {
            self.unchanged = None;
        }
        Ok(old)
    }

    /// Removes a name below this shard; returns what stood under it.
    fn remove<N: Nodes>(
        &mut self,
        store: &mut Store<'_, N>,
        place: Place,
        hash: NameHash,
        name: &Bytes,
    ) -> Result<Option<Link>, FolderError<N::Error>> {
        let slot = place.slot(hash, store.options);
        let below = place.child(store.options, slot);
        let old = match self.slots.get_mut(&slot) {
            None => None,
            Some(Slot::Entry(held)) if held.name != *name => None,
            Some(Slot::Entry(held)) => {
                let link = held.link;
                self.slots.remove(&slot);
                Some(link)
            }
            Some(held) => held.as_shard(store, below)?.remove(store, below, hash, name)?,
        };
        if old.is_some() {
            self.unchanged = None;
        }
        Ok(old)
    }

    /// Puts sub-shards that are left with one entry, or none, out of the way, deepest first.
    fn settle(&mut self, at: ShardPath, options: &ImportOptions, emptied: &mut Vec<ShardPath>) {
        self.slots.retain(|slot, held| {
            let Slot::Open(child) = held else { return true };
            if child.unchanged.is_some() {
                return true;
            }
            let below = at.child(options.hamt.fanout, *slot);
            child.settle(below, options, emptied);
            let last = match child.slots.pop_first() {
                // More than one, or a single sub-shard: those entries agree in more of their hashes still.
                Some((slot, held)) if !child.slots.is_empty() || !matches!(held, Slot::Entry(_)) => {
                    child.slots.insert(slot, held);
                    return true;
                }
                last => last,
            };
            if child.origin == Origin::Stored {
                emptied.push(below);
            }
            last.map(|(_, entry)| *held = entry).is_some()
        });
    }

    /// Writes this shard and those below that changed, children first.
    fn write<N: Nodes>(&mut self, at: ShardPath, store: &mut Store<'_, N>) -> Result<Link, FolderError<N::Error>> {
        if let Some(link) = self.unchanged {
            return Ok(link);
        }
        let mut slots = Vec::with_capacity(self.slots.len());
        for (slot, held) in &mut self.slots {
            let (name, link) = match held {
                Slot::Entry(entry) => (entry.name.clone(), entry.link),
                Slot::Closed(link) => (Bytes::new(), *link),
                Slot::Open(child) => (Bytes::new(), child.write(at.child(store.options.hamt.fanout, *slot), store)?),
            };
            slots.push(ShardSlot { slot: *slot, name, link });
        }
        let (block, link) = hamt::shard_block(store.options, &slots);
        store.put(at, &block)?;
        Ok(link)
    }
}

impl From<ShardSlot> for Slot {
    fn from(held: ShardSlot) -> Self {
        if held.name.is_empty() {
            Self::Closed(held.link)
        } else {
            Self::Entry(Entry { name: held.name, link: held.link })
        }
    }
}

impl Slot {
    /// The sub-shard in this slot: read if it was not, made around the entry if there was one.
    fn as_shard<N: Nodes>(
        &mut self,
        store: &mut Store<'_, N>,
        place: Place,
    ) -> Result<&mut OpenShard, FolderError<N::Error>> {
        let shard = match self {
            Self::Open(shard) => return Ok(shard),
            Self::Closed(link) => OpenShard::open(store, place.at, *link)?,
            Self::Entry(entry) => {
                let hash = NameHash::of(&entry.name, store.options.hamt.fanout);
                OpenShard::around(place.slot(hash, store.options), entry.clone())
            }
        };
        *self = Self::Open(Box::new(shard));
        match self {
            Self::Open(shard) => Ok(shard),
            _ => unreachable!("opened on the line above"),
        }
    }
}
