//! Blocks to and from Kubo: one, large ones, thousands of small ones, and through its sudden death.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use cid::Cid;
use swarm::{BlockStore, FetchError, Session, StoreFault};
use tokio::{task::block_in_place, time::timeout};
use unixfs::{Block, ChunkBytes, FileBuilder, ImportOptions, Profile, Sink};

use super::daemon::Kubo;
use crate::rig::{Peer, settings, start, start_with, until};

/// A busy machine may need some of it.
const PATIENCE: Duration = Duration::from_secs(120);
const MIB: usize = 1 << 20;

/// Blocks in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<HashMap<Cid, Bytes>>>);

impl BlockStore for Memory {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreFault> {
        Ok(self.0.lock().unwrap().get(cid).cloned())
    }

    fn size(&self, cid: &Cid) -> Result<Option<u32>, StoreFault> {
        Ok(self.get(cid)?.map(|block| u32::try_from(block.len()).unwrap()))
    }
}

impl Sink for Memory {
    type Error = Infallible;

    fn put(&mut self, block: Block) -> Result<(), Infallible> {
        self.0.lock().unwrap().insert(block.cid, block.bytes);
        Ok(())
    }
}

/// Text of which no two blocks are the same.
fn text(bytes: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut text = Vec::with_capacity(bytes + 16);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(format!("{state:016x}").as_bytes());
    }
    text.truncate(bytes);
    text.into()
}

fn import(options: ImportOptions, content: &Bytes, store: &Memory) -> Cid {
    let mut builder = FileBuilder::new(options, store.clone());
    builder.push(content.clone()).unwrap();
    builder.finish().unwrap().cid
}

/// Gets all of a DAG in the order in which a reader wants it: what a node links to is wanted ahead.
async fn get_all(session: &Session, root: Cid) -> Result<Vec<(Cid, Bytes)>, FetchError> {
    let mut open = VecDeque::from([root]);
    let mut got = Vec::new();
    while let Some(cid) = open.pop_front() {
        let bytes = timeout(PATIENCE, session.get(cid)).await.expect("a block or an error, in time")?;
        let links = unixfs::links(&cid, &bytes).unwrap();
        session.ahead(links.iter().copied());
        links.into_iter().rev().for_each(|link| open.push_front(link));
        got.push((cid, bytes));
    }
    Ok(got)
}

async fn connected(kubo: &Kubo, store: Memory) -> Peer {
    let ours = start_with(settings(), Arc::new(store)).await;
    ours.connect(kubo.address_with("/tcp/")).await.unwrap();
    ours
}

fn small_leaves() -> ImportOptions {
    ImportOptions { chunk_bytes: ChunkBytes::new(4_096).unwrap(), ..Profile::KuboCidV1.options() }
}

/// The flags with which Kubo makes what we make.
const WAYS: [(&str, &[&str]); 3] = [
    ("v0", &["--cid-version=0", "--raw-leaves=false", "--chunker=size-262144"]),
    ("v1", &["--cid-version=1", "--chunker=size-1048576", "--max-file-links=1024"]),
    ("small", &["--cid-version=1", "--chunker=size-4096"]),
];

fn options(way: &str) -> ImportOptions {
    match way {
        "v0" => Profile::V0_2015.options(),
        "v1" => Profile::V1_2025.options(),
        _ => small_leaves(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_come_from_kubo_with_large_and_with_small_leaves() {
    let Some(kubo) = Kubo::or_skip("blocks-from-kubo") else { return };
    let content = text(16 * MIB);
    for (way, flags) in WAYS {
        let arguments = [&["add", "--quieter"][..], flags].concat();
        let root: Cid = block_in_place(|| kubo.run_with(&arguments, &content)).parse().unwrap();
        let ours = connected(&kubo, Memory::default()).await;
        let expected = Memory::default();
        assert_eq!(import(options(way), &content, &expected), root, "{way}");
        let got = get_all(&ours.fetch().session(Some(root)), root).await.unwrap();
        assert_eq!(got.into_iter().collect::<HashMap<_, _>>(), *expected.0.lock().unwrap(), "{way}");
        let tally = ours.bitswap_stats().await.unwrap();
        assert_eq!((tally.duplicate_blocks, tally.wrong_blocks), (0, 0), "{way}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubo_reads_files_of_ours_with_large_and_with_small_leaves() {
    let Some(kubo) = Kubo::or_skip("blocks-to-kubo") else { return };
    for (way, bytes) in [("v0", 16 * MIB), ("v1", 16 * MIB), ("small", MIB)] {
        let (content, store) = (text(bytes), Memory::default());
        let root = import(options(way), &content, &store).to_string();
        let _ours = connected(&kubo, store).await;
        let read = block_in_place(|| kubo.run(&["cat", "--timeout=100s", &root]));
        assert!(read.as_bytes() == content, "{way}: {} bytes", read.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_block_goes_each_way_though_it_was_wanted_before_there_was_a_connection() {
    let Some(kubo) = Kubo::or_skip("one-block") else { return };
    let theirs: Cid = kubo.run_with(&["block", "put"], b"theirs").parse().unwrap();
    let store = Memory::default();
    let own = unixfs::cid_raw(b"ours");
    store.0.lock().unwrap().insert(own, Bytes::from_static(b"ours"));
    let ours = start_with(settings(), Arc::new(store)).await;
    let session = ours.fetch().session(None);
    let get = tokio::spawn(async move { session.get(theirs).await });
    until("it is wanted", || async { !ours.wantlist().await.unwrap().is_empty() }).await;
    ours.connect(kubo.address_with("/tcp/")).await.unwrap();
    assert_eq!(timeout(PATIENCE, get).await.unwrap().unwrap().unwrap(), "theirs");
    assert_eq!(block_in_place(|| kubo.run(&["block", "get", "--timeout=100s", &own.to_string()])), "ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kubo_that_is_killed_and_started_again_gives_the_rest() {
    let Some(mut kubo) = Kubo::or_skip("blocks-killed") else { return };
    let content = text(32 * MIB);
    let root: Cid = kubo.run_with(&["add", "--quieter", "--cid-version=1"], &content).parse().unwrap();
    let ours = start(settings()).await;
    ours.connect(kubo.address_with("/tcp/")).await.unwrap();
    let session = ours.fetch().session(Some(root));
    let get = tokio::spawn(async move { get_all(&session, root).await });
    until("blocks come", || async { ours.bitswap_stats().await.unwrap().received_blocks > 8 }).await;
    block_in_place(|| kubo.kill_and_start_again());
    ours.connect(kubo.address_with("/tcp/")).await.unwrap();
    let got = timeout(PATIENCE, get).await.unwrap().unwrap().unwrap();
    assert_eq!(got.len(), 1 + 32 * MIB / (256 * 1024));
}
