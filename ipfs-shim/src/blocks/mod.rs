//! The answers to `Blocks`: what the other boxes want of the IPFS daemon.
//!
//! Asked by `http-front`, `ingest-server`, `sync-agent` and the operator. Asks the daemon through [`Kubo`].

mod batch;
mod check;
mod hurry;
mod name;
mod replicate;

use std::{error::Error, future::Future, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use proto::{
    Answer, Asked, Cid, Seq,
    blocks::{
        BATCH_BYTES, BLOCKS_LIMIT, BlockBytes, BlockError, BlockNames, ClusterState, DaemonState, FindDaemon, GetBlock,
        GetBlocks, NameBlocks, PinRoot, PutBlocks, Replicas, Replicate, SomeBlocks, UnpinRoot,
    },
};
use tokio::{sync::watch, time::timeout};

use self::{batch::Puts, name::Naming};
pub use self::{
    batch::{Batcher, batching},
    hurry::{Hurry, hurrying},
    replicate::Replicator,
};
use crate::kubo::{Cluster, Kubo, RpcError};

/// An answer has to leave us before its asker gives up.
const ON_THE_WAY: Duration = Duration::from_millis(50);
/// So many blocks of one question are asked of the daemon at a time: with 2 MiB each that is 8 MiB.
const AHEAD: usize = 4;

/// What the publisher tells about its work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// What the daemon says it is.
    pub agent: Option<String>,
    /// How many bytes it stores, if it told.
    pub repo_bytes: Option<u64>,
    /// With how many peers it is connected, if it told.
    pub peers: Option<u64>,
    /// The root that is pinned now.
    pub root: Option<Cid>,
    /// The newest arrival below it.
    pub seq: Seq,
    /// The newest arrival in the store.
    pub stored_seq: Seq,
    /// The newest commit of the store whose blocks the daemon has.
    pub commit: u64,
    /// The newest commit of the store.
    pub stored_commit: u64,
    /// The last request to hurry that came before the store was looked at.
    pub looked: u64,
}

/// Answers every question of `Blocks`.
#[derive(Debug)]
pub struct Desk {
    kubo: Kubo,
    puts: Puts,
    published: watch::Receiver<Published>,
    hurry: Option<Hurry>,
    naming: Naming,
    replicator: Replicator,
    /// How far the Cluster's publisher is.
    copied: Option<watch::Receiver<Published>>,
}

impl Desk {
    /// A desk that puts blocks through `puts` and knows from `published` how far publishing is.
    #[must_use]
    pub fn new(kubo: Kubo, puts: Puts, published: watch::Receiver<Published>) -> Self {
        let replicator = Replicator::new(kubo.clone(), None);
        Self { kubo, puts, published, hurry: None, naming: Naming::default(), replicator, copied: None }
    }

    /// A desk that can ask the publisher to hurry: a block that was stored a moment ago is then found.
    #[must_use]
    pub fn hurrying(self, hurry: Hurry) -> Self {
        Self { hurry: Some(hurry), ..self }
    }

    /// A desk that has what is taken in kept by a Cluster too, and knows from `copied` how far that is with comments.
    #[must_use]
    pub fn replicating(self, cluster: Cluster, copied: watch::Receiver<Published>) -> Self {
        Self { replicator: Replicator::new(self.kubo.clone(), Some(cluster)), copied: Some(copied), ..self }
    }

    fn cluster(&self) -> Option<ClusterState> {
        let cluster = self.replicator.cluster()?;
        let copied = self.copied.as_ref().map(|copied| copied.borrow().clone()).unwrap_or_default();
        let replicas = *cluster.replicas_of_published().borrow();
        Some(ClusterState {
            reachable: cluster.is_reachable(),
            address: cluster.address(),
            version: copied.agent,
            root: copied.root,
            published_seq: copied.seq,
            replicas,
        })
    }

    /// A block; if the daemon lacks it, once more when it has all that is stored.
    async fn block(&self, cid: &Cid) -> Result<Option<Bytes>, BlockError> {
        let before = self.published.borrow().commit;
        let found = self.block_now(cid).await?;
        let Some(hurry) = self.hurry.as_ref().filter(|_| found.is_none()) else { return Ok(found) };
        match hurry.has_caught_up(before, self.published.clone()).await {
            true => self.block_now(cid).await,
            false => Ok(None),
        }
    }

    async fn block_now(&self, cid: &Cid) -> Result<Option<Bytes>, BlockError> {
        match unixfs::inline_block(&cid.0) {
            Some(bytes) => Ok(Some(bytes)),
            None => self.kubo.get_block(&cid.0).await.map_err(refusal),
        }
    }

