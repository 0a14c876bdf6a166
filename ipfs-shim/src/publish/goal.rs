//! Where the publisher brings what is in the store: the IPFS daemon, or a Cluster beside it. Each has a publisher of its own,
//! with a cursor of its own, so that neither waits for the other.

use std::{fmt, future::Future};

use bytes::Bytes;
use unixfs::Cid;

use crate::kubo::{Cluster, Kubo, RpcError};

/// What a publisher needs of it. Every call may be repeated.
pub trait Goal: fmt::Debug + Clone + Send + Sync + 'static {
    /// What it is, for the log.
    const NAME: &'static str;

    /// Whether it works.
    fn check(&self) -> impl Future<Output = Result<(), RpcError>> + Send;
    /// What it says it is: program and version, and its name on the network.
    fn greet(&self) -> impl Future<Output = Result<(String, String), RpcError>> + Send;
    /// How many bytes it stores, and with how many peers it is connected, if it can tell.
    fn extent(&self) -> impl Future<Output = (Option<u64>, Option<u64>)> + Send;
    /// Whether it holds a root that it was given.
    fn holds(&self, root: &Cid) -> impl Future<Output = Result<bool, RpcError>> + Send;
    /// Whether it keeps that root.
    fn keeps(&self, root: &Cid) -> impl Future<Output = Result<bool, RpcError>> + Send;
    /// Takes the blocks of a CAR.
    fn import(&self, car: Vec<Bytes>, blocks: u64) -> impl Future<Output = Result<(), RpcError>> + Send;
    /// Keeps a root and all below it.
    fn pin(&self, root: &Cid) -> impl Future<Output = Result<(), RpcError>> + Send;
    /// Keeps a root that differs little from one that it keeps already.
    fn pin_beside(&self, old: &Cid, root: &Cid) -> impl Future<Output = Result<(), RpcError>> + Send;
    /// Gives a root up.
    fn unpin(&self, root: &Cid) -> impl Future<Output = Result<(), RpcError>> + Send;
}

impl Goal for Kubo {
    const NAME: &'static str = "IPFS daemon";

    async fn check(&self) -> Result<(), RpcError> {
        self.check_health().await
    }

    async fn greet(&self) -> Result<(String, String), RpcError> {
        let agent = self.id().await?;
        // A daemon that cannot tell its version speaks another language.
        self.version().await?;
        Ok((agent.agent, agent.peer))
    }

    async fn extent(&self) -> (Option<u64>, Option<u64>) {
        let bytes = self.repo_size().await.ok().map(|size| size.repo_bytes);
        (bytes, self.peers().await.ok())
    }

    async fn holds(&self, root: &Cid) -> Result<bool, RpcError> {
        self.has_block(root).await
    }

    async fn keeps(&self, root: &Cid) -> Result<bool, RpcError> {
        self.is_pinned(root).await
    }

    async fn import(&self, car: Vec<Bytes>, blocks: u64) -> Result<(), RpcError> {
        Self::import(self, car, blocks).await
    }

    async fn pin(&self, root: &Cid) -> Result<(), RpcError> {
        Self::pin(self, root).await
    }

    async fn pin_beside(&self, old: &Cid, root: &Cid) -> Result<(), RpcError> {
        Self::pin_beside(self, old, root).await
    }

    async fn unpin(&self, root: &Cid) -> Result<(), RpcError> {
        Self::unpin(self, root).await
    }
}

impl Goal for Cluster {
    const NAME: &'static str = "IPFS Cluster";

    async fn check(&self) -> Result<(), RpcError> {
        self.id().await.map(drop)
    }

    async fn greet(&self) -> Result<(String, String), RpcError> {
        self.id().await.map(|(version, peer, _)| (version, peer))
    }

    async fn extent(&self) -> (Option<u64>, Option<u64>) {
        (None, self.id().await.ok().map(|(_, _, peers)| peers as u64))
    }

    async fn holds(&self, root: &Cid) -> Result<bool, RpcError> {
        Ok(self.watch(root).await?.is_some())
    }

    /// What is in its list it keeps; how many copies there are is looked at, but repaired by the Cluster itself.
    async fn keeps(&self, _: &Cid) -> Result<bool, RpcError> {
        Ok(true)
    }

    async fn import(&self, car: Vec<Bytes>, _: u64) -> Result<(), RpcError> {
        Self::import(self, car).await
    }

    async fn pin(&self, root: &Cid) -> Result<(), RpcError> {
        Self::pin(self, root, None).await?;
        self.settle(root).await
    }

    async fn pin_beside(&self, old: &Cid, root: &Cid) -> Result<(), RpcError> {
        Self::pin(self, root, Some(old)).await?;
        self.settle(root).await
    }

    async fn unpin(&self, root: &Cid) -> Result<(), RpcError> {
        Self::unpin(self, root).await
    }
}
