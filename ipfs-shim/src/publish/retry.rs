//! When a daemon that failed is tried again: soon at first, then about once a second, never in step with others.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(50);
/// A daemon on this machine costs nothing to try, and what waits for it should not wait much longer than it.
const LAST: Duration = Duration::from_secs(1);

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failures: u32,
}

impl Retry {
    /// After a failure: when to try again.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        let longest = FIRST.saturating_mul(2u32.saturating_pow(self.failures)).min(LAST);
        self.failures = self.failures.saturating_add(1);
        now + longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Whether the last call failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second_and_begin_anew_after_a_success() {
        let mut retry = Retry::default();
        let now = Instant::now();
        for failure in 0..100 {
            let wait = retry.next(now) - now;
            assert!(wait >= FIRST / 2 && wait <= LAST, "{wait:?}");
            assert!(failure < 6 || wait >= LAST / 2, "{wait:?}");
        }
        assert!(retry.is_failing());
        retry.succeeded();
        assert!(!retry.is_failing() && retry.next(now) - now <= FIRST);
    }
}
