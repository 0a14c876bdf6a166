//! A folder that changes is always the folder that would be built at once, and little of it is touched.

mod support;

use bytes::Bytes;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use support::{entries, names};
use unixfs::folder::{self, Change, Damage, FolderError, Nodes};
use unixfs::{
    Block, Cid, Entry, Fanout, HamtRule, ImportOptions, Link, Node, Profile, ShardPath, SizeEstimate, cid_raw, dir,
};

const V1: ImportOptions = Profile::V1_2025.options();

/// A store in memory that counts what is asked of it.
#[derive(Default, Clone)]
struct Memory {
    blocks: BTreeMap<ShardPath, Block>,
    read: usize,
    written: usize,
    removed: usize,
}

impl Nodes for Memory {
    type Error = Infallible;

    fn get(&mut self, at: &ShardPath) -> Result<Option<Bytes>, Infallible> {
        self.read += 1;
        Ok(self.blocks.get(at).map(|block| block.bytes.clone()))
    }

    fn put(&mut self, at: &ShardPath, block: &Block) -> Result<(), Infallible> {
        self.written += 1;
        self.blocks.insert(*at, block.clone());
        Ok(())
    }

    fn remove(&mut self, at: &ShardPath) -> Result<(), Infallible> {
        self.removed += 1;
        assert!(self.blocks.remove(at).is_some(), "{at} is removed only where it is");
        Ok(())
    }
}

impl Memory {
    fn cids(&self) -> BTreeSet<Cid> {
        self.blocks.values().map(|block| block.cid).collect()
    }

    fn reset_counts(&mut self) {
        (self.read, self.written, self.removed) = (0, 0, 0);
    }
}

fn options(estimate: SizeEstimate, threshold_bytes: usize, slots: u64) -> ImportOptions {
    let fanout = Fanout::new(slots).expect("a fan-out of the test");
    ImportOptions { hamt: HamtRule { threshold_bytes, estimate, fanout }, ..V1 }
}

fn link(content: u8) -> Link {
    // Sizes of one to three varint bytes, so that replacing an entry can shrink its folder.
    Link { cid: cid_raw(&[content]), tsize: 1 << (content % 21) }
}

fn change() -> impl Strategy<Value = Change> {
    let name = (0u16..60).prop_map(|n| format!("{n:0width$}", width = usize::from(n % 5)));
    let action = prop_oneof![3 => any::<u8>().prop_map(Some), 2 => Just(None)];
    (name, action).prop_map(|(name, content)| match content {
        Some(content) => Change::set(name, link(content)),
        None => Change::remove(name),
    })
}

fn rule() -> impl Strategy<Value = ImportOptions> {
    let estimate = prop_oneof![Just(SizeEstimate::LinksBytes), Just(SizeEstimate::BlockBytes)];
    let slots = prop_oneof![Just(8u64), Just(16), Just(256), Just(1024)];
    (estimate, 0usize..1500, slots).prop_map(|(estimate, threshold, slots)| options(estimate, threshold, slots))
}

