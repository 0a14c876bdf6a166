//! Publishing a real comment store into a daemon that dies, forgets and refuses.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod fake;
mod work;

use std::{fs, time::Duration};

use bytes::Bytes;
use comment_store::Incoming;
use fake::daemon::Daemon;
use ipfs_shim::{
    blocks::{Desk, batching},
    publish::Settings,
};
use proto::{
    Answer, Asked, Cid, CommentId, RequestId, Seq, Topic,
    blocks::{BlockError, GetBlock, GetBlocks},
    posts::Origin,
    record::Limits,
};
use tokio::time::timeout;
use unixfs::{Entry, Link};
use work::{SOON, Store, Work, eventually};

fn holds(daemon: &Daemon, root: Cid) -> bool {
    daemon.with(|repo| repo.is_whole(&root.0) && repo.pins.contains(&root.0))
}

#[tokio::test]
async fn what_was_in_the_store_and_what_comes_reaches_the_daemon() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let before = store.say(30);
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(before).await;
    assert!(holds(&daemon, before));
    let state = work.published.borrow().clone();
    assert_eq!((state.seq, state.stored_seq, state.agent.as_deref()), (Seq(30), Seq(30), Some("fake/1")));
    for _ in 0..3 {
        let next = store.say(1);
        work.until(next).await;
        assert!(holds(&daemon, next));
    }
}

#[tokio::test]
async fn folders_that_were_superseded_at_once_reach_the_daemon_too() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(store.say(1)).await;
    let roots: Vec<Cid> = (0..40).map(|_| store.say(2)).collect();
    work.until(roots[39]).await;
    for root in roots {
        assert!(daemon.with(|repo| repo.is_whole(&root.0)), "{root} was told to somebody");
    }
}

#[tokio::test]
async fn a_block_that_was_just_stored_is_found_before_its_time_to_be_published() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let settings = Settings { folder: folder.path().to_owned(), every: SOON, keep_roots: SOON };
    let mut work = Work::begin_with(&store, &daemon.kubo(), settings);
    work.until(store.say(1)).await;
    let (puts, _batcher) = batching(daemon.kubo());
    let desk = Desk::new(daemon.kubo(), puts, work.published.clone()).hurrying(work.hurry.clone());
    let asked = Asked { request: RequestId([0; 8]), left: SOON };
    for _ in 0..3 {
        let root = store.say(1);
        let block = desk.answer(GetBlock { cid: root }, asked).await.unwrap();
        assert_eq!(unixfs::verify(&root.0, &block.bytes), Ok(()));
        let together = desk.answer(GetBlocks { cids: vec![root; 2] }, asked).await.unwrap();
        assert_eq!(together.bytes.len(), 2 * block.bytes.len());
    }
    let nowhere = CommentId::of(b"nowhere").cid();
    assert_eq!(desk.answer(GetBlock { cid: nowhere }, asked).await, Err(BlockError::NotFound));
}

#[tokio::test]
async fn a_store_without_comments_publishes_the_empty_folder() {
    let (store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let empty = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354".parse().unwrap();
    Work::begin(&store, &daemon.kubo(), &folder).until(empty).await;
    assert!(holds(&daemon, empty));
}

#[tokio::test]
async fn what_comes_while_the_daemon_is_down_reaches_it_afterwards() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(store.say(5)).await;
    daemon.with(|repo| repo.down = true);
    let last = (0..20).map(|_| store.say(3)).last().unwrap();
    let tries = daemon.fake.asked().len();
    eventually("it is tried again", || daemon.fake.asked().len() > tries + 3).await;
    daemon.with(|repo| repo.down = false);
    work.until(last).await;
    assert!(holds(&daemon, last));
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_one_stopped() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let first = store.say(50);
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(first).await;
    work.stop().await;
    let blocks = daemon.with(|repo| {
        repo.imports = 0;
        std::mem::take(&mut repo.blocks)
    });
    // Only what it is given from now on is counted; what it had it still has.
    daemon.with(|repo| repo.blocks = blocks.clone());
    let second = store.say(1);
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(second).await;
    let came = daemon.with(|repo| (repo.imports, repo.blocks.len() - blocks.len()));
    assert_eq!(came, (1, 3), "one comment, its topic's folder, the root");
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let mut last = store.say(10);
    for round in 0..30 {
        let work = Work::begin(&store, &daemon.kubo(), &folder);
        let asked = daemon.fake.asked().len();
        // At its beginning, in the middle of a walk, between import and pin, after all: by the number of its calls.
        eventually("it works", || daemon.fake.asked().len() >= asked + round % 9).await;
        work.stop().await;
        last = store.say(2);
    }
    Work::begin(&store, &daemon.kubo(), &folder).until(last).await;
    assert!(holds(&daemon, last));
}

#[tokio::test]
async fn a_daemon_that_lost_its_disk_gets_everything_again() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(store.say(30)).await;
    daemon.with(|repo| repo.down = true);
    let tries = daemon.fake.asked().len();
    eventually("it is tried", || daemon.fake.asked().len() > tries).await;
    daemon.with(|repo| *repo = fake::daemon::Repo::default());
    let root = work.published.borrow().root.unwrap();
    eventually("it has everything again", || holds(&daemon, root)).await;
}

