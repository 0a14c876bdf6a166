//! Archives of folders, read in pieces, while others write.

use comment_store::Batch;
use proto::{Epoch, folders::Place, threads::ArchivePlace};
use unixfs::{
    Block, HamtRule, ImportOptions, Link, Profile, ShardPath,
    car::{CarReader, CarStep},
    folder::{self, Change, Nodes},
    links,
};

use super::*;

/// The blocks of the topic's folder, as `post-worker` keeps them.
struct Folder<'b, 'w>(&'b mut Batch<'w>);

impl Nodes for Folder<'_, '_> {
    type Error = StoreError;

    fn get(&mut self, at: &ShardPath) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.node(&Place::Topic(TOPIC).path(at.as_bytes()))?.map(Bytes::copy_from_slice))
    }

    fn put(&mut self, at: &ShardPath, block: &Block) -> Result<(), StoreError> {
        self.0.put_node(&Place::Topic(TOPIC).path(at.as_bytes()), &Cid(block.cid), &block.bytes)
    }

    fn remove(&mut self, at: &ShardPath) -> Result<(), StoreError> {
        self.0.remove_node(&Place::Topic(TOPIC).path(at.as_bytes()))
    }
}

/// A folder that is split at once, and one that is split as all are.
fn split(threshold_bytes: usize) -> ImportOptions {
    let usual = Profile::V1_2025.options();
    ImportOptions { hamt: HamtRule { threshold_bytes, ..usual.hamt }, ..usual }
}

impl Rig {
    /// Keeps comments together with the folder that they make; its CID.
    fn keep(&mut self, options: &ImportOptions, blobs: &[Vec<u8>]) -> Cid {
        let mut batch = self.writer.batch().unwrap();
        for blob in blobs {
            let comment = Incoming::read(TOPIC, Origin::Visitor, blob.clone().into(), Limits::NONE).unwrap();
            batch.insert(&comment).unwrap();
        }
        let topics = batch.folder_changes();
        let changes: Vec<_> = topics.values().flat_map(comment_store::FolderChanges::iter).collect();
        let change = |(name, file): &(LegacyId, Option<comment_store::File>)| match file {
            Some(file) => Change::set(name.to_string(), Link { cid: file.id.cid().0, tsize: file.blob_bytes }),
            None => Change::remove(name.to_string()),
        };
        let changes: Vec<_> = changes.iter().map(change).collect();
        let folder = folder::apply(&mut Folder(&mut batch), options, &changes).unwrap().unwrap();
        batch.set_topic_folder(&TOPIC, Some(Cid(folder.cid))).unwrap();
        batch.commit().unwrap();
        Cid(folder.cid)
    }

    async fn piece(&self, from: Option<ArchivePlace>) -> Result<ArchivePiece, ReadError> {
        self.ask(ReadArchive { topic: TOPIC, from }).await.map(|piece| piece.expect("there are comments"))
    }

    /// The whole archive, read to its end from its first piece.
    async fn rest(&self, mut piece: ArchivePiece) -> Result<(Vec<Block>, usize), ReadError> {
        let (mut reader, mut blocks, mut pieces) = (CarReader::new(), Vec::new(), 1);
        loop {
            reader.push(&piece.car);
            loop {
                match reader.step().unwrap() {
                    CarStep::Header(header) => assert_eq!(header.roots, [piece.folder.0]),
                    CarStep::Block(block) => blocks.push(block),
                    CarStep::More => break,
                }
            }
            let Some(next) = piece.next.clone() else { break };
            piece = self.piece(Some(next)).await?;
            pieces += 1;
        }
        reader.finish().unwrap();
        Ok((blocks, pieces))
    }
}

fn comments(kind: &str, count: usize, bytes: usize) -> Vec<Vec<u8>> {
    let text = |n: usize| format!("{kind} {n} {}", "x".repeat(bytes));
    (0..count).map(|n| Draft::new().header("Date", "2026-11-20T12:00:00Z").unsigned(&text(n))).collect()
}

/// Fails unless the blocks are those below the root, depth first.
fn assert_depth_first(root: Cid, blocks: &[Block]) {
    let mut open = vec![root.0];
    for block in blocks {
        assert_eq!(open.pop(), Some(block.cid));
        open.extend(links(&block.cid, &block.bytes).unwrap().into_iter().rev());
    }
    assert!(open.is_empty(), "{} blocks are missing", open.len());
}

#[tokio::test]
async fn an_archive_holds_the_whole_folder_depth_first() {
    for (threshold_bytes, count, bytes) in [(1 << 18, 3, 10), (0, 400, 10), (0, 200, 15_000), (1 << 18, 120, 15_000)] {
        let mut rig = Rig::new();
        let folder = rig.keep(&split(threshold_bytes), &comments("one", count, bytes));
        let first = rig.piece(None).await.unwrap();
        assert_eq!(first.folder, folder);
        let (blocks, pieces) = rig.rest(first).await.unwrap();
        assert_depth_first(folder, &blocks);
        assert!(blocks.len() > count);
        assert_eq!(pieces > 1, count * bytes > PAGE_BYTES, "{pieces} pieces");
    }
}

#[tokio::test]
async fn an_archive_is_of_one_folder_however_many_comments_come_meanwhile() {
    for threshold_bytes in [0, 1 << 18] {
        let (mut rig, options) = (Rig::new(), split(threshold_bytes));
        let folder = rig.keep(&options, &comments("one", 150, 15_000));
        let first = rig.piece(None).await.unwrap();
        for round in 0..20 {
            assert_ne!(rig.keep(&options, &comments(&format!("round {round}"), 20, 10)), folder);
        }
        let (blocks, pieces) = rig.rest(first).await.unwrap();
        assert!(pieces > 2);
        assert_depth_first(folder, &blocks);
    }
}

#[tokio::test]
async fn an_archive_of_which_a_comment_was_deleted_is_broken_off() {
    let (mut rig, options) = (Rig::new(), split(0));
    let signed: Vec<_> =
        (0..100).map(|n| Draft::new().signed(&key(), &format!("{n} {}", "x".repeat(15_000)))).collect();
    rig.keep(&options, &signed);
    let first = rig.piece(None).await.unwrap();
    let deletions: Vec<_> = signed
        .iter()
        .map(|blob| Draft::new().header("Deletes", &CommentId::of(blob).to_string()).signed(&key(), "gone"))
        .collect();
    rig.keep(&options, &deletions);
    assert_eq!(rig.rest(first).await.unwrap_err(), ReadError::Moved);
}

#[tokio::test]
async fn a_topic_without_comments_has_no_archive() {
    assert_eq!(Rig::new().ask(ReadArchive { topic: NOWHERE, from: None }).await, Ok(None));
}

#[tokio::test]
async fn a_place_that_no_archive_has_is_refused() {
    let mut rig = Rig::new();
    rig.keep(&split(0), &comments("one", 30, 10));
    let epoch = rig.reads.store.snapshot().unwrap().epoch();
    for (other, commit, steps) in [
        (Epoch(epoch.0 + 1), 1, vec![0]),
        (epoch, 9, vec![0]),
        (epoch, 1, vec![]),
        (epoch, 1, vec![0, 0]),
        (epoch, 1, vec![u32::MAX, 1]),
        (epoch, 1, vec![u32::MAX]),
        (epoch, 1, vec![1; 9]),
    ] {
        let place = ArchivePlace { epoch: other, commit, steps };
        assert_eq!(rig.piece(Some(place.clone())).await.unwrap_err(), ReadError::Moved, "{place:?}");
    }
}
