//! How often each neighbourhood, and all together, may ask.
//!
//! The arithmetic (GCRA) is governor's; where it keeps its state is ours, because governor's own store has an entry for
//! each neighbourhood that ever asked until somebody sweeps it, and whoever has many addresses decides how many. Here are
//! two tables of fixed size, and each neighbourhood has a cell in both, by two hashes that nobody outside can guess. It is
//! refused when both cells are used up: who shares a cell with a busy stranger in one table hardly ever does in the other.

use std::{hash::BuildHasher, hash::RandomState, num::NonZeroU32, time::Duration};

use daemon::crowd::Neighbourhood;
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};

/// 256 KiB a table.
const CELLS: usize = 32_768;

/// How often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) per_s: NonZeroU32,
    /// So many may come at once.
    pub(super) burst: NonZeroU32,
}

/// Whose limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Neighbourhood,
    Everybody,
}

type Plain<C> = NoOpMiddleware<<C as Clock>::Instant>;
type Table<C> = RateLimiter<Neighbourhood, Cells, C, Plain<C>>;
type Total<C> = RateLimiter<NotKeyed, InMemoryState, C, Plain<C>>;

/// A rate for each and one for all; none where there is no limit.
#[derive(Debug)]
pub(super) struct Rates<C: Clock> {
    each: Option<[Table<C>; 2]>,
    all: Option<Total<C>>,
}

impl<C: Clock + Clone> Rates<C> {
    pub(super) fn new(each: Option<Rate>, all: Option<Rate>, clock: &C) -> Self {
        let quota = |rate: Rate| Quota::per_second(rate.per_s).allow_burst(rate.burst);
        Self {
            each: each.map(|rate| [(); 2].map(|()| RateLimiter::new(quota(rate), Cells::new(), clock.clone()))),
            all: all.map(|rate| RateLimiter::direct_with_clock(quota(rate), clock.clone())),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    ///
    /// Whose limit it met, and after what time another would be let through.
    pub(super) fn ask(&self, neighbourhood: Neighbourhood) -> Result<(), (Whose, Duration)> {
        if let Some([one, other]) = &self.each {
            // Both count, whatever the first one says.
            let (first, second) = (one.check_key(&neighbourhood), other.check_key(&neighbourhood));
            if let (Err(first), Err(second)) = (first, second) {
                return Err((Whose::Neighbourhood, wait(one.clock(), &first).min(wait(other.clock(), &second))));
            }
        }
        let Some(all) = &self.all else { return Ok(()) };
        all.check().map_err(|until| (Whose::Everybody, wait(all.clock(), &until)))
    }
}

fn wait<C: Clock>(clock: &C, until: &NotUntil<C::Instant>) -> Duration {
    until.wait_time_from(clock.now())
}

/// A table.
struct Cells {
    cells: Box<[InMemoryState]>,
    hash: RandomState,
}

impl Cells {
    fn new() -> Self {
        Self { cells: (0..CELLS).map(|_| InMemoryState::default()).collect(), hash: RandomState::new() }
    }
}

impl std::fmt::Debug for Cells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cells").finish_non_exhaustive()
    }
}

impl StateStore for Cells {
    type Key = Neighbourhood;

    fn measure_and_replace<T, F, E>(&self, key: &Neighbourhood, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let cell = self.hash.hash_one(key) % CELLS as u64;
        let cell = usize::try_from(cell).expect("there are few cells");
        self.cells[cell].measure_and_replace(&NotKeyed::NonKey, f)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_thousand_busy_neighbourhoods_leave_the_others_their_due() {
        let one = NonZeroU32::MIN;
        let rates = Rates::new(Some(Rate { per_s: one, burst: one }), None, &FakeRelativeClock::default());
        let of = |n: u32| {
            let [_, a, b, c] = n.to_be_bytes();
            Neighbourhood::V4([a, b, c])
        };
        for busy in 0..1_000 {
            let _ = rates.ask(of(busy));
            assert!(rates.ask(of(busy)).is_err());
        }
        // With one table it would be some thirty: 1,000 of 32,768 cells are used up.
        let harmed = (10_000..11_000).filter(|quiet| rates.ask(of(*quiet)).is_err()).count();
        assert!(harmed < 12, "{harmed} of 1000 were refused for what others did");
    }

    #[test]
    fn all_the_addresses_of_the_world_cost_no_memory() {
        let ten = NonZeroU32::new(10).unwrap();
        let rates = Rates::new(Some(Rate { per_s: ten, burst: ten }), None, &FakeRelativeClock::default());
        for n in 0..1_000_000_u32 {
            let [a, b, c, d] = n.to_be_bytes();
            let _ = rates.ask(Neighbourhood::V6([0x20, 1, a, b, c, d]));
        }
        let each = rates.each.unwrap();
        let cells: usize = each.into_iter().map(|table| table.into_state_store().cells.len()).sum();
        assert_eq!(cells * size_of::<InMemoryState>(), 512 * 1_024);
    }
}
