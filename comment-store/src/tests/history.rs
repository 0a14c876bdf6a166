//! Folder nodes: current ones, superseded ones, and when they are forgotten.

use proto::CommentId;

use super::*;
use crate::{Batch, Changes, Snapshot};

const HISTORY_S: u64 = 900;

fn put(batch: &mut Batch<'_>, path: &[u8], text: &str) {
    batch.put_node(path, &CommentId::of(text.as_bytes()).cid(), text.as_bytes()).unwrap();
}

/// Commits one change at a time of our choosing.
fn commit_at(writer: &mut Writer, now_s: u64, change: impl FnOnce(&mut Batch<'_>)) {
    let mut batch = writer.batch_at(now_s).unwrap();
    change(&mut batch);
    batch.commit().unwrap();
}

fn current(snapshot: &Snapshot<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    snapshot.nodes().unwrap().map(|node| node.map(|(path, bytes)| (path.to_vec(), bytes.to_vec())).unwrap()).collect()
}

fn text(found: Option<&[u8]>) -> &str {
    str::from_utf8(found.unwrap_or(b"none")).unwrap()
}

#[test]
fn every_commit_can_be_read_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    commit_at(&mut writer, 1_000, |batch| {
        put(batch, b"a", "a1");
        put(batch, b"ab", "ab1");
    });
    commit_at(&mut writer, 1_001, |batch| {
        put(batch, b"a", "draft");
        assert_eq!(text(batch.node(b"a").unwrap()), "draft");
        put(batch, b"a", "a2");
        batch.remove_node(b"ab").unwrap();
        batch.remove_node(b"never").unwrap();
        put(batch, b"brief", "1");
        batch.remove_node(b"brief").unwrap();
        assert_eq!(batch.node(b"ab").unwrap(), None);
    });
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    let found = [1, 2].map(|commit| [&b"a"[..], b"ab", b"b"].map(|path| text(snapshot.node_at(path, commit).unwrap())));
    assert_eq!(found, [["a1", "ab1", "none"], ["a2", "none", "none"]]);
    assert_eq!(current(&snapshot), [(b"a".to_vec(), b"a2".to_vec())]);
    let Changes::Since(changes) = snapshot.changes_since(0).unwrap() else { panic!("nothing was forgotten") };
    let told: Vec<_> = changes
        .iter()
        .map(|change| {
            (change.commit, change.at_s, change.nodes.iter().map(|node| (node.path, node.cid.is_some())).collect())
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, 1_000, vec![(&b"a"[..], true), (&b"ab"[..], true)]),
            (2, 1_001, vec![(&b"a"[..], true), (&b"ab"[..], false)]),
        ]
    );
    assert_eq!(changes[1].nodes[0].cid, Some(CommentId::of(b"a2").cid()));
    assert_eq!(snapshot.changes_since(2).unwrap(), Changes::Since(Vec::new()));
}

#[test]
fn superseded_nodes_are_forgotten_after_their_time_and_current_ones_never() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    commit_at(&mut writer, 1_000, |batch| {
        put(batch, b"changes", "1");
        put(batch, b"stays", "1");
        put(batch, b"goes", "1");
    });
    commit_at(&mut writer, 1_010, |batch| {
        put(batch, b"changes", "2");
        batch.remove_node(b"goes").unwrap();
    });
    // The first version was superseded at 1,010: it is readable until then plus the history.
    commit_at(&mut writer, 1_010 + HISTORY_S, |batch| put(batch, b"other", "1"));
    let reader = writer.reader();
    assert_eq!(text(reader.snapshot().unwrap().node_at(b"changes", 1).unwrap()), "1");
    commit_at(&mut writer, 1_011 + HISTORY_S, |batch| put(batch, b"other", "2"));
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.node_at(b"changes", 1).unwrap(), None);
    assert_eq!(snapshot.node_at(b"goes", 1).unwrap(), None);
    assert_eq!(text(snapshot.node_at(b"changes", 2).unwrap()), "2");
    assert_eq!(text(snapshot.node_at(b"stays", 1).unwrap()), "1");
    assert_eq!(snapshot.changes_since(1).unwrap(), Changes::Forgotten);
    assert!(matches!(snapshot.changes_since(2).unwrap(), Changes::Since(changes) if changes.len() == 2));
    assert_eq!(current(&snapshot).len(), 3);
    // What is left are the current versions and the one superseded just now, nothing else.
    assert_eq!(writer.store.tables.nodes.len(&snapshot.txn).unwrap(), 4);
}

#[test]
fn what_is_forgotten_with_one_commit_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    for number in 0..200 {
        commit_at(&mut writer, 1_000, |batch| put(batch, b"hot", &number.to_string()));
    }
    commit_at(&mut writer, 5_000, |batch| put(batch, b"hot", "last"));
    let reader = writer.reader();
    let left = writer.store.tables.changes.len(&reader.snapshot().unwrap().txn).unwrap();
    assert!((100..200).contains(&left), "{left}");
    for number in 0..10 {
        commit_at(&mut writer, 5_000, |batch| put(batch, b"hot", &number.to_string()));
    }
    assert_eq!(writer.store.tables.changes.len(&reader.snapshot().unwrap().txn).unwrap(), 11);
    // One for each of these, and what the first of them superseded.
    assert_eq!(writer.store.tables.nodes.len(&reader.snapshot().unwrap().txn).unwrap(), 12);
}

#[test]
fn a_cursor_from_another_life_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    commit_at(&mut writer, 1_000, |batch| put(batch, b"a", "1"));
    let reader = writer.reader();
    assert_eq!(reader.snapshot().unwrap().changes_since(7).unwrap(), Changes::Forgotten);
}

#[test]
fn nodes_are_read_as_they_were_until_that_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = open(dir.path());
    commit_at(&mut writer, 1_000, |batch| {
        put(batch, b"aa", "aa1");
        put(batch, b"ab", "ab1");
        put(batch, b"b", "b1");
    });
    commit_at(&mut writer, 1_001, |batch| {
        put(batch, b"aa", "aa2");
        batch.remove_node(b"ab").unwrap();
    });
    commit_at(&mut writer, 1_002, |batch| {
        put(batch, b"aa", "aa3");
        put(batch, b"ab", "ab3");
        put(batch, b"ac", "ac3");
    });
    let reader = writer.reader();
    let snapshot = reader.snapshot().unwrap();
    for (commit, expected) in [(1, ["aa1", "ab1", "none"]), (2, ["aa2", "none", "none"]), (3, ["aa3", "ab3", "ac3"])] {
        let past = snapshot.past(commit, b"a").unwrap().unwrap();
        assert_eq!([&b"aa"[..], b"ab", b"ac"].map(|path| text(past.node(path).unwrap())), expected, "{commit}");
    }
    assert!(snapshot.past(4, b"a").unwrap().is_none(), "a commit that is still to come");
    drop(snapshot);
    commit_at(&mut writer, 1_002 + HISTORY_S, |batch| put(batch, b"b", "b4"));
    let snapshot = reader.snapshot().unwrap();
    assert!(snapshot.past(1, b"a").unwrap().is_none(), "forgotten");
    assert_eq!(text(snapshot.past(2, b"a").unwrap().unwrap().node(b"aa").unwrap()), "aa2");
}
