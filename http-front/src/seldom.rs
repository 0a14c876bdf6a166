//! Warnings that could come with every request: at most one a second is written, with the number of those left out.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use hyper::StatusCode;
use proto::RequestId;

const BETWEEN_MS: u64 = 1_000;

/// Lets one through per [`BETWEEN_MS`] and counts the rest.
#[derive(Debug, Default)]
struct Gate {
    /// The first moment at which the next may pass.
    opens_ms: AtomicU64,
    left_out: AtomicU64,
}

impl Gate {
    /// How many were left out since the last one that passed, if this one may.
    fn pass(&self, now_ms: u64) -> Option<u64> {
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

/// Says that a request was answered with our own failure.
pub(crate) fn warn(request: RequestId, route: &'static str, status: StatusCode) {
    static GATE: LazyLock<(Instant, Gate)> = LazyLock::new(|| (Instant::now(), Gate::default()));
    let (began, gate) = &*GATE;
    let now_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX - BETWEEN_MS);
    if let Some(left_out) = gate.pass(now_ms) {
        tracing::warn!(%request, route, status = status.as_u16(), left_out, "request failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_second_passes_and_the_rest_is_counted() {
        let gate = Gate::default();
        let passed = [0, 1, 999, 1_000, 1_001, 2_500].map(|now_ms| gate.pass(now_ms));
        assert_eq!(passed, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
