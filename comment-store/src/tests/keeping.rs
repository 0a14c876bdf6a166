//! What is kept, what is answered, what other processes see.

use std::{
    env,
    process::{Command, Stdio},
};

use proto::{
    LegacyId,
    posts::{Kept, PostError},
};

use super::*;
use crate::{Committed, Found, InsertError, Reader, StoreError};

#[test]
fn a_comment_posted_twice_is_kept_once_and_has_one_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let comment = incoming(topic(1), comment(1, "hi"));
    let first = post(&mut writer, std::slice::from_ref(&comment)).remove(0);
    assert_eq!(first.kept, Kept::New);
    let mut batch = writer.batch().unwrap();
    let second = batch.insert(&comment).unwrap();
    assert_eq!(second, Receipt { kept: Kept::Known, ..first });
    assert_eq!(batch.commit().unwrap(), Committed::Nothing);
    assert_eq!(writer.reader().snapshot().unwrap().last_seq(), first.seq);
}

#[test]
fn what_was_committed_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let blob = comment(1, "for ever");
    let receipt = post_one(&mut open(dir.path()), topic(1), blob.clone());
    let writer = open(dir.path());
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.epoch(), receipt.epoch);
    for id in [AnyId::Comment(receipt.id), AnyId::Legacy(receipt.legacy_id)] {
        let Found::Comment(found) = snapshot.find(&topic(1), &id).unwrap() else { panic!("{id} is not found") };
        assert_eq!((found.blob, found.seq), (&blob[..], receipt.seq));
    }
    assert_eq!(snapshot.find(&topic(2), &AnyId::Comment(receipt.id)).unwrap(), Found::Unknown);
}

#[test]
fn a_batch_that_is_dropped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let comment = incoming(topic(1), comment(1, "hi"));
    let mut batch = writer.batch().unwrap();
    batch.insert(&comment).unwrap();
    drop(batch);
    assert_eq!(writer.reader().snapshot().unwrap().last_seq().0, 0);
    assert_eq!(post(&mut writer, &[comment])[0].kept, Kept::New);
}

#[test]
fn a_visitor_is_told_when_the_comment_is_somebody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let theirs = post_one(&mut writer, topic(1), comment(1, "theirs"));
    let plain = post_one(&mut writer, topic(1), unsigned("nobody's"));
    let mut batch = writer.batch().unwrap();
    for target in [AnyId::Comment(theirs.id), AnyId::Legacy(theirs.legacy_id), AnyId::Comment(plain.id)] {
        for blob in [deletion(2, target), edit(2, target, 1, "mine now")] {
            let refused = batch.insert(&incoming(topic(1), blob.clone())).unwrap_err();
            assert!(matches!(refused, InsertError::AnotherAuthor { .. }), "{refused}");
            assert!(matches!(PostError::from(&refused), PostError::Refused { .. }));
            assert!(batch.insert(&from_server(topic(1), blob)).is_ok());
        }
    }
    assert_eq!(batch.insert(&incoming(topic(1), deletion(1, AnyId::Comment(theirs.id)))).unwrap().kept, Kept::New);
}

#[test]
fn an_edit_of_what_is_not_there_yet_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let later = incoming(topic(1), comment(1, "later"));
    post_one(&mut writer, topic(1), edit(1, AnyId::Comment(later.id), 1, "better"));
    let receipt = post(&mut writer, &[later]).remove(0);
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let page = snapshot.page(&topic(1), None, 10, 1 << 20).unwrap();
    assert_eq!(page.comments.len(), 1);
    assert_eq!(page.comments[0].id, receipt.id);
    assert!(page.comments[0].edit.unwrap().blob.ends_with(b"better"));
}

