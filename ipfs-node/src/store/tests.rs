//! What the store promises: nothing acknowledged is lost, nothing wanted is collected, space comes back.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use bytes::Bytes;
use proptest::prelude::*;
use unixfs::{Block, Cid, Profile, cid_raw, dir};

use super::*;

const SMALL: StoreOptions = StoreOptions {
    segment_bytes: 4 << 10,
    early_bytes: 2 << 10,
    waiting_bytes: 64 << 10,
    waiting_blocks: 256,
    reserve_bytes: 0,
};

fn open(folder: &Path) -> Store {
    Store::open(folder, SMALL).unwrap()
}

fn raw(bytes: impl Into<Bytes>) -> Block {
    let bytes = bytes.into();
    Block { cid: cid_raw(&bytes), bytes }
}

fn numbered(number: u32) -> Block {
    raw(number.to_le_bytes().repeat(50))
}

fn put(store: &Store, blocks: &[Block]) {
    let session = store.session();
    for block in blocks {
        session.put(block).unwrap();
    }
    session.commit([]).unwrap();
}

fn pin(cid: Cid, kind: PinKind) -> RootChange {
    RootChange::Pin(Pin { cid, kind, name: String::new() })
}

fn keep(store: &Store, cid: Cid) {
    store.session().commit([pin(cid, PinKind::Recursive)]).unwrap();
}

/// A folder of files, one block each: the root and all blocks.
fn folder_of(files: &[Block]) -> (Cid, Vec<Block>) {
    let entry = |(at, file): (usize, &Block)| {
        let link = unixfs::Link { cid: file.cid, tsize: file.bytes.len() as u64 };
        dir::Entry::new(at.to_string(), link)
    };
    let mut blocks = files.to_vec();
    let root = dir::build(files.iter().enumerate().map(entry).collect(), &Profile::V1_2025.into(), &mut blocks);
    (root.unwrap().cid, blocks)
}

fn segment_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn disk_bytes(folder: &Path) -> u64 {
    segment_files(folder).iter().map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let blocks: Vec<_> = (0..100).map(numbered).collect();
    let store = open(folder.path());
    put(&store, &blocks);
    keep(&store, blocks[0].cid);
    drop(store);
    let store = open(folder.path());
    for block in &blocks {
        assert_eq!(store.get(&block.cid).unwrap().as_ref(), Some(&block.bytes));
    }
    assert_eq!(store.size().unwrap().blocks, 100);
    assert_eq!(store.pins().map(|pin| pin.unwrap().cid).collect::<Vec<_>>(), [blocks[0].cid]);
    assert_eq!(store.verify().count(), 0);
}

#[test]
fn a_block_can_be_read_before_it_is_committed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let session = store.session();
    let block = numbered(1);
    assert_eq!(session.put(&block).unwrap(), PutOutcome::Written);
    assert_eq!(store.get(&block.cid).unwrap(), Some(block.bytes.clone()));
    assert_eq!(session.put(&block).unwrap(), PutOutcome::Known);
}

#[test]
fn a_block_that_is_there_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    put(&store, &[numbered(1)]);
    let before = disk_bytes(folder.path());
    put(&store, &[numbered(1), numbered(1)]);
    assert_eq!(disk_bytes(folder.path()), before);
}

#[test]
fn a_block_within_its_cid_is_never_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let hash = cid::multihash::Multihash::wrap(0, b"tiny").unwrap();
    let block = Block { cid: Cid::new_v1(unixfs::CODEC_RAW, hash), bytes: Bytes::from_static(b"tiny") };
    put(&store, std::slice::from_ref(&block));
    assert_eq!(store.get(&block.cid).unwrap(), Some(block.bytes));
    assert_eq!(store.size().unwrap().blocks, 0);
}

#[test]
fn collection_keeps_what_the_roots_reach_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (kept, kept_blocks) = folder_of(&[numbered(1), numbered(2)]);
    let (mfs, mfs_blocks) = folder_of(&[numbered(2), numbered(3)]);
    let (lost, lost_blocks) = folder_of(&[numbered(3), numbered(4)]);
    let (direct, direct_blocks) = folder_of(&[numbered(5)]);
    put(&store, &[kept_blocks.clone(), mfs_blocks.clone(), lost_blocks, direct_blocks].concat());
    let roots = [pin(kept, PinKind::Recursive), pin(direct, PinKind::Direct), RootChange::MfsRoot(mfs)];
    store.session().commit(roots).unwrap();

    let mut deleted = BTreeSet::new();
    store.collect(|key| _ = deleted.insert(*key)).unwrap();

    let gone = [lost, numbered(4).cid, numbered(5).cid];
    assert_eq!(deleted, gone.iter().map(Key::of).collect());
    assert!(gone.iter().all(|cid| !store.has(cid).unwrap()));
    assert!(store.has(&direct).unwrap());
    for block in kept_blocks.iter().chain(&mfs_blocks) {
        assert_eq!(store.get(&block.cid).unwrap().as_ref(), Some(&block.bytes));
    }
}

