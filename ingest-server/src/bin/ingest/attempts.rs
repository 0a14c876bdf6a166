//! Tries again what may go well a little later, and waits longer each time. Asked by `crowd` and `download`.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::refusal::Refusal;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What came of it, in how many tries and how long.
#[derive(Debug)]
pub struct Outcome<T> {
    /// What came of the last try.
    pub result: Result<T, Refusal>,
    /// How many tries there were.
    pub tries: u32,
    /// How long all of them took together.
    pub took: Duration,
}

/// Tries up to so many times more than once; `attempt` is told how often it failed before, and says how far it came by going
/// on where another one ended: whoever gets on has not failed in vain, and is counted anew.
pub fn attempts<T>(retries: u32, attempt: impl Fn(u32, &mut u64) -> Result<T, Refusal>) -> Outcome<T> {
    let begun = Instant::now();
    let (mut failed, mut tries, mut reached) = (0, 0, 0);
    let result = loop {
        let before = reached;
        tries += 1;
        match attempt(failed, &mut reached) {
            Err(refusal) if refusal.may_pass() && (failed < retries || reached > before) => {
                failed = if reached > before { 0 } else { failed };
                thread::sleep(pause_after(failed, rand::random()));
                failed += 1;
            }
            result => break result,
        }
    };
    Outcome { result, tries, took: begun.elapsed() }
}

/// Doubles with every failure up to a cap; half of it is left to chance, so that many clients do not come back at once.
fn pause_after(failed: u32, chance: u16) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failed.min(16)).min(PAUSE_MAX);
    longest / 2 + longest / 2 * u32::from(chance) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn passing() -> Refusal {
        Refusal::Refused("busy, try again".to_owned())
    }

    #[test]
    fn what_may_pass_is_tried_again_until_it_goes_well() {
        let outcome = attempts(3, |failed, _| if failed < 1 { Err(passing()) } else { Ok(failed) });
        assert!(matches!((outcome.result, outcome.tries), (Ok(1), 2)));
    }

    #[test]
    fn what_will_not_pass_is_tried_once() {
        let tried = Cell::new(0);
        let outcome = attempts::<()>(9, |_, _| {
            tried.set(tried.get() + 1);
            Err(Refusal::Refused("the file is too large".to_owned()))
        });
        assert_eq!((outcome.tries, tried.get(), outcome.result.is_err()), (1, 1, true));
    }

    #[test]
    fn retries_come_to_an_end() {
        let outcome = attempts::<()>(1, |_, _| Err(passing()));
        assert_eq!((outcome.tries, outcome.result.is_err()), (2, true));
    }

    #[test]
    fn whoever_gets_on_is_not_given_up() {
        let outcome = attempts::<()>(1, |_, reached| {
            *reached = (*reached + 1).min(3);
            Err(passing())
        });
        assert_eq!(outcome.tries, 4);
    }

    #[test]
    fn pauses_double_up_to_a_cap_and_are_at_least_half_of_it() {
        assert_eq!(pause_after(0, u16::MAX), FIRST_PAUSE);
        assert_eq!(pause_after(2, u16::MAX), FIRST_PAUSE * 4);
        assert_eq!(pause_after(u32::MAX, u16::MAX), PAUSE_MAX);
        assert_eq!(pause_after(0, 0), FIRST_PAUSE / 2);
    }
}
