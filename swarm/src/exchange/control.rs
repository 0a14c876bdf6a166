//! What can be asked of the exchange, and told to it, beside fetching.

use std::time::Duration;

use bitswap::Ledger;
use cid::Cid;
use libp2p::PeerId;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::driver::{Driver, Input};
use crate::errors::Gone;

/// The driver answers within this time, or it is in trouble.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// What went to and fro between a peer and us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Bytes of blocks that we sent.
    pub sent_bytes: u64,
    /// Blocks that we sent.
    pub sent_blocks: u64,
    /// Bytes of blocks that we received.
    pub received_bytes: u64,
    /// Messages with blocks, both ways.
    pub exchanges: u64,
}

/// What the exchange has done since its start, and what it is about to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// What is wanted of others.
    pub wantlist: Vec<Cid>,
    /// Who is connected.
    pub peers: Vec<PeerId>,
    /// Messages that came.
    pub received_messages: u64,
    /// Blocks that were wanted and came.
    pub received_blocks: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Blocks that came once more.
    pub duplicate_blocks: u64,
    /// Their bytes.
    pub duplicate_bytes: u64,
    /// Blocks that nobody had asked for.
    pub wrong_blocks: u64,
    /// Blocks that gateways gave.
    pub gateway_blocks: u64,
    /// Blocks that others got.
    pub sent_blocks: u64,
    /// Their bytes.
    pub sent_bytes: u64,
}

/// A question to the driver, or news.
#[derive(Debug)]
pub(crate) enum Question {
    /// These blocks are in the store now.
    Has(Vec<Cid>),
    Tally(oneshot::Sender<Tally>),
    Ledger(PeerId, oneshot::Sender<Option<Exchanged>>),
    WantsOf(PeerId, oneshot::Sender<Vec<Cid>>),
}

/// Asks the driver.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    inputs: mpsc::Sender<Input>,
}

impl Control {
    pub(super) fn new(inputs: mpsc::Sender<Input>) -> Self {
        Self { inputs }
    }

    pub(crate) async fn has(&self, cids: &[Cid]) -> Result<(), Gone> {
        let told = self.inputs.send(Input::Asked(Question::Has(cids.to_vec())));
        timeout(ANSWER_WAIT, told).await.map_err(|_| Gone::TimedOut(ANSWER_WAIT))?.map_err(|_| Gone::Stopped)
    }

    pub(crate) async fn tally(&self) -> Result<Tally, Gone> {
        self.ask(Question::Tally).await
    }

    pub(crate) async fn ledger(&self, peer: PeerId) -> Result<Option<Exchanged>, Gone> {
        self.ask(|reply| Question::Ledger(peer, reply)).await
    }

    pub(crate) async fn wants_of(&self, peer: PeerId) -> Result<Vec<Cid>, Gone> {
        self.ask(|reply| Question::WantsOf(peer, reply)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.inputs.send(Input::Asked(question(reply))).await.map_err(|_| Gone::Stopped)?;
            answer.await.map_err(|_| Gone::Stopped)
        };
        timeout(ANSWER_WAIT, asked).await.unwrap_or(Err(Gone::TimedOut(ANSWER_WAIT)))
    }
}

impl Driver {
    /// Answers. Who asked and no longer waits is no failure.
    pub(super) fn asked(&mut self, question: Question) {
        match question {
            Question::Has(cids) => self.server.has(&cids),
            Question::Tally(reply) => {
                let _ = reply.send(self.count());
            }
            Question::Ledger(peer, reply) => {
                let _ = reply.send(self.server.ledger(self.peers.key(&peer)).map(Exchanged::from));
            }
            Question::WantsOf(peer, reply) => {
                let _ = reply.send(self.server.wantlist_of(self.peers.key(&peer)));
            }
        }
    }

    fn count(&self) -> Tally {
        let (got, given) = (self.client.stats(), self.server.totals());
        Tally {
            wantlist: self.client.wantlist().copied().collect(),
            peers: self.peers.all(),
            received_messages: self.received_messages,
            received_blocks: got.blocks,
            received_bytes: got.bytes,
            duplicate_blocks: got.duplicate_blocks,
            duplicate_bytes: got.duplicate_bytes,
            wrong_blocks: got.wrong_blocks,
            gateway_blocks: got.gateway_blocks,
            sent_blocks: given.sent_blocks,
            sent_bytes: given.sent_bytes,
        }
    }
}

impl From<Ledger> for Exchanged {
    fn from(ledger: Ledger) -> Self {
        let Ledger { sent_bytes, sent_blocks, received_bytes, exchanged } = ledger;
        Self { sent_bytes, sent_blocks, received_bytes, exchanges: exchanged }
    }
}