#[tokio::test]
async fn a_block_that_went_missing_is_found_missing_and_given_again() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(store.say(30)).await;
    let lost = unixfs::cid_raw(b"Date: now\n\ncomment 7").hash().to_bytes();
    daemon.with(|repo| repo.blocks.remove(&lost).expect("it was there"));
    let next = store.say(1);
    work.until(next).await;
    assert!(holds(&daemon, next));
}

#[tokio::test]
async fn a_lost_pin_is_made_again() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let root = store.say(3);
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(root).await;
    work.stop().await;
    let imports = daemon.with(|repo| {
        repo.pins.clear();
        repo.imports
    });
    let _work = Work::begin(&store, &daemon.kubo(), &folder);
    eventually("it is pinned again", || holds(&daemon, root)).await;
    assert_eq!(daemon.with(|repo| repo.imports), imports);
}

#[tokio::test]
async fn a_damaged_cursor_costs_a_walk_and_nothing_else() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let root = store.say(3);
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    work.until(root).await;
    work.stop().await;
    for damage in [&b"{\"epoch\":1"[..], b"", b"\0\0\0\0"] {
        fs::write(folder.path().join("ipfs-shim/cursor.json"), damage).unwrap();
        daemon.with(|repo| repo.blocks.clear());
        let mut work = Work::begin(&store, &daemon.kubo(), &folder);
        work.until(root).await;
        assert!(holds(&daemon, root));
        work.stop().await;
    }
}

#[tokio::test]
async fn another_store_in_the_same_place_is_published_as_a_whole() {
    let (mut old, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let mut work = Work::begin(&old, &daemon.kubo(), &folder);
    work.until((0..9).map(|_| old.say(1)).last().unwrap()).await;
    work.stop().await;
    let mut new = Store::new();
    new.said = 1_000;
    let root = (0..12).map(|_| new.say(1)).last().unwrap();
    Work::begin(&new, &daemon.kubo(), &folder).until(root).await;
    assert!(holds(&daemon, root));
}

#[tokio::test]
async fn a_daemon_that_refuses_is_asked_again_until_it_accepts() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    daemon.with(|repo| repo.full = true);
    let root = store.say(3);
    let mut work = Work::begin(&store, &daemon.kubo(), &folder);
    let imports =
        |daemon: &Daemon| daemon.fake.asked().iter().filter(|asked| asked.call.starts_with("dag/import")).count();
    eventually("it is tried again", || imports(&daemon) > 2).await;
    daemon.with(|repo| repo.full = false);
    work.until(root).await;
    assert!(holds(&daemon, root));
}

#[tokio::test]
async fn roots_of_the_past_are_given_up_after_their_time() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let every = Duration::from_millis(30);
    let settings = Settings { folder: folder.path().join("ipfs-shim"), every, keep_roots: Duration::ZERO };
    let mut work = Work::begin_with(&store, &daemon.kubo(), settings);
    let mut roots = Vec::new();
    for _ in 0..4 {
        roots.push(store.say(1));
        work.until(*roots.last().unwrap()).await;
    }
    let last = roots.pop().unwrap();
    eventually("only the last is pinned", || daemon.with(|repo| repo.pins.len()) == 1).await;
    assert!(holds(&daemon, last));
}

#[tokio::test]
async fn a_store_of_many_pieces_is_published_in_pieces() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let filler = "x".repeat(400_000);
    let mut batch = store.writer.batch().unwrap();
    let topic = Topic([9; 20]);
    let mut files = Vec::new();
    for n in 0..60 {
        let blob = Bytes::from(format!("Date: now\n\n{n} {filler}"));
        let comment = Incoming::read(topic, Origin::Visitor, blob, Limits::NONE).unwrap();
        batch.insert(&comment).unwrap();
        let link = Link { cid: comment.id.cid().0, tsize: comment.blob.len() as u64 };
        files.push(Entry::new(comment.legacy_id.to_string(), link));
    }
    let (block, _) = work::folder(&files);
    batch.put_node(b"", &Cid(block.cid), &block.bytes).unwrap();
    batch.set_root(Some(Cid(block.cid)));
    batch.commit().unwrap();
    Work::begin(&store, &daemon.kubo(), &folder).until(Cid(block.cid)).await;
    assert!(holds(&daemon, Cid(block.cid)));
    let largest = daemon.fake.asked().iter().map(|asked| asked.body.len()).max().unwrap();
    assert!(largest < 9 << 20, "{largest} bytes in one import");
    assert!(daemon.with(|repo| repo.imports) >= 3);
}

#[tokio::test]
async fn as_configured_by_default_a_comment_is_there_within_two_seconds() {
    let (mut store, daemon, folder) = (Store::new(), Daemon::start().await, tempfile::tempdir().unwrap());
    let settings = Settings::new(folder.path().join("ipfs-shim"), &proto::config::IpfsShim::default());
    let mut work = Work::begin_with(&store, &daemon.kubo(), settings);
    work.until(store.say(1)).await;
    for _ in 0..2 {
        // The second comes right after a publication: that one waits the longest.
        let root = store.say(1);
        let there = eventually("it is there", || daemon.with(|repo| repo.is_whole(&root.0)));
        timeout(Duration::from_secs(2), there).await.expect("within two seconds");
    }
}