#[test]
fn a_deleted_comment_loses_its_bytes_and_does_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let blob = comment(1, "regretted");
    let receipt = post_one(&mut writer, topic(1), blob.clone());
    post_one(&mut writer, topic(1), deletion(1, AnyId::Legacy(receipt.legacy_id)));
    let again = post_one(&mut writer, topic(1), blob.clone());
    assert_eq!(again, Receipt { kept: Kept::Known, ..receipt.clone() });
    // Not even with another postmark.
    let twin = post_one(&mut writer, topic(1), twin(&blob, 1));
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    for id in [AnyId::Comment(receipt.id), AnyId::Legacy(receipt.legacy_id), AnyId::Comment(twin.id)] {
        assert_eq!(snapshot.find(&topic(1), &id).unwrap(), Found::Deleted);
    }
    let page = snapshot.page(&topic(1), None, 10, 1 << 20).unwrap();
    assert_eq!(page.comments.iter().map(|shown| shown.blob).collect::<Vec<_>>(), [None]);
    let summary = snapshot.topic(&topic(1)).unwrap().unwrap();
    assert_eq!((summary.count, summary.files), (0, 1));
}

#[test]
fn pages_and_files_and_arrivals_go_on_where_they_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let blobs: Vec<_> = (0..7).map(|number| comment(1, &format!("number {number}"))).collect();
    let all: Vec<_> = blobs.iter().map(|blob| incoming(topic(1), blob.clone())).collect();
    let receipts = post(&mut writer, &all);
    post_one(&mut writer, topic(2), comment(1, "elsewhere"));
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let ids: Vec<_> = receipts.iter().map(|receipt| receipt.id).collect();

    let (mut paged, mut after) = (Vec::new(), None);
    while {
        let page = snapshot.page(&topic(1), after, 3, 1 << 20).unwrap();
        assert!(page.comments.len() <= 3);
        paged.extend(page.comments.iter().map(|shown| shown.id));
        after = page.next;
        after.is_some()
    } {}
    assert_eq!(paged, ids);

    let newest = |limit, room| {
        let shown = snapshot.newest(&topic(1), limit, room).unwrap();
        shown.iter().map(|shown| shown.id).collect::<Vec<_>>()
    };
    assert_eq!(newest(3, 1 << 20), [ids[6], ids[5], ids[4]]);
    assert_eq!(newest(10, 1 << 20).len(), 7);
    assert_eq!(newest(10, 1), [ids[6]], "the first is never too long");
    assert_eq!(snapshot.newest(&topic(3), 10, 1 << 20).unwrap(), []);

    let room = blobs[0].len() + 1;
    let first = snapshot.page(&topic(1), None, 10, room).unwrap();
    assert_eq!((first.comments.len(), first.next), (1, Some(receipts[0].seq)));
    let files = snapshot.files(&topic(1), Some(receipts[4].seq), room).unwrap();
    assert_eq!(files.files.iter().map(|file| file.id).collect::<Vec<_>>(), [ids[5]]);
    assert_eq!(files.next, Some(receipts[5].seq));
    let rest = snapshot.files(&topic(1), files.next, room).unwrap();
    assert_eq!((rest.files.len(), rest.next), (1, None));

    let arrivals = snapshot.arrivals(receipts[5].seq, 10).unwrap();
    assert_eq!(arrivals.iter().map(|arrival| arrival.topic).collect::<Vec<_>>(), [topic(1), topic(2)]);
    assert_eq!(arrivals[0].blob, Some(&blobs[6][..]));
    assert_eq!(snapshot.topics(None, 10).unwrap(), [topic(1), topic(2)]);
    assert_eq!(snapshot.topics(Some(topic(1)), 10).unwrap(), [topic(2)]);
}

#[test]
fn a_topic_full_of_edits_is_read_in_bounded_steps() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let target = AnyId::Legacy(LegacyId([9; 20]));
    let edit = |number: u64| {
        let edit = from_server(topic(1), edit(1, target, 1, "same"));
        // Signing thousands takes long; the store does not look at the signature again.
        let mut id = edit.id;
        id.0[..8].copy_from_slice(&number.to_be_bytes());
        Incoming { id, ..edit }
    };
    let edits: Vec<_> = (0..5_000).map(edit).collect();
    post(&mut writer, &edits);
    let last = post_one(&mut writer, topic(1), comment(1, "the only one"));
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let first = snapshot.page(&topic(1), None, 25, 1 << 20).unwrap();
    assert!(first.comments.is_empty() && first.next.is_some());
    let second = snapshot.page(&topic(1), first.next, 25, 1 << 20).unwrap();
    assert_eq!((second.comments.len(), second.comments[0].seq, second.next), (1, last.seq, None));
}

