//! What a worker counts: questions with their times, pages with their bytes.

use std::time::Instant;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

/// From 10 µs, a page that is in memory, to a second, a disk in trouble.
const SECONDS: [f64; 10] = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 1.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Question {
    question: &'static str,
}

/// All counters of a worker.
#[derive(Debug, Clone)]
pub(crate) struct Measures {
    seconds: Family<Question, Histogram, fn() -> Histogram>,
    pages: Counter,
    page_bytes: Counter,
}

impl Default for Measures {
    fn default() -> Self {
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        Self { seconds, pages: Counter::default(), page_bytes: Counter::default() }
    }
}

impl Measures {
    /// Makes them part of the box's metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let told = "Time to read what a question asks for";
        registry.register_with_unit("read", told, Unit::Seconds, self.seconds.clone());
        registry.register("pages", "Pages of comments rendered", self.pages.clone());
        registry.register_with_unit("page", "JSON of all pages of comments", Unit::Bytes, self.page_bytes.clone());
    }

    /// Does the reading for a question, and counts its time.
    pub(crate) fn timed<T>(&self, question: &'static str, read: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let outcome = read();
        self.seconds.get_or_create(&Question { question }).observe(began.elapsed().as_secs_f64());
        outcome
    }

    /// Counts a page.
    pub(crate) fn page(&self, bytes: usize) {
        self.pages.inc();
        self.page_bytes.inc_by(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let (measures, mut registry) = (Measures::default(), Registry::default());
        measures.register(&mut registry);
        assert_eq!(measures.timed("ReadThread", || 7), 7);
        measures.page(100);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in ["read_seconds_count{question=\"ReadThread\"} 1", "pages_total 1", "page_bytes_total 100"] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }
}
