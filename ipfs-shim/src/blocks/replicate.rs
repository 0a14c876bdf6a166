//! Files that were taken in, on their way to the IPFS Cluster: the daemon gives all blocks below a root as a CAR, the Cluster
//! takes them in pieces, and at the end pins the root.
//!
//! Whoever asks asks again until enough peers have it: a copy of a large file takes longer than any question may.

use std::{collections::BTreeMap, sync::Mutex, sync::PoisonError};

use proto::{
    Cid,
    blocks::{BlockError, Replicas},
};
use tokio::task::JoinHandle;

use super::refusal;
use crate::{
    kubo::{Cluster, Kubo, RpcError},
    publish::Piece,
};

/// So many files are copied at a time, each with a piece or two in memory; others are asked to wait.
const COPIES: usize = 4;

/// Copies files to the Cluster, if there is one.
#[derive(Debug)]
pub struct Replicator {
    kubo: Kubo,
    cluster: Option<Cluster>,
    copying: Mutex<BTreeMap<Cid, Copying>>,
}

#[derive(Debug)]
struct Copying(JoinHandle<Result<(), RpcError>>);

impl Drop for Copying {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is known of a root's copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    UnderWay,
    TooMany,
    Finished,
}

impl Replicator {
    /// Copies from the daemon to the Cluster.
    #[must_use]
    pub fn new(kubo: Kubo, cluster: Option<Cluster>) -> Self {
        Self { kubo, cluster, copying: Mutex::default() }
    }

    /// The Cluster, if there is one.
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// How far the Cluster is with a root; begins to copy it when nobody has.
    ///
    /// # Errors
    ///
    /// When the copy failed, which the next question begins again.
    pub(super) async fn replicate(&self, root: &Cid) -> Result<Replicas, BlockError> {
        let Some(cluster) = &self.cluster else { return Ok(Replicas { pinned: 0, wanted: 0 }) };
        if let Some(replicas) = cluster.replicas(&root.0).await.map_err(refusal)? {
            return Ok(replicas);
        }
        if self.look_after(root, cluster) == Found::Finished {
            let finished = self.copying().remove(root);
            if let Some(mut copying) = finished {
                let ended = (&mut copying.0).await;
                ended.map_err(|_| BlockError::DaemonDown("the copy was given up".to_owned()))?.map_err(refusal)?;
            }
        }
        Ok(Replicas { pinned: 0, wanted: 1 })
    }

    fn look_after(&self, root: &Cid, cluster: &Cluster) -> Found {
        let mut copying = self.copying();
        match copying.get(root) {
            Some(one) if one.0.is_finished() => return Found::Finished,
            Some(_) => return Found::UnderWay,
            None => {}
        }
        // Copies that nobody asks after any more are forgotten when their place is needed.
        if copying.len() >= COPIES {
            copying.retain(|_, one| !one.0.is_finished());
        }
        if copying.len() >= COPIES {
            return Found::TooMany;
        }
        let copy = copy(self.kubo.clone(), cluster.clone(), *root);
        copying.insert(*root, Copying(tokio::spawn(copy)));
        Found::UnderWay
    }

    fn copying(&self) -> std::sync::MutexGuard<'_, BTreeMap<Cid, Copying>> {
        self.copying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn copy(kubo: Kubo, cluster: Cluster, root: Cid) -> Result<(), RpcError> {
    let mut blocks = kubo.export(&root.0).await?;
    let mut piece = Piece::default();
    while let Some((cid, block)) = blocks.next().await? {
        piece.push(&cid, &block);
        if piece.is_full()
            && let Some((car, _)) = std::mem::take(&mut piece).into_car()
        {
            cluster.import(car).await?;
        }
    }
    if let Some((car, _)) = piece.into_car() {
        cluster.import(car).await?;
    }
    cluster.pin(&root.0, None).await?;
    tracing::info!(%root, "given to the Cluster");
    Ok(())
}
