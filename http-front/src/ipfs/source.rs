//! Blocks from `ipfs-shim`, several at a time: those that will probably be needed come while others are sent.
//!
//! Asked by the gateway, one per request. Keeps at most [`KEPT_BYTES`] and a message more of blocks that came ahead.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use proto::{
    RequestId,
    blocks::{BATCH_BYTES, BLOCKS_LIMIT, GetBlocks, SomeBlocks},
};
use tokio::task::JoinHandle;
use unixfs::Cid;

use crate::{
    front::{Front, settle},
    problem::Problem,
    sides::{Side as _, Sides},
};

const SHIM: &str = "ipfs-shim";
/// Nothing more is fetched ahead while there is so much.
const KEPT_BYTES: usize = BATCH_BYTES;
/// How large a block is before one has been seen.
const USUAL_BYTES: usize = 64 * 1024;

type Batch = Result<Vec<(Cid, Option<Bytes>)>, Problem>;

/// Where the blocks of one request come from.
pub(super) struct Source<S: Sides> {
    front: Arc<Front<S>>,
    request: RequestId,
    kept: HashMap<Cid, Bytes>,
    kept_bytes: usize,
    coming: Option<Coming>,
    /// What a block had in the last message, so that no more are asked for than fit into one.
    block_bytes: usize,
}

/// Blocks on their way.
struct Coming {
    cids: Vec<Cid>,
    batch: JoinHandle<Batch>,
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.batch.abort();
    }
}

impl<S: Sides> Source<S> {
    pub(super) fn new(front: Arc<Front<S>>, request: RequestId) -> Self {
        let (kept, kept_bytes) = (HashMap::new(), 0);
        Self { front, request, kept, kept_bytes, coming: None, block_bytes: USUAL_BYTES }
    }

    /// A block, if it is there. Those that are `wanted` too come along, if they fit.
    pub(super) async fn get(&mut self, cid: &Cid, wanted: &[Cid]) -> Result<Option<Bytes>, Problem> {
        if self.coming.as_ref().is_some_and(|coming| !self.kept.contains_key(cid) && coming.cids.contains(cid)) {
            self.arrive().await;
        }
        if let Some(bytes) = self.kept.remove(cid) {
            self.kept_bytes -= bytes.len();
            return Ok(Some(bytes));
        }
        // What came ahead may have failed, or there was no room for this one.
        let cids = std::iter::once(*cid).chain(self.new_of(wanted).filter(|other| other != cid)).collect();
        let batch = ask(Arc::clone(&self.front), self.request, cids).await?;
        self.keep(batch);
        let bytes = self.kept.remove(cid);
        self.kept_bytes -= bytes.as_ref().map_or(0, Bytes::len);
        Ok(bytes)
    }

    /// How many blocks are worth wanting.
    pub(super) fn room(&self) -> usize {
        match self.kept_bytes {
            0..KEPT_BYTES => (BATCH_BYTES / self.block_bytes.max(1)).clamp(1, BLOCKS_LIMIT),
            _ => 0,
        }
    }

    /// Whether nothing is on its way, and there is room for more.
    pub(super) fn is_idle(&self) -> bool {
        self.coming.is_none() && self.kept_bytes < KEPT_BYTES / 2
    }

    /// Lets blocks come, while others are sent.
    pub(super) fn look_ahead(&mut self, wanted: &[Cid]) {
        let cids: Vec<_> = self.new_of(wanted).collect();
        if cids.is_empty() {
            return;
        }
        let batch = tokio::spawn(ask(Arc::clone(&self.front), self.request, cids.clone()));
        self.coming = Some(Coming { cids, batch });
    }

    fn new_of<'a>(&'a self, wanted: &'a [Cid]) -> impl Iterator<Item = Cid> + 'a {
        let is_coming = |cid: &Cid| self.coming.as_ref().is_some_and(|coming| coming.cids.contains(cid));
        wanted.iter().filter(move |cid| !self.kept.contains_key(*cid) && !is_coming(cid)).copied()
    }

    /// What fails ahead of its turn is asked for again when its turn has come.
    async fn arrive(&mut self) {
        let Some(mut coming) = self.coming.take() else { return };
        if let Ok(Ok(batch)) = (&mut coming.batch).await {
            self.keep(batch);
        }
    }

    fn keep(&mut self, batch: Vec<(Cid, Option<Bytes>)>) {
        let (mut count, mut bytes) = (0, 0);
        for (cid, block) in batch.into_iter().filter_map(|(cid, block)| Some((cid, block?))) {
            (count, bytes) = (count + 1, bytes + block.len());
            if let Some(old) = self.kept.insert(cid, block) {
                bytes -= old.len();
            }
        }
        self.kept_bytes += bytes;
        self.block_bytes = bytes.checked_div(count).unwrap_or(self.block_bytes);
    }
}

async fn ask<S: Sides>(front: Arc<Front<S>>, request: RequestId, cids: Vec<Cid>) -> Batch {
    let question = GetBlocks { cids: cids.iter().copied().map(proto::Cid).collect() };
    let reply = front.blocks.ask(question, request, front.limits.answer_wait).await;
    let SomeBlocks { found, mut bytes } = settle(reply, SHIM)?;
    let mut take = |length: u32| bytes.split_to((length as usize).min(bytes.len()));
    Ok(cids.into_iter().zip(found).map(|(cid, length)| (cid, length.map(&mut take))).collect())
}
