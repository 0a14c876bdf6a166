//! Blocks: got from others, given to others, and counted.

use cid::Cid;
use libp2p::PeerId;

use super::Swarm;
use crate::{
    errors::Gone,
    exchange::{Control, Exchanged, Fetcher, Tally},
};

/// The exchange's part of the handle.
#[derive(Debug, Clone)]
pub(crate) struct Blocks {
    pub(crate) fetcher: Fetcher,
    pub(crate) control: Control,
}

impl Swarm {
    /// Gets blocks from others.
    #[must_use]
    pub fn fetch(&self) -> Fetcher {
        self.blocks.fetcher.clone()
    }

    /// Tells that these blocks are in the store now: peers that wait for one of them are served.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn has(&self, cids: &[Cid]) -> Result<(), Gone> {
        self.blocks.control.has(cids).await
    }

    /// What was exchanged with all peers since the start, and what is wanted now.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn bitswap_stats(&self) -> Result<Tally, Gone> {
        self.blocks.control.tally().await
    }

    /// What was exchanged with one peer; none when nothing ever was.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn ledger(&self, peer: PeerId) -> Result<Option<Exchanged>, Gone> {
        self.blocks.control.ledger(peer).await
    }

    /// What is wanted of others now.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn wantlist(&self) -> Result<Vec<Cid>, Gone> {
        self.bitswap_stats().await.map(|tally| tally.wantlist)
    }

    /// What a peer wants of us now.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn wantlist_of(&self, peer: PeerId) -> Result<Vec<Cid>, Gone> {
        self.blocks.control.wants_of(peer).await
    }
}
