//! What the bus counts, by interface.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Face {
    interface: &'static str,
}

type Counters = Family<Face, Counter>;

/// The counters of all interfaces of one box. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Traffic {
    asked: Counters,
    answered: Counters,
    refused: Counters,
    retried: Counters,
    late: Counters,
    dropped: Counters,
    busy: Counters,
    told: Counters,
    untold: Counters,
    heard: Counters,
    unheard: Counters,
    seconds: Family<Face, Histogram, fn() -> Histogram>,
}

/// The counters of one interface.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Questions that were sent, or that came.
    pub asked: Counter,
    /// Answers that came, or that were sent.
    pub answered: Counter,
    /// Questions that were refused.
    pub refused: Counter,
    /// Questions that were asked again because their instance died.
    pub retried: Counter,
    /// Answers that came after their asker had given up.
    pub late: Counter,
    /// Answers that could not be delivered, because their asker was gone.
    pub dropped: Counter,
    /// Questions that were turned away because every instance had as much open as it takes.
    pub busy: Counter,
    /// From question to answer.
    pub seconds: Histogram,
}

/// The counters of one hint.
#[derive(Debug, Clone)]
pub struct CountedHints {
    /// Hints that were told.
    pub told: Counter,
    /// Hints that could not be told.
    pub untold: Counter,
    /// Hints that came.
    pub heard: Counter,
    /// Hints that were dropped because the box did not take them, or not understood.
    pub unheard: Counter,
}

/// 62 µs to 4 s.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(1.0 / 16_384.0, 2.0, 17))
}

impl Traffic {
    /// Registers the counters of a box, once.
    pub fn register(registry: &mut Registry) -> Self {
        let mut counters = |name: &str, help: &str| {
            let family = Counters::default();
            registry.register(name, help, family.clone());
            family
        };
        let (asked, answered) = (
            counters("bus_asked", "Questions sent, or received by the box that answers"),
            counters("bus_answered", "Answers received, or sent by the box that answers"),
        );
        let (refused, retried, late, dropped, busy) = (
            counters("bus_refused", "Questions refused: not understood, too large, or over the window"),
            counters("bus_retried", "Questions asked again because their instance died"),
            counters("bus_late", "Answers that came after their asker had given up"),
            counters("bus_dropped", "Answers that could not be delivered because their asker was gone"),
            counters("bus_busy", "Questions turned away because every instance had as much open as it takes"),
        );
        let (told, untold, heard, unheard) = (
            counters("bus_told", "Hints told"),
            counters("bus_untold", "Hints that could not be told: too many at a time, or no socket"),
            counters("bus_heard", "Hints heard"),
            counters("bus_unheard", "Hints dropped where they are heard: too many at a time, or not understood"),
        );
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        registry.register("bus_seconds", "From question to answer", seconds.clone());
        Self { asked, answered, refused, retried, late, dropped, busy, told, untold, heard, unheard, seconds }
    }

    /// The counters of one hint.
    pub fn of_hint(&self, interface: &'static str) -> CountedHints {
        let one = |counters: &Counters| counters.get_or_create(&Face { interface }).clone();
        CountedHints {
            told: one(&self.told),
            untold: one(&self.untold),
            heard: one(&self.heard),
            unheard: one(&self.unheard),
        }
    }

    /// The counters of one interface.
    pub fn of(&self, interface: &'static str) -> Counted {
        let face = Face { interface };
        let one = |counters: &Counters| counters.get_or_create(&face).clone();
        Counted {
            asked: one(&self.asked),
            answered: one(&self.answered),
            refused: one(&self.refused),
            retried: one(&self.retried),
            late: one(&self.late),
            dropped: one(&self.dropped),
            busy: one(&self.busy),
            seconds: self.seconds.get_or_create(&face).clone(),
        }
    }
}
