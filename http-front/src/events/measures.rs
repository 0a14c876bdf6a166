//! What live events cost, and how their readers fare.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What made the front look for news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Waker {
    /// A hint of the writer.
    Hint,
    /// The version board: the hint was lost, or another topic has the same counter.
    Board,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Woken {
    by: Waker,
}

/// All counters of live events.
#[derive(Debug, Clone, Default)]
pub(super) struct Measures {
    pub(super) readers: Gauge,
    pub(super) sent: Counter,
    pub(super) reads: Counter,
    pub(super) caught_up: Counter,
    pub(super) slow: Counter,
    pub(super) turned_away: Counter,
    woken: Family<Woken, Counter>,
}

impl Measures {
    /// Makes them part of the box's metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("events_readers", "Readers of live events now", self.readers.clone());
        registry.register("events_sent", "Pieces of news handed to readers", self.sent.clone());
        registry.register("events_reads", "Questions for news, each for all readers of a topic", self.reads.clone());
        let told = "Questions for news for one reader who came from further back";
        registry.register("events_catch_ups", told, self.caught_up.clone());
        registry.register("events_slow", "Readers dropped because they were too slow", self.slow.clone());
        registry.register("events_turned_away", "Readers for whom there was no place", self.turned_away.clone());
        registry.register("events_woken", "Topics looked at again, by what said so", self.woken.clone());
    }

    /// A topic is to be looked at again.
    pub(super) fn woken(&self, by: Waker) {
        self.woken.get_or_create(&Woken { by }).inc();
    }
}
