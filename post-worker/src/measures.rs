//! What the box counts: comments by their outcome, how many go in one commit, how long the disk takes.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::group::{Written, tally};

/// From 0.1 ms, a disk that does not mean it, to 5 s, one in trouble.
const SECONDS: [f64; 11] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 5.0];
const COMMENTS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// All counters of the box. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Measures {
    comments: Family<Outcome, Counter>,
    group_comments: Histogram,
    commit_seconds: Histogram,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            comments: Family::default(),
            group_comments: Histogram::new(COMMENTS),
            commit_seconds: Histogram::new(SECONDS),
        }
    }
}

impl Measures {
    /// Makes them part of the box's metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let comments = self.comments.clone();
        registry.register("comments", "Comments that reached the writer, by what became of them", comments);
        let group_comments = self.group_comments.clone();
        registry.register("group_comments", "Comments in one commit", group_comments);
        let told = "Time that a commit takes, its fsync included";
        registry.register_with_unit("commit", told, Unit::Seconds, self.commit_seconds.clone());
    }

    /// Counts a group.
    pub(crate) fn group(&self, written: &Written) {
        for (outcome, count) in tally(&written.outcomes) {
            self.comments.get_or_create(&Outcome { outcome }).inc_by(count);
        }
        if !written.topics.is_empty() {
            self.group_comments.observe(written.outcomes.len() as f64);
            self.commit_seconds.observe(written.commit_took.as_secs_f64());
        }
    }
}
