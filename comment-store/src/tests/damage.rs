//! Files that are cut, foreign, empty, of another version, or have a flipped bit: a clear error, and nothing is changed.

use std::{fs, io, os::unix::fs::FileExt as _};

use heed::{DatabaseOpener, RwTxn, WithoutTls, types::Bytes};

use super::*;
use crate::{
    Found, Reader, Salvage, StoreError, check,
    format::{self, DATA},
    migrate::Migration,
    tables::Whole,
};

/// A store with comments in several pages, some with pages of their own; closed.
fn made(dir: &Path) -> Vec<Receipt> {
    let mut writer = open(dir);
    let texts =
        (0..60).map(|number| format!("number {number}{}", " long".repeat(if number % 9 == 0 { 1_000 } else { 0 })));
    let comments: Vec<_> = texts.map(|text| incoming(topic(1), comment(1, &text))).collect();
    comments.chunks(7).flat_map(|some| post(&mut writer, some)).collect()
}

fn everything(dir: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        // The writer's lock names whoever tried last, and LMDB's is made anew by each opening.
        .filter(|entry| entry.file_name() != "LOCK" && entry.file_name() != "lock.mdb")
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files
}

/// Neither a writer nor a reader opens it, and both leave it as it was.
fn refused(dir: &Path) -> StoreError {
    let before = everything(dir);
    let by_reader = Reader::open(dir, &options()).unwrap_err().to_string();
    let by_writer = Writer::open(dir, &options()).unwrap_err();
    assert_eq!(by_reader, by_writer.to_string());
    assert!(everything(dir) == before, "files were changed");
    by_writer
}

#[test]
fn a_cut_file_is_refused_wherever_it_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    let data = dir.path().join(DATA);
    let whole = fs::read(&data).unwrap();
    for bytes in [1, 100, 4_096, 5_000, 8_192, whole.len() / 2, whole.len() - 4_096] {
        fs::write(&data, &whole[..bytes]).unwrap();
        let error = refused(dir.path());
        assert!(matches!(error, StoreError::Damaged { .. }), "{bytes}: {error}");
        assert!(error.to_string().contains("supervisor store salvage"), "{error}");
    }
    fs::write(&data, &whole).unwrap();
    drop(open(dir.path()));
}

#[test]
fn an_empty_or_missing_file_beside_its_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    fs::write(dir.path().join(DATA), b"").unwrap();
    assert!(refused(dir.path()).to_string().contains("is empty"));
    fs::remove_file(dir.path().join(DATA)).unwrap();
    assert!(refused(dir.path()).to_string().contains("is missing"));
}

#[test]
fn a_foreign_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    fs::write(dir.path().join(DATA), vec![7; 100_000]).unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Foreign { .. }));
    fs::write(dir.path().join("FORMAT"), "somebody else's\n").unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Foreign { .. }));
}

#[test]
fn a_database_without_a_format_is_not_taken_for_ours() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    let before = everything(dir.path());
    assert!(matches!(Writer::open(dir.path(), &options()), Err(StoreError::Foreign { .. })));
    assert!(everything(dir.path()) == before);
}

#[test]
fn a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    format::set_version(dir.path(), format::VERSION + 1).unwrap();
    assert!(matches!(refused(dir.path()), StoreError::Newer { .. }));
}

#[test]
fn a_creation_that_was_interrupted_begins_again() {
    let dir = tempfile::tempdir().unwrap();
    format::begin(dir.path()).unwrap();
    fs::write(dir.path().join(DATA), b"half").unwrap();
    assert!(matches!(Reader::open(dir.path(), &options()), Err(StoreError::Absent { .. })));
    post_one(&mut open(dir.path()), topic(1), comment(1, "hi"));
    assert_eq!(fs::read_to_string(dir.path().join("FORMAT")).unwrap(), "rookery comment store\nversion 1\n");
    assert!(!dir.path().join("CREATING").exists());
}

/// Takes a store back to a made-up version 0, whose arrival log had another byte behind each topic.
fn make_old(dir: &Path) {
    let writer = open(dir);
    let mut txn = writer.store.env.write_txn().unwrap();
    let tables = &writer.store.tables;
    let old = Whole { version: 0, ..tables.whole(&txn).unwrap() };
    tables.store.put(&mut txn, Whole::KEY, &old.encode()).unwrap();
    let arrivals = tables.arrivals.iter(&txn).unwrap().map(Result::unwrap);
    let arrivals: Vec<_> = arrivals.map(|(key, topic)| (key.to_vec(), [topic, &[0]].concat())).collect();
    for (key, topic) in arrivals {
        tables.arrivals.put(&mut txn, &key, &topic).unwrap();
    }
    txn.commit().unwrap();
    format::set_version(dir, 0).unwrap();
}

/// The way from version 0.
fn from_0<'e>(opener: &DatabaseOpener<'e, WithoutTls>, txn: &mut RwTxn<'e>) -> Result<(), StoreError> {
    let arrivals = opener.create_database::<Bytes, Bytes>(txn, Some("arrivals"))?;
    let old = arrivals.iter(txn)?.map(|row| row.map(|(key, topic)| (key.to_vec(), topic.to_vec())));
    for (key, topic) in old.collect::<Result<Vec<_>, _>>()? {
        assert_eq!(topic.len(), 21, "a step runs once");
        arrivals.put(txn, &key, &topic[..20])?;
    }
    Ok(())
}

