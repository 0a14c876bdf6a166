//! The store alone: commits, each with one fsync, by how many comments share one; beside bare write-and-sync.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    time::{Duration, Instant},
};

use bytes::Bytes;
use comment_store::{Incoming, Options, Writer};
use proto::{Topic, posts::Origin, record::Limits};

use crate::{
    comment,
    row::{Table, round},
};

const GROUPS: [usize; 3] = [1, 64, 1_024];
const TIME: Duration = Duration::from_secs(3);
const COMMENTS: usize = 60_000;
const TOPICS: usize = 500;
const PAGE: u16 = 25;

/// Commits by group size, and pages read from the map.
pub fn measure() -> Table {
    let mut table = Table::new("Comment store, one thread, signed comments, without folders");
    let comments = comments();
    let synced = bare_syncs();
    for group in GROUPS {
        let (rate, commits) = commits(&comments, group);
        let what = format!("comments kept, {group} per commit ({}/s)", round(rate));
        table.rate(&what, commits, "commits/s", ("4 KiB write and fdatasync", synced), "");
    }
    table.figure("page of 25 comments read", format!("{} µs", round(pages(&comments))), "");
    table
}

fn comments() -> Vec<Incoming> {
    let topics = (0..TOPICS).map(|n| Topic::of_address(&format!("https://store.example/{n}")));
    let all =
        topics.flat_map(|topic| comment::signed(topic, COMMENTS / TOPICS).into_iter().map(move |blob| (topic, blob)));
    let read =
        |(topic, blob): (Topic, Vec<u8>)| Incoming::read(topic, Origin::Visitor, Bytes::from(blob), Limits::NONE);
    all.map(|comment| read(comment).expect("our own comments are right")).collect()
}

fn commits(comments: &[Incoming], group: usize) -> (f64, f64) {
    let folder = tempfile::tempdir_in("/var/tmp").expect("a directory on disk");
    let mut writer = Writer::open(folder.path(), &Options::default()).expect("an empty store");
    let began = Instant::now();
    let (mut kept, mut committed) = (0, 0);
    for group in comments.chunks(group) {
        let mut batch = writer.batch().expect("there is room");
        for comment in group {
            batch.insert(comment).expect("it is new");
        }
        batch.commit().expect("the disk takes it");
        kept += group.len();
        committed += 1;
        if began.elapsed() > TIME {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    (f64::from(u32::try_from(kept).expect("few")) / seconds, f64::from(committed) / seconds)
}

fn bare_syncs() -> f64 {
    let file = tempfile::tempfile_in("/var/tmp").expect("a file on disk");
    sync_for(&file, TIME / 3)
}

fn sync_for(file: &File, time: Duration) -> f64 {
    let began = Instant::now();
    let mut syncs = 0_u32;
    while began.elapsed() < time {
        file.write_all_at(&[7; 4096], u64::from(syncs % 1_024) * 4_096).expect("the disk takes it");
        file.sync_data().expect("the disk takes it");
        syncs += 1;
    }
    f64::from(syncs) / began.elapsed().as_secs_f64()
}

fn pages(comments: &[Incoming]) -> f64 {
    let folder = tempfile::tempdir_in("/var/tmp").expect("a directory on disk");
    let mut writer = Writer::open(folder.path(), &Options::default()).expect("an empty store");
    let mut batch = writer.batch().expect("there is room");
    for comment in comments {
        batch.insert(comment).expect("it is new");
    }
    batch.commit().expect("the disk takes it");
    let reader = writer.reader();
    let began = Instant::now();
    let mut bytes = 0;
    for comment in comments.iter().step_by(10) {
        let snapshot = reader.snapshot().expect("a reader's slot is free");
        let page = snapshot.page(&comment.topic, None, PAGE.into(), usize::MAX).expect("the store is sound");
        bytes += page.comments.len();
    }
    assert!(bytes > 0);
    began.elapsed().as_secs_f64() * 1e6 / (comments.len() as f64 / 10.0)
}
