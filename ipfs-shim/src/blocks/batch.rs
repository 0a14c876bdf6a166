//! Blocks of several askers go to the daemon in one call: while one call runs, what comes in waits for the next.
//!
//! So a lone asker waits for nobody, and under load the calls get as large as they may.

use std::collections::BTreeMap;

use proto::blocks::BlockError;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use unixfs::Block;

use super::{check::Checked, refusal};
use crate::kubo::{BlockCodec, Kubo, RpcError};

/// The most bytes in one call, but for the last message that fits in.
const CALL_BYTES: usize = 4 * 1024 * 1024;
/// So many messages wait for a call; with at most 2 MiB each that is 32 MiB.
const WAITING: usize = 16;
/// So many calls at a time: the daemon stores one while the next is on its way.
const CALLS: usize = 2;

/// The blocks of one asker.
#[derive(Debug)]
struct Put {
    blocks: Vec<Checked>,
    done: oneshot::Sender<Result<(), BlockError>>,
}

impl Put {
    fn bytes(&self) -> usize {
        self.blocks.iter().map(|checked| checked.block.bytes.len()).sum()
    }
}

/// Where askers leave their blocks.
#[derive(Debug, Clone)]
pub struct Puts(mpsc::Sender<Put>);

/// Takes them to the daemon.
#[derive(Debug)]
pub struct Batcher {
    kubo: Kubo,
    waiting: mpsc::Receiver<Put>,
}

/// The two ends of the queue.
#[must_use]
pub fn batching(kubo: Kubo) -> (Puts, Batcher) {
    let (sender, waiting) = mpsc::channel(WAITING);
    (Puts(sender), Batcher { kubo, waiting })
}

impl Puts {
    /// Waits until the daemon has the blocks.
    pub(super) async fn put(&self, blocks: Vec<Checked>) -> Result<(), BlockError> {
        if blocks.is_empty() {
            return Ok(());
        }
        let ending = || BlockError::DaemonDown("ipfs-shim is being restarted".to_owned());
        let (done, answer) = oneshot::channel();
        self.0.send(Put { blocks, done }).await.map_err(|_| ending())?;
        answer.await.unwrap_or_else(|_| Err(ending()))
    }
}

impl Batcher {
    /// Works until nobody is left who could leave blocks.
    pub async fn run(mut self) {
        let mut calls = JoinSet::new();
        while let Some(first) = self.waiting.recv().await {
            let batch = self.fill(first);
            calls.spawn(deliver(self.kubo.clone(), batch));
            while calls.len() >= CALLS {
                calls.join_next().await;
            }
        }
        calls.join_all().await;
    }

    /// Adds what waits already, and leaves out what nobody waits for any more.
    fn fill(&mut self, first: Put) -> Vec<Put> {
        let mut call_bytes = first.bytes();
        let mut batch = vec![first];
        while call_bytes < CALL_BYTES
            && let Ok(next) = self.waiting.try_recv()
        {
            call_bytes += next.bytes();
            batch.push(next);
        }
        batch.retain(|put| !put.done.is_closed());
        batch
    }
}

/// One asker's refused block must not fail the others: then each is served alone.
async fn deliver(kubo: Kubo, batch: Vec<Put>) {
    match send(&kubo, batch.iter().flat_map(|put| &put.blocks)).await {
        Err(error) if !error.is_down() && batch.len() > 1 => {
            for put in batch {
                let sent = send(&kubo, &put.blocks).await;
                // An asker that is gone has no use for the answer.
                let _ = put.done.send(sent.map_err(refusal));
            }
        }
        sent => {
            let sent = sent.map_err(refusal);
            for put in batch {
                let _ = put.done.send(sent.clone());
            }
        }
    }
}

/// A call of the daemon's has one codec.
async fn send(kubo: &Kubo, blocks: impl IntoIterator<Item = &Checked>) -> Result<(), RpcError> {
    let mut by_codec = BTreeMap::<BlockCodec, Vec<Block>>::new();
    for checked in blocks {
        by_codec.entry(checked.codec).or_default().push(checked.block.clone());
    }
    for (codec, blocks) in by_codec {
        kubo.put_blocks(codec, &blocks).await?;
    }
    Ok(())
}