/// The folder built at once: its root, and the names of all its blocks.
fn at_once(model: &BTreeMap<Bytes, Link>, options: &ImportOptions) -> (Option<Node>, BTreeSet<Cid>) {
    if model.is_empty() {
        return (None, BTreeSet::new());
    }
    let mut blocks: Vec<Block> = Vec::new();
    let entries = model.iter().map(|(name, link)| Entry::new(name.clone(), *link)).collect();
    let root = dir::build(entries, options, &mut blocks).expect("the model is a folder");
    (Some(root), blocks.iter().map(|block| block.cid).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_changed_folder_equals_the_one_built_at_once(
        options in rule(),
        batches in proptest::collection::vec(proptest::collection::vec(change(), 0..25), 1..12),
    ) {
        let (mut store, mut model) = (Memory::default(), BTreeMap::new());
        for batch in batches {
            for change in &batch {
                match change.action {
                    folder::Action::Set(link) => model.insert(change.name.clone(), link),
                    folder::Action::Remove => model.remove(&change.name),
                };
            }
            store.reset_counts();
            let root = folder::apply(&mut store, &options, &batch).unwrap();
            let (expected, blocks) = at_once(&model, &options);
            prop_assert_eq!(root, expected);
            prop_assert_eq!(store.cids(), blocks, "no block is missing and none is left over");
            prop_assert!(store.written <= store.blocks.len(), "each block is written once at most");
        }
    }
}

/// A folder with 20,000 entries under the profile of Rookery, and their names.
fn large() -> (Memory, Vec<String>) {
    let names = names("folder", 20_000, 40, 40);
    let mut store = Memory::default();
    let sets: Vec<_> = names.iter().map(|name| Change::set(name.clone(), link(7))).collect();
    folder::apply(&mut store, &V1, &sets).expect("a folder");
    store.reset_counts();
    (store, names)
}

#[test]
fn one_new_entry_touches_only_its_own_path() {
    let (mut store, _) = large();
    folder::apply(&mut store, &V1, &[Change::set("new", link(1))]).unwrap();
    assert!(store.read <= 3 && store.written <= 3 && store.removed == 0, "{} {}", store.read, store.written);
}

#[test]
fn one_removal_reads_no_more_than_proves_that_the_folder_stays_split() {
    let (mut store, names) = large();
    let all = store.blocks.len();
    folder::apply(&mut store, &V1, &[Change::remove(names[5].clone())]).unwrap();
    assert!(store.read < all / 3 && store.written <= 3, "{} of {all} read, {} written", store.read, store.written);
}

#[test]
fn a_batch_that_changes_nothing_writes_nothing() {
    let (mut store, names) = large();
    let same = [Change::set(names[0].clone(), link(7)), Change::remove("never there")];
    let root = folder::apply(&mut store, &V1, &same).unwrap();
    assert_eq!((store.written, store.removed), (0, 0));
    assert_eq!(root.unwrap().cid, store.blocks[&ShardPath::ROOT].cid);
}

#[test]
fn crossing_the_threshold_of_the_fixture_and_back_gives_both_fixtures() {
    let at = names("hamt-unixfs-v1-2025", 4766, 11, 21);
    let over = names("hamt-unixfs-v1-2025", 4766, 11, 22);
    let sets = |names: &[String]| -> Vec<Change> {
        entries(&V1, names, "x").into_iter().map(|entry| Change::set(entry.name, entry.link)).collect()
    };
    let mut store = Memory::default();
    let flat = folder::apply(&mut store, &V1, &sets(&at)).unwrap().unwrap();
    assert_eq!(flat.cid.to_string(), "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4");
    let swap = |from: &[String], to: &[String]| [Change::remove(from[4765].clone()), sets(&to[4765..]).remove(0)];
    let split = folder::apply(&mut store, &V1, &swap(&at, &over)).unwrap().unwrap();
    assert_eq!(split.cid.to_string(), "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu");
    assert_eq!(folder::apply(&mut store, &V1, &swap(&over, &at)).unwrap(), Some(flat));
    assert_eq!(store.blocks.len(), 1, "no shard is left behind");
}

#[test]
fn a_folder_without_entries_has_no_block() {
    let mut store = Memory::default();
    folder::apply(&mut store, &V1, &[Change::set("a", link(1))]).unwrap();
    assert_eq!(folder::apply(&mut store, &V1, &[Change::remove("a")]), Ok(None));
    assert!(store.blocks.is_empty());
}

#[test]
fn a_name_that_no_folder_can_hold_is_refused_before_anything_is_written() {
    let mut store = Memory::default();
    for name in ["", "a/b"] {
        let changes = [Change::set("fine", link(1)), Change::set(name, link(1))];
        assert_eq!(folder::apply(&mut store, &V1, &changes), Err(FolderError::Name(Bytes::from(name))));
    }
    assert_eq!(store.written, 0);
}

/// Murmur3 can be run backwards: the second half of the second name was computed so that both hashes are equal.
fn colliding_names() -> [Bytes; 2] {
    [
        Bytes::from_static(b"comment-of-alice0123456789abcdef"),
        Bytes::from_static(b"comment-of-00000\xa5@\x9c7\x17\xbf\xbf\xe3\xea5  \x1b\xad\xff\x8b"),
    ]
}

#[test]
fn names_of_equal_hash_are_refused_flat_and_split() {
    for threshold in [0, 1 << 20] {
        let options = options(SizeEstimate::BlockBytes, threshold, 256);
        let [one, other] = colliding_names();
        let mut store = Memory::default();
        folder::apply(&mut store, &options, &[Change::set(one.clone(), link(1))]).unwrap();
        let second = [Change::set("fine", link(2)), Change::set(other.clone(), link(2))];
        assert_eq!(folder::apply(&mut store, &options, &second), Err(FolderError::Collision(other.clone())));
        let instead = [Change::remove(one), Change::set(other, link(2))];
        assert!(folder::apply(&mut store, &options, &instead).is_ok(), "one of them is no problem");
    }
}

#[test]
fn a_missing_and_a_damaged_shard_are_told_apart_and_nothing_is_written() {
    let (mut store, names) = large();
    let (at, block) = store.blocks.pop_last().unwrap();
    let add_all: Vec<_> = names.iter().map(|name| Change::set(name.clone(), link(9))).collect();
    assert_eq!(folder::apply(&mut store, &V1, &add_all), Err(FolderError::Missing(at)));
    let other = store.blocks[&ShardPath::ROOT].clone();
    store.blocks.insert(at, Block { cid: block.cid, ..other });
    match folder::apply(&mut store, &V1, &add_all) {
        Err(FolderError::Damaged { at: place, cause }) => {
            assert!(place == at && matches!(*cause, Damage::Hash(_)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.written, 0);
}
