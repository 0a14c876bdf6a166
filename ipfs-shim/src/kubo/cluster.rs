//! An IPFS Cluster as its client: its REST API speaks HTTP with lines of JSON and a trailer, as Kubo's RPC does, so
//! connections, deadlines, repetition and errors are those of [`Kubo`].
//!
//! Blocks go in as CARs, because that is the only form in which a Cluster keeps CIDs as they are.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use hyper::Method;
use proto::{blocks::Replicas, config::Ipfs};
use serde::Deserialize;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use unixfs::Cid;

use super::{Kubo, Place, RpcError, Waits, answer::Answer, call::Call, upload::Files, wait::Work};
use crate::metrics::Metrics;

/// Under which name pins stand in the Cluster's list.
const NAME: &str = "rookery";

/// Copies of a few comments are there within a second.
const SETTLE: Duration = Duration::from_secs(3);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// How many peers of a Cluster keep something; -1 stands for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copies {
    /// Fewer are a reason to tell the operator.
    pub min: i32,
    /// So many are made.
    pub max: i32,
}

impl From<&Ipfs> for Copies {
    fn from(config: &Ipfs) -> Self {
        Self { min: config.replication_min, max: config.replication_max }
    }
}

/// A Cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cluster {
    api: Kubo,
    copies: Copies,
    metrics: Metrics,
    told: watch::Sender<Option<Replicas>>,
}

/// What a Cluster says of itself.
#[derive(Deserialize)]
struct Id {
    id: String,
    version: String,
    #[serde(default)]
    cluster_peers: Option<Vec<String>>,
}

/// A line of the answer to `add`.
#[derive(Deserialize)]
struct Added {
    cid: String,
}

/// How a pin stands on each peer.
#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    peer_map: BTreeMap<String, OfPeer>,
}

#[derive(Deserialize)]
struct OfPeer {
    status: String,
}

impl Status {
    fn count(&self, is: impl Fn(&str) -> bool) -> u32 {
        let peers = self.peer_map.values().filter(|peer| is(&peer.status));
        u32::try_from(peers.count()).unwrap_or(u32::MAX)
    }

    /// No peer has been told to keep it: that is how a Cluster answers for what is not in its list.
    fn is_unpinned(&self) -> bool {
        self.peer_map.values().all(|peer| peer.status == "unpinned")
    }
}

impl Cluster {
    /// The Cluster at a place, of which so many peers shall keep what it is given.
    #[must_use]
    pub fn new(place: Place, copies: Copies, waits: Waits, metrics: Metrics) -> Self {
        let api = Kubo::new(place, waits, metrics.clone());
        Self { api, copies, metrics, told: watch::channel(None).0 }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        self.api.rpc().unwrap_or_default()
    }

    /// Whether it answered when it was asked last.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.api.is_reachable()
    }

    /// How what was published last is replicated, whenever that changes.
    #[must_use]
    pub fn replicas_of_published(&self) -> watch::Receiver<Option<Replicas>> {
        self.told.subscribe()
    }

    /// Asks what it is: its version, its own name, and how many peers it knows.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn id(&self) -> Result<(String, String, usize), RpcError> {
        let call = Call::of_cluster("cluster/id", Method::GET, "/id".to_owned(), Work::Brief);
        let id: Id = self.api.measured(call, |answer| answer.only()).await?;
        Ok((format!("ipfs-cluster/{}", id.version), id.id, id.cluster_peers.map_or(0, |peers| peers.len())))
    }

    /// Has it store all blocks of a CAR, which has one root, on the peers that it chooses, without pinning any.
    ///
    /// # Errors
    ///
    /// As every call. Some of the blocks may have been stored; importing all of them again is harmless.
    pub async fn import(&self, car: Vec<Bytes>) -> Result<(), RpcError> {
        let mut files = Files::new();
        files.push(car);
        let call = Call::of_cluster("cluster/add", Method::POST, "/add".to_owned(), Work::Import);
        let call = call.option("format", "car").option("no-pin", "true").option("stream-channels", "true");
        self.api.measured(self.with_copies(call).files(files), check_added).await
    }

    /// Has it pin a root and all below it, from the blocks it has and what its daemons find; beside `old` if that is
    /// pinned, which spares the daemons the walk through what is the same.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn pin(&self, root: &Cid, old: Option<&Cid>) -> Result<(), RpcError> {
        let call = Call::of_cluster("cluster/pin", Method::POST, format!("/pins/{root}"), Work::Brief);
        let call = self.with_copies(call.option("name", NAME).option("mode", "recursive"));
        let call = match old {
            Some(old) => call.named_cid("pin-update", old),
            None => call,
        };
        self.api.measured(call, |answer| answer.end()).await
    }

    /// Gives a root up. That it was not pinned is no error.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn unpin(&self, root: &Cid) -> Result<(), RpcError> {
        let call = Call::of_cluster("cluster/unpin", Method::DELETE, format!("/pins/{root}"), Work::Brief);
        match self.api.measured(call, |answer| answer.end()).await {
            Err(RpcError::Refused { status: 404, .. }) => Ok(()),
            done => done,
        }
    }

    /// On how many peers a root is pinned, of how many it must be; none when it is not in the Cluster's list.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn replicas(&self, root: &Cid) -> Result<Option<Replicas>, RpcError> {
        let call = Call::of_cluster("cluster/status", Method::GET, format!("/pins/{root}"), Work::Brief);
        let status: Status = match self.api.measured(call, |answer| answer.only()).await {
            Err(RpcError::Refused { status: 404, .. }) => return Ok(None),
            asked => asked?,
        };
        if status.is_unpinned() {
            return Ok(None);
        }
        let pinned = status.count(|state| state == "pinned");
        let all = status.count(|state| state != "remote").max(1);
        Ok(Some(Replicas { pinned, wanted: u32::try_from(self.copies.min).unwrap_or(all) }))
    }

    /// As [`Cluster::replicas`], of what was published last: whoever watches is told.
    ///
    /// # Errors
    ///
    /// As every call: see [`RpcError`].
    pub async fn watch(&self, root: &Cid) -> Result<Option<Replicas>, RpcError> {
        let replicas = self.replicas(root).await?;
        if let Some(Replicas { pinned, wanted }) = replicas {
            self.metrics.replicated(pinned, wanted);
        }
        self.told.send_if_modified(|told| std::mem::replace(told, replicas) != replicas);
        Ok(replicas)
    }

    /// Waits a moment for a root that was just pinned, so that it is not looked at before anybody could copy it.
    ///
    /// # Errors
    ///
    /// As every call. That there are too few copies is none.
    pub async fn settle(&self, root: &Cid) -> Result<(), RpcError> {
        let end = Instant::now() + SETTLE;
        while !self.replicas(root).await?.is_some_and(|replicas| replicas.are_enough()) && Instant::now() < end {
            sleep(BETWEEN_LOOKS).await;
        }
        self.watch(root).await.map(drop)
    }

    fn with_copies(&self, call: Call) -> Call {
        call.number("replication-min", self.copies.min).number("replication-max", self.copies.max)
    }
}

/// The Cluster names the root when it has read all of the CAR.
async fn check_added(mut answer: Answer) -> Result<(), RpcError> {
    let mut added = false;
    while let Some(line) = answer.line::<Added>().await? {
        added |= Cid::try_from(line.cid.as_str()).is_ok();
    }
    if added { Ok(()) } else { Err(answer.nonsense("nothing was added".to_owned())) }
}