#[test]
fn collection_gives_space_back_and_moves_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let blocks: Vec<_> = (0..400).map(numbered).collect();
    put(&store, &blocks);
    let kept: Vec<_> = blocks.iter().step_by(10).collect();
    store.session().commit(kept.iter().map(|block| pin(block.cid, PinKind::Direct))).unwrap();
    let before = disk_bytes(folder.path());

    let collected = store.collect(|_| {}).unwrap();

    assert_eq!(collected.blocks, 360);
    assert!(disk_bytes(folder.path()) * 4 < before, "{} of {before}", disk_bytes(folder.path()));
    let size = store.size().unwrap();
    assert_eq!((size.blocks, size.disk_bytes <= disk_bytes(folder.path())), (40, true));
    drop(store);
    let store = open(folder.path());
    assert!(kept.iter().all(|block| store.get(&block.cid).unwrap().as_ref() == Some(&block.bytes)));
    assert_eq!(store.verify().count(), 0);
}

#[test]
fn an_open_session_keeps_what_it_put_and_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (found, new, other) = (numbered(1), numbered(2), numbered(3));
    put(&store, &[found.clone(), other.clone()]);
    store.collect(|_| {}).unwrap();
    put(&store, &[found.clone(), other.clone()]);

    let session = store.session();
    // A collection begins a generation, so that `found` is older than the session below.
    session.put(&new).unwrap();
    session.put(&found).unwrap();
    store.collect(|_| {}).unwrap();
    session.commit([pin(new.cid, PinKind::Direct), pin(found.cid, PinKind::Direct)]).unwrap();
    drop(session);
    store.collect(|_| {}).unwrap();

    assert!(store.has(&new.cid).unwrap() && store.has(&found.cid).unwrap());
    assert!(!store.has(&other.cid).unwrap());
}

#[test]
fn a_protected_root_is_kept_though_nothing_pins_it_yet() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (root, blocks) = folder_of(&[numbered(1), numbered(2)]);
    put(&store, &blocks);
    let protection = store.protect(root).unwrap();
    assert_eq!(store.collect(|_| {}).unwrap().blocks, 0);
    drop(protection);
    assert_eq!(store.collect(|_| {}).unwrap().blocks, 3);
}

#[test]
fn collection_refuses_to_guess_below_a_pin_that_is_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (root, blocks) = folder_of(&[numbered(1), numbered(2)]);
    let (lost, here) = blocks.split_first().unwrap();
    put(&store, here);
    keep(&store, root);
    let refusal = store.collect(|_| {}).unwrap_err().to_string();
    assert!(refusal.contains(&lost.cid.to_string()), "{refusal}");
    assert!(here.iter().all(|block| store.has(&block.cid).unwrap()));
}

#[test]
fn nothing_that_is_put_and_pinned_during_collections_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let stop = AtomicBool::new(false);
    let pinned: Vec<Cid> = thread::scope(|scope| {
        let collector = scope.spawn(|| {
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) || rounds < 3 {
                store.collect(|_| {}).unwrap();
                rounds += 1;
            }
        });
        let writers: Vec<_> = (0..3u32)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || write_many(store, writer))
            })
            .collect();
        let pinned = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
        stop.store(true, Ordering::Relaxed);
        collector.join().unwrap();
        pinned
    });
    for root in pinned {
        let links = unixfs::links(&root, &store.get(&root).unwrap().unwrap()).unwrap();
        assert!(links.iter().all(|cid| store.get(cid).unwrap().is_some()));
    }
    assert_eq!(store.verify().count(), 0);
}

/// Pins one root after the other and gives up all but the last ten, so that segments are moved under the writers.
fn write_many(store: &Store, writer: u32) -> Vec<Cid> {
    let mut pinned = std::collections::VecDeque::new();
    for round in 0..150 {
        pinned.push_back(write_one(store, writer, round));
        if pinned.len() > 10 {
            store.session().commit(pinned.pop_front().map(RootChange::Unpin)).unwrap();
        }
    }
    pinned.into()
}

