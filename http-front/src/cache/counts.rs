//! How many comments topics have, each kept with the version of its topic: a number takes a hundredth of a page.

use prometheus_client::metrics::counter::Counter;
use proto::Topic;
use quick_cache::{OptionsBuilder, UnitWeighter, sync::DefaultLifecycle};

/// What an entry takes: a topic, two numbers, its place in the cache.
const ENTRY_BYTES: u64 = 112;

type Entries = quick_cache::sync::Cache<Topic, Entry>;

/// Kept counts.
#[derive(Debug)]
pub(super) struct Counts {
    entries: Option<Entries>,
    counted: Counted,
}

/// What is counted.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) stale: Counter,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    version: u64,
    count: u64,
}

impl Counts {
    /// Counts in so many bytes; 0 keeps none.
    pub(super) fn new(bytes: u64, counted: Counted) -> Self {
        let most = bytes / ENTRY_BYTES;
        Self { entries: (most > 0).then(|| entries(most)), counted }
    }

    /// The count of a topic, if nothing changed since this version.
    pub(super) fn find(&self, topic: &Topic, version: u64) -> Option<u64> {
        let found = self.entries.as_ref().and_then(|entries| entries.get(topic));
        match found {
            Some(entry) if entry.version >= version => {
                self.counted.hits.inc();
                Some(entry.count)
            }
            found => {
                if found.is_some() { &self.counted.stale } else { &self.counted.misses }.inc();
                None
            }
        }
    }

    pub(super) fn keep(&self, topic: Topic, version: u64, count: u64) {
        if let Some(entries) = &self.entries {
            entries.insert(topic, Entry { version, count });
        }
    }

    /// What they take in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.as_ref().map_or(0, |entries| entries.len() as u64 * ENTRY_BYTES)
    }
}

fn entries(most: u64) -> Entries {
    let mut options = OptionsBuilder::new();
    options.weight_capacity(most).estimated_items_capacity(usize::try_from(most).unwrap_or(usize::MAX));
    let options = options.build().expect("a weight and a number are given");
    Entries::with_options(options, UnitWeighter, Default::default(), DefaultLifecycle::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(bytes: u64) -> Counts {
        let counter = Counter::default;
        Counts::new(bytes, Counted { hits: counter(), misses: counter(), stale: counter() })
    }

    #[test]
    fn a_count_is_found_until_its_topic_changes() {
        let counts = counts(1 << 20);
        let topic = Topic([1; 20]);
        assert_eq!(counts.find(&topic, 7), None);
        counts.keep(topic, 7, 3);
        assert_eq!((counts.find(&topic, 7), counts.find(&topic, 8)), (Some(3), None));
        let Counted { hits, misses, stale } = &counts.counted;
        assert_eq!((hits.get(), misses.get(), stale.get()), (1, 1, 1));
    }

    #[test]
    fn counts_of_any_number_of_topics_stay_within_their_bytes() {
        let counts = counts(64 * ENTRY_BYTES);
        for number in 0..10_000_u64 {
            counts.keep(Topic::of_address(&number.to_string()), 0, number);
        }
        assert!((1..=64 * ENTRY_BYTES).contains(&counts.bytes()), "{}", counts.bytes());
    }

    #[test]
    fn without_memory_nothing_is_kept() {
        let counts = counts(0);
        counts.keep(Topic([1; 20]), 1, 1);
        assert_eq!((counts.find(&Topic([1; 20]), 1), counts.bytes()), (None, 0));
    }
}