#[test]
fn an_older_version_is_brought_up_to_date_once() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    make_old(dir.path());
    assert!(matches!(Reader::open(dir.path(), &options()), Err(StoreError::Older { found: 0, .. })));
    let no_way = Writer::open_with(dir.path(), &options(), &[]).unwrap_err();
    assert!(no_way.to_string().contains("version 0, which never was"), "{no_way}");
    let migrations = [Migration { from: 0, change: from_0 }];
    for _ in 0..2 {
        drop(Writer::open_with(dir.path(), &options(), &migrations).unwrap());
    }
    let (_, report) = check(dir.path(), &options()).unwrap();
    assert_eq!((report.comments, report.faults), (60, Vec::new()));
}

#[test]
fn a_version_that_the_format_file_missed_is_written_into_it() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    // As if the process had died between the migration's commit and the renaming of FORMAT.
    format::set_version(dir.path(), 0).unwrap();
    drop(Writer::open_with(dir.path(), &options(), &[]).unwrap());
    assert_eq!(format::inspect(dir.path()).unwrap(), format::Files::Store(format::VERSION));
}

/// Flips a bit of the given text in the file, wherever a current or an old page has it.
fn flip(dir: &Path, text: &[u8]) -> io::Result<()> {
    let path = dir.join(DATA);
    let bytes = fs::read(&path)?;
    let file = fs::OpenOptions::new().write(true).open(path)?;
    let places = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
    for (at, _) in places {
        file.write_all_at(&[bytes[at] ^ 1], at as u64)?;
    }
    Ok(())
}

#[test]
fn a_flipped_bit_in_a_comment_is_an_error_and_no_wrong_answer() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = made(dir.path());
    flip(dir.path(), b"number 25").unwrap();
    let writer = open(dir.path());
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let damaged = snapshot.find(&topic(1), &AnyId::Comment(receipts[25].id)).unwrap_err();
    assert!(damaged.is_damage() && damaged.to_string().contains("supervisor store salvage"), "{damaged}");
    assert!(matches!(snapshot.find(&topic(1), &AnyId::Comment(receipts[26].id)).unwrap(), Found::Comment(_)));
    assert!(snapshot.page(&topic(1), None, 100, 1 << 20).is_err());
}

#[test]
fn a_check_of_a_sound_store_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    let (_, report) = check(dir.path(), &options()).unwrap();
    assert_eq!((report.comments, report.topics, report.faults), (60, 1, Vec::new()));
}

#[test]
fn a_check_finds_a_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    flip(dir.path(), b"number 25").unwrap();
    let (_, report) = check(dir.path(), &options()).unwrap();
    assert_eq!(report.fault_count, 1, "{:?}", report.faults);
    assert!(report.faults[0].contains("its bytes are not what they were"), "{:?}", report.faults);
}

#[test]
fn a_check_finds_an_index_that_lost_a_row() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    let writer = open(dir.path());
    let mut txn = writer.store.env.write_txn().unwrap();
    for table in [writer.store.tables.names, writer.store.tables.dates, writer.store.tables.arrivals] {
        let (key, _) = table.first(&txn).unwrap().unwrap();
        let key = key.to_vec();
        table.delete(&mut txn, &key).unwrap();
    }
    txn.commit().unwrap();
    drop(writer);
    let (_, report) = check(dir.path(), &options()).unwrap();
    // Each is missed by its comment, and by the count of its table.
    assert_eq!(report.fault_count, 6, "{:?}", report.faults);
}

fn found(dir: &Path) -> Vec<(Topic, Vec<u8>)> {
    Salvage::search(dir, |_, _| ()).unwrap().comments().collect()
}

#[test]
fn salvage_finds_every_comment_of_a_sound_store_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = made(dir.path());
    let before = everything(dir.path());
    let ids: Vec<_> = found(dir.path()).iter().map(|(_, blob)| proto::CommentId::of(blob)).collect();
    assert_eq!(ids, receipts.iter().map(|receipt| receipt.id).collect::<Vec<_>>());
    assert!(everything(dir.path()) == before);
}

#[test]
fn salvage_finds_what_is_left_of_a_store_that_lost_its_beginning_and_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = made(dir.path());
    let data = dir.path().join(DATA);
    let mut bytes = fs::read(&data).unwrap();
    let keep = bytes.len() * 2 / 3;
    bytes.truncate(keep);
    bytes[..8_192].fill(0);
    fs::write(&data, &bytes).unwrap();
    let found = found(dir.path());
    assert!(!found.is_empty());
    for (of, blob) in found {
        assert_eq!(of, topic(1));
        assert!(receipts.iter().any(|receipt| receipt.id == proto::CommentId::of(&blob)));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 32, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_damage_is_survived_by_check_and_salvage(seed: [u8; 32], places in 1..200usize) {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path());
        let data = dir.path().join(DATA);
        let mut bytes = fs::read(&data).unwrap();
        let mut at = u64::from_le_bytes(seed[..8].try_into().unwrap());
        for _ in 0..places {
            at = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = (at >> 16) as usize % bytes.len();
            bytes[place] = at as u8;
        }
        fs::write(&data, &bytes).unwrap();
        let _ = crate::pages::Pages::open(&data).and_then(|pages| pages.check_trees());
        for (_, blob) in found(dir.path()) {
            // Whatever is found is a comment that was there.
            proptest::prop_assert!(blob.starts_with(b"Signature: "));
        }
    }
}