/// Puts a folder whose files are shared with other writers and rounds, half of the time in two steps.
fn write_one(store: &Store, writer: u32, round: u32) -> Cid {
    let (root, blocks) = folder_of(&[numbered(round % 7), numbered(1000 + round), numbered(100 * writer + round)]);
    if round.is_multiple_of(2) {
        let session = store.session();
        blocks.iter().for_each(|block| _ = session.put(block).unwrap());
        session.commit([pin(root, PinKind::Recursive)]).unwrap();
        return root;
    }
    loop {
        put(store, &blocks);
        // A collection may have been quicker, which is its right; what is here once it is protected stays.
        let _protection = store.protect(root).unwrap();
        if blocks.iter().all(|block| store.has(&block.cid).unwrap()) {
            keep(store, root);
            return root;
        }
    }
}

#[test]
fn a_store_of_another_format_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("FORMAT"), "rookery blocks 99\n").unwrap();
    let refusal = Store::open(folder.path(), SMALL).unwrap_err();
    assert!(matches!(&refusal, OpenError::Format { found, .. } if found == "rookery blocks 99"), "{refusal}");
    assert!(!folder.path().join("index").exists());
}

#[test]
fn an_index_that_is_gone_is_damage_and_no_reason_to_delete_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    put(&store, &(0..100).map(numbered).collect::<Vec<_>>());
    drop(store);
    let before = disk_bytes(folder.path());
    let data = folder.path().join("index/data.mdb");
    fs::write(&data, b"").unwrap();
    assert!(matches!(Store::open(folder.path(), SMALL), Err(OpenError::Damaged { .. })));
    fs::remove_file(&data).unwrap();
    assert!(matches!(Store::open(folder.path(), SMALL), Err(OpenError::Damaged { .. })));
    assert_eq!(disk_bytes(folder.path()), before);
}

#[test]
fn an_index_that_was_cut_answers_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    put(&store, &(0..2000).map(numbered).collect::<Vec<_>>());
    drop(store);
    let data = fs::OpenOptions::new().write(true).open(folder.path().join("index/data.mdb")).unwrap();
    data.set_len(3 * 4096).unwrap();
    let read_all = || -> Result<(), Box<dyn std::error::Error>> {
        let store = Store::open(folder.path(), SMALL)?;
        (0..2000).try_for_each(|number| Ok(_ = store.get(&numbered(number).cid)?))
    };
    assert!(read_all().is_err());
}

#[test]
fn a_segment_that_is_too_short_is_reported_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    put(&store, &[numbered(1), numbered(2)]);
    drop(store);
    let path = segment_files(folder.path()).pop().unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes - 1).unwrap();
    assert!(matches!(Store::open(folder.path(), SMALL), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_full_volume_is_said_to_be_full_and_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    put(&store, &[numbered(1)]);
    drop(store);
    let store = Store::open(folder.path(), StoreOptions { reserve_bytes: u64::MAX, ..SMALL }).unwrap();
    assert!(matches!(store.session().put(&numbered(2)), Err(StoreError::Full)));
    assert_eq!(store.session().put(&numbered(1)).unwrap(), PutOutcome::Known);
    assert_eq!(store.get(&numbered(1).cid).unwrap(), Some(numbered(1).bytes));
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => _ = fs::copy(entry.path(), target).unwrap(),
        }
    }
}

/// What a process leaves that is killed after it committed some blocks and put others, in several segments.
fn killed(committed: u32, put_only: u32) -> tempfile::TempDir {
    let (folder, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path(), StoreOptions { early_bytes: u64::MAX, ..SMALL }).unwrap();
    put(&store, &(0..committed).map(numbered).collect::<Vec<_>>());
    let session = store.session();
    (committed..committed + put_only).for_each(|number| _ = session.put(&numbered(number)).unwrap());
    copy_folder(folder.path(), crashed.path());
    crashed
}

#[test]
fn what_was_put_and_not_committed_outlives_a_killed_process() {
    for committed in [0, 10] {
        let crashed = killed(committed, 60);
        assert!(segment_files(crashed.path()).len() > 1);
        for _ in 0..2 {
            let store = open(crashed.path());
            assert_eq!(store.size().unwrap().blocks, u64::from(committed) + 60);
            for block in (0..committed + 60).map(numbered) {
                assert_eq!(store.get(&block.cid).unwrap(), Some(block.bytes));
            }
            assert_eq!(store.verify().count(), 0);
        }
        let store = open(crashed.path());
        store.collect(|_| {}).unwrap();
        assert_eq!(store.size().unwrap().blocks, 0);
    }
}

