//! Reading what somebody else has, without a network: what is asked for, when, and what stays.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use unixfs::{ByteRange, ChunkBytes, FileBuilder, FileReader, ImportOptions, MaxLinks, Profile};

use super::*;
use crate::{
    node::{Limits, Node},
    store::{PinKind, StoreOptions},
};

/// Somebody who has blocks, and what was asked of it.
#[derive(Default)]
struct Friend {
    blocks: HashMap<Cid, Bytes>,
    ahead: Mutex<HashSet<Cid>>,
    most_ahead: AtomicUsize,
    /// Blocks that were asked for without a word before.
    sudden: AtomicUsize,
}

impl Source for Arc<Friend> {
    fn get(&self, cid: &Cid) -> Fetched {
        if !self.ahead.lock().unwrap().remove(cid) {
            self.sudden.fetch_add(1, Ordering::Relaxed);
        }
        match self.blocks.get(cid).cloned() {
            Some(bytes) => Box::pin(std::future::ready(Ok(bytes))),
            None => Box::pin(std::future::pending()),
        }
    }

    fn ahead(&self, cids: Vec<Cid>) {
        let mut ahead = self.ahead.lock().unwrap();
        for cid in cids {
            assert!(ahead.insert(cid), "{cid} was asked for twice");
        }
        self.most_ahead.fetch_max(ahead.len(), Ordering::Relaxed);
    }
}

const LEAF_BYTES: usize = 4096;

fn content(leaves: usize) -> Vec<u8> {
    (0..leaves * LEAF_BYTES / 8).flat_map(|at| (at as u64).to_le_bytes()).collect()
}

/// A file of so many leaves, and a friend who has it.
fn file(leaves: usize) -> (Cid, Friend) {
    let mut options = ImportOptions::from(Profile::V1_2025);
    options.chunk_bytes = ChunkBytes::new(LEAF_BYTES).unwrap();
    options.max_links = MaxLinks::new(64).unwrap();
    let mut blocks = Vec::new();
    let mut builder = FileBuilder::new(options, &mut blocks);
    builder.push(content(leaves).into()).unwrap();
    let root = builder.finish().unwrap().cid;
    let blocks = blocks.into_iter().map(|block| (block.cid, block.bytes)).collect();
    (root, Friend { blocks, ..Friend::default() })
}

fn open(folder: &Path) -> Arc<Node> {
    let options = StoreOptions { reserve_bytes: 0, ..StoreOptions::default() };
    Node::open(folder, options, Limits { storage_max_bytes: 0 }).unwrap()
}

fn reaching(node: &Node, friend: &Arc<Friend>, patience: Patience) -> Node {
    node.with(Reach::out(Box::new(Arc::clone(friend))), patience)
}

fn pin(node: &Node, root: Cid) -> Result<(), Refusal> {
    node.pin(root, PinKind::Recursive, "", &mut |_| Ok(()))
}

#[test]
fn a_file_is_read_from_elsewhere_with_its_blocks_wanted_before_their_turn() {
    let folder = tempfile::tempdir().unwrap();
    let (root, friend) = file(2_000);
    let friend = Arc::new(friend);
    let node = reaching(&open(folder.path()), &friend, Patience::default());
    let mut reader = FileReader::new(root, ByteRange::ALL);
    let mut read = Vec::new();
    while let Some(bytes) = node.next_of(&mut reader).unwrap() {
        read.extend_from_slice(&bytes);
    }
    assert!(read == content(2_000));
    let (sudden, most_ahead) = (friend.sudden.load(Ordering::Relaxed), friend.most_ahead.load(Ordering::Relaxed));
    // What the first block below each of the 33 nodes is, is known only when its node has come.
    assert!(sudden <= 34, "{sudden} blocks were asked for only when they were needed");
    assert!((64..=512).contains(&most_ahead), "{most_ahead} blocks were on their way");
}

#[test]
fn what_was_pinned_from_elsewhere_is_here_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (root, friend) = file(500);
    let friend = Arc::new(friend);
    let node = open(folder.path());
    pin(&reaching(&node, &friend, Patience::default()), root).unwrap();
    drop(node);
    let node = open(folder.path());
    for (cid, bytes) in &friend.blocks {
        assert_eq!(node.store.get(cid).unwrap().as_ref(), Some(bytes));
    }
    assert!(node.store.pin(&root).unwrap().is_some());
}

#[test]
fn a_collection_in_the_middle_of_a_pin_takes_nothing_that_the_pin_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (root, friend) = file(500);
    let friend = Arc::new(friend);
    let node = open(folder.path());
    // Half of it is here from before, below parents that are not: nothing but the pin will hold it.
    let leaves = friend.blocks.iter().filter(|(cid, _)| cid.codec() == unixfs::CODEC_RAW);
    let session = node.store.session();
    for (cid, bytes) in leaves.step_by(2) {
        session.put(&Block { cid: *cid, bytes: bytes.clone() }).unwrap();
    }
    session.commit([]).unwrap();
    drop(session);
    let asker = reaching(&node, &friend, Patience::default());
    let mut collect = |progress: crate::node::Progress| {
        if progress.blocks % 100 == 50 { node.store.collect(|_| {}).map(|_| ()).map_err(Refusal::from) } else { Ok(()) }
    };
    asker.pin(root, PinKind::Recursive, "", &mut collect).unwrap();
    drop(asker);
    node.store.collect(|_| {}).unwrap();
    for cid in friend.blocks.keys() {
        assert!(node.store.has(cid).unwrap(), "{cid} is gone");
    }
}

#[test]
fn a_block_that_nobody_has_is_waited_for_only_as_long_as_the_asker_has_time() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(folder.path());
    let absent = unixfs::cid_raw(b"nobody has this");
    let patience = Patience { deadline: Some(Instant::now() + Duration::from_millis(20)), ..Patience::default() };
    let refusal = reaching(&node, &Arc::default(), patience).block(&absent).unwrap_err();
    assert!(refusal.is_timed_out(), "{refusal}");
    let patience = Patience { per_wait: Some(Duration::from_millis(20)), ..Patience::default() };
    assert!(reaching(&node, &Arc::default(), patience).block(&absent).unwrap_err().is_timed_out());
}

#[test]
fn nothing_is_fetched_for_a_client_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let node = open(folder.path());
    let (client, gone) = watch::channel(());
    drop(client);
    let asker = reaching(&node, &Arc::default(), Patience { client: Some(gone), ..Patience::default() });
    assert_eq!(asker.block(&unixfs::cid_raw(b"x")).unwrap_err().message, "context canceled");
}

#[test]
fn who_asks_for_what_is_here_gets_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (root, friend) = file(10);
    let asker = reaching(&open(folder.path()), &Arc::new(friend), Patience::default());
    let refusal = asker.here().block(&root).unwrap_err();
    assert!(refusal.message.contains("not found locally (offline)"), "{refusal}");
}

#[test]
fn large_blocks_are_wanted_a_few_at_a_time_and_small_ones_many() {
    let after = |blocks, bytes| Ahead { blocks, bytes, ..Ahead::default() }.most();
    assert_eq!(after(0, 0), 8);
    assert_eq!(after(1, 50_000), 10, "the first says little of the next");
    assert_eq!(after(1_000, 1_000 << 20), 8);
    assert_eq!(after(1_000, 1_000 << 18), 32);
    assert_eq!(after(1_000, 1_000 << 12), 512);
    assert_eq!(after(1_000, 0), 512);
}
