//! The answers to `Blocks`: what the other boxes want of the IPFS daemon.
//!
//! Asked by `http-front`, `ingest-server`, `sync-agent` and the operator. Asks the daemon through [`Kubo`].

mod batch;
mod check;

use std::{error::Error, future::Future, time::Duration};

use proto::{
    Answer, Asked, Cid, Seq,
    blocks::{BlockBytes, BlockError, DaemonState, FindDaemon, GetBlock, PinRoot, PutBlocks, UnpinRoot},
};
use tokio::{sync::watch, time::timeout};

use self::batch::Puts;
pub use self::batch::{Batcher, batching};
use crate::kubo::{Kubo, RpcError};

/// An answer has to leave us before its asker gives up.
const ON_THE_WAY: Duration = Duration::from_millis(50);

/// What the publisher tells about its work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// What the daemon says it is.
    pub agent: Option<String>,
    /// The root that is pinned now.
    pub root: Option<Cid>,
    /// The newest arrival below it.
    pub seq: Seq,
    /// The newest arrival in the store.
    pub stored_seq: Seq,
}

/// Answers every question of `Blocks`.
#[derive(Debug)]
pub struct Desk {
    kubo: Kubo,
    puts: Puts,
    published: watch::Receiver<Published>,
}

impl Desk {
    /// A desk that puts blocks through `puts` and knows from `published` how far publishing is.
    #[must_use]
    pub fn new(kubo: Kubo, puts: Puts, published: watch::Receiver<Published>) -> Self {
        Self { kubo, puts, published }
    }
}

impl Answer<PutBlocks> for Desk {
    async fn answer(&self, question: PutBlocks, asked: Asked) -> Result<(), BlockError> {
        let blocks = check::checked(question)?;
        within(asked, self.puts.put(blocks)).await
    }
}

impl Answer<GetBlock> for Desk {
    async fn answer(&self, GetBlock { cid }: GetBlock, asked: Asked) -> Result<BlockBytes, BlockError> {
        if let Some(bytes) = unixfs::inline_block(&cid.0) {
            return Ok(BlockBytes { bytes });
        }
        let read = within(asked, async { self.kubo.get_block(&cid.0).await.map_err(refusal) }).await?;
        read.map(|bytes| BlockBytes { bytes }).ok_or(BlockError::NotFound)
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

impl Answer<FindDaemon> for Desk {
    async fn answer(&self, _: FindDaemon, _: Asked) -> Result<DaemonState, BlockError> {
        let published = self.published.borrow().clone();
        Ok(DaemonState {
            reachable: self.kubo.is_reachable(),
            rpc: self.kubo.rpc().map(|rpc| rpc.to_string()).unwrap_or_default(),
            version: published.agent,
            published_root: published.root,
            published_seq: published.seq,
            stored_seq: published.stored_seq,
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
