//! `trend`: how fast the memory of a box grows, from samples, whatever single ones say.
//!
//! The median of the slopes between all pairs (Theil and Sen): a garbage collection or a burst changes it little.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// So many samples are kept; when there are more, every second one is forgotten and the next come half as often.
const SAMPLES: usize = 48;
/// The first ones come no closer than this.
const SPACING: Duration = Duration::from_secs(5);
/// They come no farther apart than this: what was hours ago says little of what comes.
const SPACING_MOST: Duration = Duration::from_secs(640);
/// Fewer samples, or a shorter time, say nothing.
const LEAST: usize = 8;
const LEAST_TIME: Duration = Duration::from_secs(300);

/// Samples of one process.
#[derive(Debug)]
pub struct Trend {
    samples: VecDeque<(Instant, u64)>,
    spacing: Duration,
}

impl Default for Trend {
    fn default() -> Self {
        Self { samples: VecDeque::with_capacity(SAMPLES), spacing: SPACING }
    }
}

impl Trend {
    /// Takes a sample, if it is time for one.
    pub fn sampled(&mut self, now: Instant, bytes: u64) {
        if self.samples.back().is_some_and(|(last, _)| now.duration_since(*last) < self.spacing) {
            return;
        }
        if self.samples.len() == SAMPLES && self.spacing < SPACING_MOST {
            let mut index = 0;
            self.samples.retain(|_| {
                index += 1;
                index % 2 == 0
            });
            self.spacing *= 2;
        } else if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((now, bytes));
    }

    /// Bytes an hour; none when too little is known.
    pub fn bytes_per_h(&self) -> Option<f64> {
        let ((first, _), (last, _)) = (self.samples.front()?, self.samples.back()?);
        if self.samples.len() < LEAST || last.duration_since(*first) < LEAST_TIME {
            return None;
        }
        let pairs = self
            .samples
            .iter()
            .enumerate()
            .flat_map(|(n, early)| self.samples.range(n + 1..).map(move |late| (early, late)));
        let mut slopes: Vec<f64> = pairs.map(|(early, late)| slope(*early, *late)).collect();
        let middle = slopes.len() / 2;
        let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
        Some(*median)
    }
}

fn slope(early: (Instant, u64), late: (Instant, u64)) -> f64 {
    let hours = late.0.duration_since(early.0).as_secs_f64() / 3_600.0;
    (late.1 as f64 - early.1 as f64) / hours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(samples: u32, bytes: impl Fn(u32) -> u64) -> Trend {
        let (mut trend, began) = (Trend::default(), Instant::now());
        (0..samples).for_each(|n| trend.sampled(began + Duration::from_secs(10) * n, bytes(n)));
        trend
    }

    #[test]
    fn a_spike_does_not_change_a_trend() {
        let spiky = trend(40, |n| if n == 39 || n % 13 == 5 { 1 << 40 } else { u64::from(n) * 1_000 });
        let slope = spiky.bytes_per_h().unwrap();
        assert!((slope - 360_000.0).abs() < 40_000.0, "{slope}");
    }

    #[test]
    fn a_long_life_needs_no_more_memory_than_a_short_one() {
        let long = trend(100_000, |n| u64::from(n) * 1_000);
        assert!(long.samples.len() <= SAMPLES && long.spacing == SPACING_MOST);
        let slope = long.bytes_per_h().unwrap();
        assert!((slope - 360_000.0).abs() < 1_000.0, "{slope}");
    }

    #[test]
    fn a_few_moments_are_no_trend() {
        assert_eq!(trend(5, u64::from).bytes_per_h(), None);
        assert_eq!(Trend::default().bytes_per_h(), None);
    }
}
