//! The pace: one round over all pins takes 22 hours, so each is announced again before the network forgets it (48 hours),
//! and never all at once.
//!
//! Asked by `provide`. Pure: the time is handed in. What it keeps is a place in the order of pins and two counts, however
//! many pins there are.

use unixfs::Cid;

/// How long a round takes.
pub(crate) const ROUND_S: u64 = 22 * 60 * 60;

/// One round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    /// When it began, in seconds since 1970; may be to come.
    pub(crate) began_s: u64,
    /// How many pins there were then.
    pub(crate) total: u64,
    /// How many have had their turn.
    pub(crate) done: u64,
    /// The last that had it.
    pub(crate) after: Option<Cid>,
}

impl Round {
    /// A round in which everything is due at once: nobody knows when it was announced last.
    pub(crate) const fn overdue(now_s: u64) -> Self {
        Self { began_s: now_s.saturating_sub(ROUND_S), total: 0, done: 0, after: None }
    }

    /// How many are due now.
    pub(crate) fn due(&self, now_s: u64) -> u64 {
        let Some(elapsed_s) = now_s.checked_sub(self.began_s) else {
            // No round begins later than the end of the one before: the clock was ahead when this was written.
            return if self.began_s - now_s > ROUND_S { u64::MAX } else { 0 };
        };
        if elapsed_s >= ROUND_S {
            return u64::MAX;
        }
        let due = u128::from(self.total) * u128::from(elapsed_s) / u128::from(ROUND_S);
        u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(self.done)
    }

    /// These had their turn.
    pub(crate) const fn advance(&mut self, count: u64, last: Cid) {
        self.done += count;
        self.after = Some(last);
    }

    /// The next round, after the last pin had its turn: not before this one's time is over, and never in the past.
    pub(crate) fn next(&self, now_s: u64, total: u64) -> Self {
        let earliest_s = self.began_s.saturating_add(ROUND_S).clamp(now_s, now_s.saturating_add(ROUND_S));
        Self { began_s: earliest_s, total, done: 0, after: None }
    }

    /// The whole round is due, from its beginning.
    pub(crate) const fn hurry(&mut self, now_s: u64) {
        *self = Self::overdue(now_s);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cid() -> Cid {
        "bafkqaaa".parse().unwrap()
    }

    #[test]
    fn what_was_never_announced_is_due_at_once() {
        assert_eq!(Round::overdue(1_000_000).due(1_000_000), u64::MAX);
    }

    #[test]
    fn a_round_is_spread_evenly_and_catches_up_after_a_pause() {
        let mut round = Round { began_s: 0, total: 220, done: 0, after: None };
        assert_eq!(round.due(0), 0);
        assert_eq!(round.due(3600), 10);
        round.advance(10, cid());
        assert_eq!(round.due(3600), 0);
        assert_eq!(round.due(11 * 3600), 100);
        assert_eq!(round.due(ROUND_S), u64::MAX, "pins that came during the round have their turn too");
    }

    #[test]
    fn a_clock_that_was_ahead_stops_nothing() {
        let round = Round { began_s: 10 * ROUND_S, total: 5, done: 0, after: None };
        assert_eq!(round.due(0), u64::MAX);
        assert_eq!(round.next(0, 5).began_s, ROUND_S);
    }

    #[test]
    fn the_next_round_waits_for_its_time() {
        let round = Round { began_s: 100, total: 5, done: 5, after: Some(cid()) };
        let next = round.next(200, 6);
        assert_eq!((next.began_s, next.due(200), next.after), (100 + ROUND_S, 0, None));
        assert_eq!(round.next(100 + 2 * ROUND_S, 6).began_s, 100 + 2 * ROUND_S);
    }

    proptest! {
        #[test]
        fn nothing_is_announced_twice_in_a_round_and_all_in_its_time(
            total in 0u64..10_000, steps in prop::collection::vec(1u64..20_000, 1..40),
        ) {
            let (mut round, mut now_s) = (Round { began_s: 0, total, done: 0, after: None }, 0);
            for step in steps {
                now_s += step;
                if now_s >= ROUND_S {
                    break;
                }
                let due = round.due(now_s);
                prop_assert!(round.done + due <= total);
                round.advance(due, cid());
                prop_assert!(u128::from(round.done + 1) * u128::from(ROUND_S) > u128::from(total) * u128::from(now_s));
            }
        }
    }
}
