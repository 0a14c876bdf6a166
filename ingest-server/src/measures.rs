//! What this box counts, for `/metrics`.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// From a small file on the same machine to a large one over a slow line.
const SECONDS: [f64; 9] = [0.004, 0.016, 0.064, 0.25, 1.0, 4.0, 16.0, 64.0, 256.0];

/// Which way files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In.
    Upload,
    /// Out.
    Download,
}

impl Way {
    fn label(self) -> Label {
        Label { way: self.name() }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    way: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    way: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

/// The box's counters. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Measures {
    files: Family<End, Counter>,
    seconds: Family<Label, Histogram, fn() -> Histogram>,
    bytes: Family<Label, Counter>,
    open: Family<Label, Gauge>,
    after: Counter,
    parked: Counter,
    sent_away: Family<Why, Counter>,
}

impl Default for Measures {
    fn default() -> Self {
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        Self {
            files: Family::default(),
            seconds,
            bytes: Family::default(),
            open: Family::default(),
            after: Counter::default(),
            parked: Counter::default(),
            sent_away: Family::default(),
        }
    }
}

/// A connection that is counted as open until this is dropped.
#[derive(Debug)]
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Measures {
    /// Makes them part of the box's metrics.
    pub fn register(&self, registry: &mut Registry) {
        let own = registry.sub_registry_with_prefix("ingest");
        own.register("files", "Files that were taken in or given out, or not", self.files.clone());
        own.register_with_unit("file", "Time that a file took", Unit::Seconds, self.seconds.clone());
        own.register_with_unit("moved", "Bytes of files", Unit::Bytes, self.bytes.clone());
        own.register("open", "Connections at this moment", self.open.clone());
        own.register_with_unit(
            "after_marker",
            "Bytes that came behind the end of a file",
            Unit::Bytes,
            self.after.clone(),
        );
        own.register("parked", "Times that a slow client gave its room to others", self.parked.clone());
        own.register("sent_away", "Connections that were not served", self.sent_away.clone());
    }

    pub(crate) fn open(&self, way: Way) -> Open {
        let open = self.open.get_or_create_owned(&way.label());
        open.inc();
        Open(open)
    }

    pub(crate) fn ended(&self, way: Way, outcome: &'static str, took: Duration) {
        self.files.get_or_create(&End { way: way.name(), outcome }).inc();
        self.seconds.get_or_create(&way.label()).observe(took.as_secs_f64());
    }

    pub(crate) fn moved(&self, way: Way, bytes: u64) {
        self.bytes.get_or_create(&way.label()).inc_by(bytes);
    }

    pub(crate) fn came_after(&self, bytes: u64) {
        self.after.inc_by(bytes);
    }

    pub(crate) fn parked(&self) {
        self.parked.inc();
    }

    pub(crate) fn sent_away(&self, why: &'static str) {
        self.sent_away.get_or_create(&Why { why }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_have_the_names_that_dashboards_know() {
        let (measures, mut registry) = (Measures::default(), Registry::default());
        measures.register(&mut registry);
        let open = measures.open(Way::Upload);
        drop(measures.open(Way::Upload));
        measures.ended(Way::Upload, "kept", Duration::from_millis(500));
        measures.moved(Way::Download, 7);
        measures.came_after(3);
        measures.parked();
        measures.sent_away("crowd");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        drop(open);
        let expected = [
            "ingest_files_total{way=\"upload\",outcome=\"kept\"} 1",
            "ingest_file_seconds_sum{way=\"upload\"} 0.5",
            "ingest_moved_bytes_total{way=\"download\"} 7",
            "ingest_open{way=\"upload\"} 1",
            "ingest_after_marker_bytes_total 3",
            "ingest_parked_total 1",
            "ingest_sent_away_total{why=\"crowd\"} 1",
        ];
        for line in expected {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }
}
