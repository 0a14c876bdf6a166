//! What this box counts, for `/metrics`.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use proto::Seq;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    endpoint: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Endpoint {
    endpoint: &'static str,
}

/// From a look-up on the same machine to the import of a large piece.
const SECONDS: [f64; 9] = [0.001, 0.004, 0.016, 0.064, 0.25, 1.0, 4.0, 16.0, 64.0];

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// The box's counters. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    calls: Family<Call, Counter>,
    seconds: Family<Endpoint, Histogram, fn() -> Histogram>,
    sent: Counter,
    received: Counter,
    up: Gauge,
    repo: Gauge<u64, AtomicU64>,
    published: Gauge<u64, AtomicU64>,
    stored: Gauge<u64, AtomicU64>,
    lag: Gauge<u64, AtomicU64>,
    walks: Counter,
    replicas: Gauge<u64, AtomicU64>,
    wanted: Gauge<u64, AtomicU64>,
    short: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Inner {
            calls: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            sent: Counter::default(),
            received: Counter::default(),
            up: Gauge::default(),
            repo: Gauge::default(),
            published: Gauge::default(),
            stored: Gauge::default(),
            lag: Gauge::default(),
            walks: Counter::default(),
            replicas: Gauge::default(),
            wanted: Gauge::default(),
            short: Gauge::default(),
        }))
    }
}

impl Metrics {
    /// Counters that whoever tells them to the supervisor knows.
    #[must_use]
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        metrics.register(registry);
        metrics
    }

    /// Makes the counters known to whoever tells them to the supervisor.
    pub fn register(&self, registry: &mut Registry) {
        let own = registry.sub_registry_with_prefix("ipfs_shim");
        self.register_in(own);
    }

    /// The same of a Cluster, with how many of its peers keep what was published last.
    pub fn register_of_cluster(&self, registry: &mut Registry) {
        let own = registry.sub_registry_with_prefix("ipfs_shim_cluster");
        self.register_in(own);
        let all = &*self.0;
        own.register("replicas", "Peers of the Cluster that keep the published root", all.replicas.clone());
        own.register("replicas_wanted", "Peers of the Cluster that must keep it", all.wanted.clone());
        own.register("under_replicated", "Whether fewer peers keep it than must", all.short.clone());
    }

    fn register_in(&self, own: &mut Registry) {
        let all = &*self.0;
        own.register("calls", "Calls of the IPFS daemon", all.calls.clone());
        own.register_with_unit("call", "Time that calls took", Unit::Seconds, all.seconds.clone());
        own.register_with_unit("sent", "Sent to the IPFS daemon", Unit::Bytes, all.sent.clone());
        own.register_with_unit("received", "Received from the IPFS daemon", Unit::Bytes, all.received.clone());
        own.register("daemon_up", "Whether the IPFS daemon answered when it was asked last", all.up.clone());
        own.register_with_unit("daemon_repo", "What the IPFS daemon stores", Unit::Bytes, all.repo.clone());
        own.register("published_seq", "The newest arrival that the IPFS daemon holds", all.published.clone());
        own.register("stored_seq", "The newest arrival in the comment store", all.stored.clone());
        own.register("lag", "Arrivals that the IPFS daemon does not hold yet", all.lag.clone());
        own.register("walks", "Times that the whole store was given to the IPFS daemon", all.walks.clone());
    }

    pub(crate) fn called(&self, endpoint: &'static str, outcome: &'static str, took: Duration, up: bool) {
        self.0.calls.get_or_create(&Call { endpoint, outcome }).inc();
        self.0.seconds.get_or_create(&Endpoint { endpoint }).observe(took.as_secs_f64());
        self.0.up.set(i64::from(up));
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.0.sent.inc_by(bytes);
    }

    pub(crate) fn received(&self, bytes: u64) {
        self.0.received.inc_by(bytes);
    }

    pub(crate) fn stores(&self, repo_bytes: u64) {
        self.0.repo.set(repo_bytes);
    }

    pub(crate) fn replicated(&self, pinned: u32, wanted: u32) {
        self.0.replicas.set(pinned.into());
        self.0.wanted.set(wanted.into());
        self.0.short.set(i64::from(pinned < wanted));
    }

    pub(crate) fn walked(&self) {
        self.0.walks.inc();
    }

    pub(crate) fn published(&self, published: Seq, stored: Seq) {
        self.0.published.set(published.0);
        self.0.stored.set(stored.0);
        self.0.lag.set(stored.0.saturating_sub(published.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_have_the_names_that_dashboards_know() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register(&mut registry);
        metrics.called("block/put", "ok", Duration::from_millis(2), true);
        metrics.sent(10);
        metrics.received(20);
        metrics.stores(30);
        metrics.walked();
        metrics.published(Seq(3), Seq(5));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#') && !line.contains("_bucket")).collect();
        let expected = [
            "ipfs_shim_calls_total{endpoint=\"block/put\",outcome=\"ok\"} 1",
            "ipfs_shim_call_seconds_sum{endpoint=\"block/put\"} 0.002",
            "ipfs_shim_call_seconds_count{endpoint=\"block/put\"} 1",
            "ipfs_shim_sent_bytes_total 10",
            "ipfs_shim_received_bytes_total 20",
            "ipfs_shim_daemon_up 1",
            "ipfs_shim_daemon_repo_bytes 30",
            "ipfs_shim_published_seq 3",
            "ipfs_shim_stored_seq 5",
            "ipfs_shim_lag 2",
            "ipfs_shim_walks_total 1",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_cluster_has_the_same_metrics_under_a_name_of_its_own_and_tells_of_its_replicas() {
        let (metrics, mut registry) = (Metrics::default(), Registry::default());
        metrics.register_of_cluster(&mut registry);
        metrics.replicated(1, 2);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in ["_up 0", "_lag 0", "_replicas 1", "_replicas_wanted 2", "_under_replicated 1"] {
            assert!(
                text.lines().any(|told| told.starts_with("ipfs_shim_cluster") && told.ends_with(line)),
                "{line}: {text}"
            );
        }
    }
}