#[test]
fn collection_takes_what_was_put_and_never_committed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), StoreOptions { early_bytes: u64::MAX, ..SMALL }).unwrap();
    let session = store.session();
    (0..10).for_each(|number| _ = session.put(&numbered(number)).unwrap());
    drop(session);
    assert_eq!(store.collect(|_| {}).unwrap().blocks, 10);
    assert_eq!(store.get(&numbered(3).cid).unwrap(), None);
}

/// Several threads write beside each other while commits go on, so a record may be written after one that stands behind it was
/// committed.
#[test]
fn what_was_put_beside_commits_outlives_a_killed_process() {
    let (folder, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // No commit goes on while the files are copied.
    let options = StoreOptions { early_bytes: u64::MAX, waiting_bytes: u64::MAX, waiting_blocks: 4 << 10, ..SMALL };
    let store = Store::open(folder.path(), options).unwrap();
    thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let session = store.session();
                (0..150).for_each(|number| _ = session.put(&numbered(writer * 1_000 + number)).unwrap());
            });
        }
        scope.spawn(|| (0..60).for_each(|_| store.session().commit([]).unwrap()));
    });
    copy_folder(folder.path(), crashed.path());
    let after = open(crashed.path());
    for number in (0..4).flat_map(|writer| (0..150).map(move |number| writer * 1_000 + number)) {
        assert!(after.has(&numbered(number).cid).unwrap(), "{number}");
    }
    assert_eq!(after.verify().count(), 0);
}

#[test]
fn what_was_being_written_is_left_out_and_what_stands_behind_it_is_found() {
    let crashed = killed(1, 9);
    let path = &segment_files(crashed.path())[0];
    let mut bytes = fs::read(path).unwrap();
    let key = Key::of(&numbered(0).cid);
    let record = usize::try_from(record::record_bytes(&key, 200)).unwrap();
    // The third stopped in the middle, the fifth never began.
    bytes[3 * record - 100..3 * record].fill(0);
    bytes[4 * record..5 * record].fill(0);
    fs::write(path, bytes).unwrap();
    let store = open(crashed.path());
    let there = |number: &u32| store.get(&numbered(*number).cid).unwrap().is_some();
    assert_eq!((0..10).filter(there).collect::<Vec<_>>(), [0, 1, 3, 5, 6, 7, 8, 9]);
    assert_eq!(store.verify().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A crash leaves the committed bytes and any part of what came after, cut or overwritten with anything.
    #[test]
    fn whatever_a_crash_leaves_after_the_committed_end_does_no_harm(
        committed in 1u32..30, uncommitted in 0u32..30, cut in 0usize..9000, garbage in any::<u8>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let crashed = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions { early_bytes: u64::MAX, ..SMALL }).unwrap();
        let kept: Vec<_> = (0..committed).map(numbered).collect();
        put(&store, &kept);
        let ends: Vec<_> = store.shared.index.segment_rows().unwrap().into_iter().collect();
        let session = store.session();
        (committed..committed + uncommitted).for_each(|number| _ = session.put(&numbered(number)).unwrap());
        copy_folder(folder.path(), crashed.path());
        for (id, path) in segment_files(crashed.path()).iter().enumerate() {
            let end = ends.iter().find(|(known, _)| *known as usize == id).map_or(0, |(_, row)| row.end);
            let mut bytes = fs::read(path).unwrap();
            let end = usize::try_from(end).unwrap();
            let left = (end + cut).min(bytes.len());
            bytes.truncate(left.max(end));
            bytes[end..].iter_mut().step_by(3).for_each(|byte| *byte = garbage);
            fs::write(path, bytes).unwrap();
        }
        let store = open(crashed.path());
        for block in &kept {
            prop_assert_eq!(store.get(&block.cid).unwrap(), Some(block.bytes.clone()));
        }
        for number in committed..committed + uncommitted {
            prop_assert_eq!(store.get(&numbered(number).cid).unwrap(), None);
        }
        // And it goes on as if nothing had been.
        let more: Vec<_> = (0..60).map(numbered).collect();
        put(&store, &more);
        prop_assert_eq!(store.verify().count(), 0);
        store.collect(|_| {}).unwrap();
        prop_assert_eq!(store.size().unwrap().blocks, 0);
    }
}