    /// The first of some blocks, as many as fit. What goes wrong beyond the first is told when it is the first.
    async fn blocks(&self, cids: &[Cid]) -> Result<SomeBlocks, BlockError> {
        let Some((first, others)) = cids.split_first() else { return Ok(gathered(&[])) };
        let first = async { (true, self.block(first).await) };
        let others = others.iter().copied().take(BLOCKS_LIMIT - 1);
        let others = others.map(|cid| async move { (false, self.block_now(&cid).await) });
        let ahead = stream::once(first).chain(stream::iter(others).buffered(AHEAD));
        let mut ahead = std::pin::pin!(ahead);
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while let Some((is_first, block)) = ahead.next().await {
            let block = match block {
                Err(error) if is_first => return Err(error),
                Err(_) => break,
                Ok(block) => block,
            };
            bytes += block.as_ref().map_or(0, Bytes::len);
            if bytes > BATCH_BYTES {
                break;
            }
            blocks.push(block);
        }
        Ok(gathered(&blocks))
    }
}

fn gathered(blocks: &[Option<Bytes>]) -> SomeBlocks {
    let length = |bytes: &Bytes| u32::try_from(bytes.len()).expect("a block has at most 2 MiB");
    let mut all = BytesMut::with_capacity(blocks.iter().flatten().map(Bytes::len).sum());
    blocks.iter().flatten().for_each(|bytes| all.extend_from_slice(bytes));
    SomeBlocks { found: blocks.iter().map(|block| block.as_ref().map(length)).collect(), bytes: all.freeze() }
}

impl Answer<PutBlocks> for Desk {
    async fn answer(&self, question: PutBlocks, asked: Asked) -> Result<(), BlockError> {
        let blocks = check::checked(question)?;
        within(asked, self.puts.put(blocks)).await
    }
}

impl Answer<NameBlocks> for Desk {
    async fn answer(&self, question: NameBlocks, asked: Asked) -> Result<BlockNames, BlockError> {
        within(asked, self.naming.name(&self.kubo, question)).await
    }
}

impl Answer<GetBlock> for Desk {
    async fn answer(&self, GetBlock { cid }: GetBlock, asked: Asked) -> Result<BlockBytes, BlockError> {
        let read = within(asked, self.block(&cid)).await?;
        read.map(|bytes| BlockBytes { bytes }).ok_or(BlockError::NotFound)
    }
}

impl Answer<GetBlocks> for Desk {
    async fn answer(&self, GetBlocks { cids }: GetBlocks, asked: Asked) -> Result<SomeBlocks, BlockError> {
        within(asked, self.blocks(&cids)).await
    }
}

impl Answer<PinRoot> for Desk {
    async fn answer(&self, PinRoot { cid }: PinRoot, asked: Asked) -> Result<(), BlockError> {
        within(asked, async { self.kubo.pin(&cid.0).await.map_err(refusal) }).await
    }
}

impl Answer<UnpinRoot> for Desk {
    async fn answer(&self, UnpinRoot { cid }: UnpinRoot, asked: Asked) -> Result<(), BlockError> {
        if self.published.borrow().root == Some(cid) {
            let why = "this is the root of all comments; it is given up by itself a while after the next one";
            return Err(BlockError::Refused(why.to_owned()));
        }
        within(asked, async { self.kubo.unpin(&cid.0).await.map_err(refusal) }).await
    }
}

impl Answer<Replicate> for Desk {
    async fn answer(&self, Replicate { cid }: Replicate, asked: Asked) -> Result<Replicas, BlockError> {
        within(asked, self.replicator.replicate(&cid)).await
    }
}

impl Answer<FindDaemon> for Desk {
    async fn answer(&self, _: FindDaemon, _: Asked) -> Result<DaemonState, BlockError> {
        let published = self.published.borrow().clone();
        Ok(DaemonState {
            reachable: self.kubo.is_reachable(),
            rpc: self.kubo.rpc().unwrap_or_default(),
            version: published.agent,
            published_root: published.root,
            published_seq: published.seq,
            stored_seq: published.stored_seq,
            repo_bytes: published.repo_bytes,
            peers: published.peers,
            cluster: self.cluster(),
        })
    }
}

/// Ends a call when its asker would no longer hear of it.
async fn within<T>(asked: Asked, work: impl Future<Output = Result<T, BlockError>>) -> Result<T, BlockError> {
    let left = asked.left.saturating_sub(ON_THE_WAY);
    let late = || BlockError::DaemonDown(format!("no answer within {} ms", left.as_millis()));
    timeout(left, work).await.unwrap_or_else(|_| Err(late()))
}

/// What an asker has to know of a failed call.
fn refusal(error: RpcError) -> BlockError {
    match error {
        error if error.is_down() => BlockError::DaemonDown(chain(&error)),
        error if error.is_missing_block() => BlockError::NotFound,
        error => BlockError::Refused(chain(&error)),
    }
}

/// An error with all that lies behind it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
