//! Warnings that could come with every request: at most one a second is written, with the number of those left out.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

const BETWEEN_MS: u64 = 1_000;

/// Lets one warning through a second and counts the rest. One for each kind of warning.
#[derive(Debug, Default)]
pub struct Seldom {
    /// The first moment at which the next may pass.
    opens_ms: AtomicU64,
    left_out: AtomicU64,
}

impl Seldom {
    /// One that lets the first through.
    #[must_use]
    pub const fn new() -> Self {
        Self { opens_ms: AtomicU64::new(0), left_out: AtomicU64::new(0) }
    }

    /// How many were left out since the last one that passed, if this one may pass now.
    pub fn pass(&self) -> Option<u64> {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        self.pass_at(u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX - BETWEEN_MS))
    }

    fn pass_at(&self, now_ms: u64) -> Option<u64> {
        let opens_ms = self.opens_ms.load(Relaxed);
        let first = now_ms >= opens_ms
            && self.opens_ms.compare_exchange(opens_ms, now_ms + BETWEEN_MS, Relaxed, Relaxed).is_ok();
        match first {
            true => Some(self.left_out.swap(0, Relaxed)),
            false => {
                self.left_out.fetch_add(1, Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_passes_and_the_rest_is_counted() {
        let seldom = Seldom::new();
        let passed = [0, 1, 999, 1_000, 1_001, 2_500].map(|now_ms| seldom.pass_at(now_ms));
        assert_eq!(passed, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
