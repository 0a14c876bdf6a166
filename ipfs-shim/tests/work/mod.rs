//! A comment store and a publisher for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use comment_store::{Incoming, Options, Writer};
use ipfs_shim::{
    blocks::{Hurry, Published, hurrying},
    kubo::Kubo,
    metrics::Metrics,
    publish::{Publisher, Settings},
};
use proto::{Cid, Topic, posts::Origin, record::Limits};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use unixfs::{Entry, ImportOptions, Link, Profile, Sink, dir};

/// Whatever takes longer does not happen.
pub const SOON: Duration = Duration::from_secs(30);

/// A comment store whose folders are made as simply as can be: the publisher does not look into them.
pub struct Store {
    /// Its writer.
    pub writer: Writer,
    topics: BTreeMap<Topic, Vec<Entry>>,
    /// How many comments there have been.
    pub said: u64,
    _folder: TempDir,
}

/// Puts the blocks of a folder into a batch: one block each, our folders are small.
struct OnlyBlock(Option<unixfs::Block>);

impl Sink for OnlyBlock {
    type Error = std::convert::Infallible;
    fn put(&mut self, block: unixfs::Block) -> Result<(), Self::Error> {
        assert!(self.0.replace(block).is_none(), "a folder of several blocks");
        Ok(())
    }
}

/// A folder of one block.
pub fn folder(entries: &[Entry]) -> (unixfs::Block, Link) {
    let options: ImportOptions = Profile::V1_2025.options();
    let mut sink = OnlyBlock(None);
    let node = dir::build(entries.to_vec(), &options, &mut sink).unwrap();
    (sink.0.unwrap(), node.into())
}

impl Store {
    /// Without comments.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { map_gib: 1, reserve_mib: 0, ..Options::default() };
        let writer = Writer::open(&folder.path().join("comments"), &options).unwrap();
        Self { writer, topics: BTreeMap::new(), said: 0, _folder: folder }
    }

    /// Commits so many comments, each on a page of its own out of seven, and returns the root.
    pub fn say(&mut self, count: u64) -> Cid {
        let mut batch = self.writer.batch().unwrap();
        let mut changed = BTreeSet::new();
        for _ in 0..count {
            self.said += 1;
            let topic = Topic([u8::try_from(self.said % 7).unwrap(); 20]);
            let blob = Bytes::from(format!("Date: now\n\ncomment {}", self.said));
            let comment = Incoming::read(topic, Origin::Visitor, blob, Limits::NONE).unwrap();
            batch.insert(&comment).unwrap();
            let link = Link { cid: comment.id.cid().0, tsize: comment.blob.len() as u64 };
            self.topics.entry(topic).or_default().push(Entry::new(comment.legacy_id.to_string(), link));
            changed.insert(topic);
        }
        let mut all = Vec::new();
        for (topic, files) in &self.topics {
            let (block, link) = folder(files);
            if changed.contains(topic) {
                batch.put_node(&topic.0, &Cid(block.cid), &block.bytes).unwrap();
                batch.set_topic_folder(topic, Some(Cid(block.cid))).unwrap();
            }
            all.push(Entry::new(topic.to_string(), link));
        }
        let (block, _) = folder(&all);
        batch.put_node(b"", &Cid(block.cid), &block.bytes).unwrap();
        batch.set_root(Some(Cid(block.cid)));
        batch.commit().unwrap();
        Cid(block.cid)
    }
}

/// A publisher at work, until it is stopped.
pub struct Work {
    task: JoinHandle<()>,
    /// What it tells.
    pub published: watch::Receiver<Published>,
    /// By which it is asked to hurry.
    pub hurry: Hurry,
}

impl Work {
    /// At work, with what `folder` remembers.
    pub fn begin(store: &Store, kubo: &Kubo, folder: &TempDir) -> Self {
        let settings =
            Settings { folder: folder.path().join("ipfs-shim"), every: Duration::from_millis(30), keep_roots: SOON };
        Self::begin_with(store, kubo, settings)
    }

    /// At work, set up otherwise.
    pub fn begin_with(store: &Store, kubo: &Kubo, settings: Settings) -> Self {
        let (sender, published) = watch::channel(Published::default());
        let publisher =
            Publisher::open(kubo.clone(), store.writer.reader(), settings, sender, Metrics::default()).unwrap();
        let (hurry, hurried) = hurrying();
        let mut publisher = publisher.hurried_by(hurried);
        let task = tokio::spawn(async move { panic!("publishing ended: {:?}", publisher.run().await) });
        Self { task, published, hurry }
    }

    /// Waits until a root is published.
    pub async fn until(&mut self, root: Cid) {
        let done = self.published.wait_for(|published| published.root == Some(root));
        timeout(SOON, done).await.expect("it is published soon").expect("the publisher works");
    }

    /// As a kill: at whatever it is doing.
    pub async fn stop(self) {
        drop(self.hurry);
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Waits for something that no message tells of.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}