#[test]
fn what_the_writer_says_about_folders_is_what_readers_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let comment = incoming(topic(1), comment(1, "hi"));
    let cids = [b"topic".as_slice(), b"root"].map(|bytes| proto::CommentId::of(bytes).cid());
    let mut batch = writer.batch().unwrap();
    batch.insert(&comment).unwrap();
    batch.set_topic_folder(&topic(1), Some(cids[0])).unwrap();
    batch.set_root(Some(cids[1]));
    batch.commit().unwrap();
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.topic(&topic(1)).unwrap().unwrap().folder, Some(cids[0]));
    assert_eq!(snapshot.root(), Some(cids[1]));
    assert_eq!(snapshot.topic(&topic(2)).unwrap(), None);
}

#[test]
fn with_less_than_the_reserve_left_nothing_is_written_and_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let receipt = post_one(&mut open(dir.path()), topic(1), comment(1, "before"));
    let mut writer = Writer::open(dir.path(), &Options { reserve_mib: u32::MAX, ..options() }).unwrap();
    let full = writer.batch().unwrap_err();
    assert!(matches!(full, StoreError::DiskFull), "{full}");
    assert_eq!(PostError::from(&full), PostError::DiskFull);
    let reader = writer.reader();
    let found = reader.snapshot().unwrap();
    assert!(matches!(found.find(&topic(1), &AnyId::Comment(receipt.id)).unwrap(), Found::Comment(_)));
}

#[test]
fn a_full_map_is_an_error_and_what_was_there_can_still_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let receipt = post_one(&mut writer, topic(1), comment(1, "before"));
    // SAFETY: no transaction is open.
    unsafe { writer.store.env.resize(256 * 1024) }.unwrap();
    let large = incoming(topic(1), unsigned(&"x".repeat(300 * 1024)));
    let full = writer.batch().unwrap().insert(&large).unwrap_err();
    assert!(matches!(full, InsertError::Store(StoreError::MapFull)), "{full}");
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    assert!(matches!(snapshot.find(&topic(1), &AnyId::Comment(receipt.id)).unwrap(), Found::Comment(_)));
}

/// The rest of a test that needs another process: this test program again, told to play the other part.
const PLAY: &str = "ROOKERY_TEST_STORE";

fn other_process(test: &str, dir: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("tests::keeping::{test}"), "--nocapture"]).env(PLAY, dir);
    command
}

#[test]
fn a_reader_in_another_process_sees_a_commit_at_once() {
    if let Some(dir) = env::var_os(PLAY) {
        let reader = Reader::open(Path::new(&dir), &options()).unwrap();
        let mut line = String::new();
        while std::io::stdin().read_line(&mut line).unwrap() > 0 {
            println!("seen {}", reader.snapshot().unwrap().last_seq());
        }
        return;
    }
    use std::io::{BufRead as _, BufReader, Write as _};
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    let test = "a_reader_in_another_process_sees_a_commit_at_once";
    let mut child = other_process(test, dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut asks = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=20 {
        let receipt = post_one(&mut writer, topic(1), comment(1, &format!("number {number}")));
        writeln!(asks, "?").unwrap();
        let expected = format!("seen {}", receipt.seq);
        // The test program's own lines come first.
        assert!(answers.any(|line| line.unwrap() == expected), "{expected}");
    }
    drop(asks);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_was_killed_does_not_keep_space_for_ever() {
    if let Some(dir) = env::var_os(PLAY) {
        let reader = Reader::open(Path::new(&dir), &options()).unwrap();
        let _held = reader.snapshot().unwrap();
        println!("holds");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        return;
    }
    use std::io::{BufRead as _, BufReader};
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let test = "a_reader_that_was_killed_does_not_keep_space_for_ever";
    let mut child = other_process(test, dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "holds"));
    child.kill().unwrap();
    child.wait().unwrap();
    let writer = open(dir.path());
    assert_eq!(writer.store.env.info().number_of_readers, 1, "the slot is known");
    assert_eq!(writer.store.env.clear_stale_readers().unwrap(), 0, "opening cleared it");
}

#[test]
fn a_second_writer_is_refused_and_names_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let refused = Writer::open(dir.path(), &options()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
}
