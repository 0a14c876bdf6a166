//! The IPFS daemon as this box sees it: through `ipfs-shim`, with patience.
//!
//! Asked by uploads and downloads. Asks `ipfs-shim` the questions of `Blocks`. A box or a daemon that is being restarted is
//! waited for, because every question here may be asked twice; but not for ever. Keeps nothing.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use daemon::bus::{AskError, Asker};
use proto::{
    Cid, Question,
    blocks::{BlockError, BlockNames, GetBlock, NameBlocks, PinRoot, PutBlocks, Replicate},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

/// So many messages with blocks may be on their way at a time, of all uploads together: `ipfs-shim` makes calls of 4 MiB
/// of them, two at a time, and the bus takes 16 MiB.
const PUTS: usize = 12;
/// How long one try may take. The shim gives up on a silent daemon by itself, and says so.
const ONE_TRY: Duration = Duration::from_secs(40);
/// The first pause between two tries, and the longest.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Who answers the questions of `Blocks`: the bus, or a stand-in of a test.
pub trait Blocks: Clone + Send + Sync + 'static {
    /// Asks, and waits no longer than `within`.
    fn ask<Q: Question<Of = proto::Blocks>>(
        &self,
        question: Q,
        within: Duration,
    ) -> impl Future<Output = Result<Q::Reply, AskError>> + Send;
}

impl Blocks for Asker<proto::Blocks> {
    async fn ask<Q: Question<Of = proto::Blocks>>(&self, question: Q, within: Duration) -> Result<Q::Reply, AskError> {
        self.ask_within(question, daemon::request_id(), within).await
    }
}

/// Why blocks were not moved, although they were waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It did not come back in time.
    #[error("the IPFS daemon is away ({0}); try again in a minute")]
    Away(String),
    /// A block is not there.
    #[error("the IPFS daemon does not have block {0}")]
    Missing(Cid),
    /// It said no.
    #[error("the IPFS daemon said no: {0}")]
    Refused(String),
}

/// The IPFS daemon. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ipfs<B> {
    blocks: B,
    patience: Duration,
    puts: Arc<Semaphore>,
}

impl<B: Blocks> Ipfs<B> {
    /// A daemon that may be away for so long.
    pub fn new(blocks: B, patience: Duration) -> Self {
        Self { blocks, patience, puts: Arc::new(Semaphore::new(PUTS)) }
    }

    /// Puts blocks. They are garbage until a root above them is pinned.
    ///
    /// # Errors
    ///
    /// Some may have been put.
    pub async fn put(&self, question: PutBlocks) -> Result<(), Failed> {
        let _turn = self.puts.acquire().await.map_err(|closed| Failed::Away(closed.to_string()))?;
        self.ask(question, ONE_TRY, None).await
    }

    /// Puts blocks that the daemon names.
    ///
    /// # Errors
    ///
    /// As [`Ipfs::put`].
    pub async fn name(&self, question: NameBlocks) -> Result<Vec<Cid>, Failed> {
        let _turn = self.puts.acquire().await.map_err(|closed| Failed::Away(closed.to_string()))?;
        let BlockNames { cids } = self.ask(question, ONE_TRY, None).await?;
        Ok(cids)
    }

    /// Keeps a file from garbage collection, once all of it is there.
    ///
    /// # Errors
    ///
    /// `Missing` when a part of it has been collected meanwhile.
    pub async fn pin(&self, root: Cid) -> Result<(), Failed> {
        self.ask(PinRoot { cid: root }, self.patience, Some(root)).await
    }

    /// Waits until enough peers of the IPFS Cluster keep a file too, if there is a Cluster.
    ///
    /// # Errors
    ///
    /// When that takes longer than the patience, or the Cluster refuses.
    pub async fn replicate(&self, root: Cid) -> Result<(), Failed> {
        let deadline = Instant::now() + self.patience;
        loop {
            let replicas = self.ask(Replicate { cid: root }, ONE_TRY, Some(root)).await?;
            if replicas.are_enough() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let proto::blocks::Replicas { pinned, wanted } = replicas;
                return Err(Failed::Away(format!("only {pinned} of {wanted} peers of the Cluster have it")));
            }
            sleep(10 * PAUSE).await;
        }
    }

    /// Reads a block.
    ///
    /// # Errors
    ///
    /// `Missing` when it is not there.
    pub async fn get(&self, cid: Cid) -> Result<Bytes, Failed> {
        Ok(self.ask(GetBlock { cid }, ONE_TRY, Some(cid)).await?.bytes)
    }

    /// Asks until there is an answer that asking again would not change, or patience ends. A put that lacks a block cannot
    /// be, so only the other questions say `about` which.
    async fn ask<Q, T>(&self, question: Q, one_try: Duration, about: Option<Cid>) -> Result<T, Failed>
    where
        Q: Question<Of = proto::Blocks, Reply = Result<T, BlockError>> + Clone,
    {
        let deadline = Instant::now() + self.patience;
        let mut pause = PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let why = match self.blocks.ask(question.clone(), one_try.min(left)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(BlockError::DaemonDown(why))) => why,
                Ok(Err(error)) => return Err(final_refusal(error, about)),
                Err(error @ (AskError::Refused(_) | AskError::TooLarge { .. })) => {
                    return Err(Failed::Refused(error.to_string()));
                }
                Err(error) => error.to_string(),
            };
            if Instant::now() + pause >= deadline {
                return Err(Failed::Away(why));
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

fn final_refusal(error: BlockError, about: Option<Cid>) -> Failed {
    match (error, about) {
        (BlockError::NotFound, Some(cid)) => Failed::Missing(cid),
        (BlockError::Refused(why), _) => Failed::Refused(why),
        (other, _) => Failed::Refused(other.to_string()),
    }
}
