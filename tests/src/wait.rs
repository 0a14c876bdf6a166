//! Waiting for a condition, with a deadline: the only place where a test lets time pass.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at: often enough that nobody notices the wait, seldom enough to cost nothing.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Waits until `look` finds something, and returns it.
///
/// # Panics
///
/// When nothing was found within `deadline`.
pub fn until<T>(what: &str, deadline: Duration, look: impl FnMut() -> Option<T>) -> T {
    within(deadline, look).unwrap_or_else(|| panic!("waited {deadline:?} in vain until {what}"))
}

/// Waits until `look` finds something; none when it did not within `deadline`.
pub fn within<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        // Looked at once more after the end: a machine that is busy may have let all of the time pass between two looks.
        let over = Instant::now() >= end;
        match look() {
            Some(found) => return Some(found),
            None if over => return None,
            None => thread::sleep(BETWEEN_LOOKS),
        }
    }
}
