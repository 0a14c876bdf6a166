//! What the publisher does next. Pure: no store, no daemon, no clock but `now`.
//!
//! Asked by the publisher after every step. Keeps nothing; all it needs to know is handed to it.

use std::time::Duration;

use proto::{Cid, Epoch, Seq};
use tokio::time::Instant;

/// What the comment store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Which life of the store this is.
    pub epoch: Epoch,
    /// Its last commit.
    pub commit: u64,
    /// Its last arrival.
    pub seq: Seq,
    /// The folder of all topics; the empty folder when there is no comment.
    pub root: Cid,
}

/// What the daemon holds for sure, pinned: survives restarts of this box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The store's life that the numbers belong to.
    pub epoch: Epoch,
    /// Everything up to this commit.
    pub commit: u64,
    /// Every comment up to this arrival.
    pub seq: Seq,
    /// The root of it.
    pub root: Cid,
}

/// What is known of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// It failed the last call; it is tried again then.
    Failing {
        /// When.
        retry_at: Instant,
    },
    /// It holds and pins what was published, as of the last check.
    Sound {
        /// When that is checked again.
        check_at: Instant,
    },
    /// It holds the root that was published, but no longer pins it.
    Unpinned,
    /// It lacks some of what was published, or the store has forgotten what changed since: only all of it will do.
    Lacking,
}

/// How much of the store a walk goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What came since the cursor.
    Changes,
    /// Everything.
    Whole,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing, at most until then; the store may change before.
    Rest {
        /// When to plan again at the latest.
        until: Instant,
    },
    /// Ask the daemon how it is and what it holds.
    Check,
    /// Begin a walk through the store.
    Begin(Extent),
    /// Give it the next piece of the walk that has begun, and after the last one move the pin.
    Continue,
    /// Pin the published root again.
    Repin,
    /// Give up a root of the past.
    Forget(Cid),
}

/// All that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The durable cursor; none when it was never written or is damaged.
    pub cursor: Option<&'a Cursor>,
    /// The store.
    pub stored: &'a Stored,
    /// The daemon.
    pub daemon: Daemon,
    /// A walk that has begun, and in which life of the store.
    pub walking: Option<(Extent, Epoch)>,
    /// Before this no new walk begins.
    pub next_walk: Instant,
    /// A root of the past whose time is over.
    pub expired: Option<Cid>,
    /// Now.
    pub now: Instant,
}

/// With nothing to do the store is looked at so often.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Decides on the next step.
#[must_use]
pub fn plan(situation: &Situation<'_>) -> Action {
    let now = situation.now;
    match situation.daemon {
        Daemon::Failing { retry_at } if now < retry_at => return Action::Rest { until: retry_at },
        Daemon::Failing { .. } => return Action::Check,
        Daemon::Sound { check_at } if now >= check_at => return Action::Check,
        Daemon::Sound { .. } | Daemon::Unpinned | Daemon::Lacking => {}
    }
    let walking = situation.walking.filter(|(_, epoch)| *epoch == situation.stored.epoch).map(|(extent, _)| extent);
    match needed(situation, walking) {
        needed @ Some(_) if walking == needed => Action::Continue,
        Some(extent) if now >= situation.next_walk => Action::Begin(extent),
        None if situation.daemon == Daemon::Unpinned => Action::Repin,
        needed => situation.expired.map_or_else(|| rest(situation, needed), Action::Forget),
    }
}

fn rest(situation: &Situation<'_>, needed: Option<Extent>) -> Action {
    let look_at = situation.now + LOOK_EVERY;
    let until = if needed.is_some() { look_at.min(situation.next_walk) } else { look_at };
    Action::Rest { until }
}

/// What the daemon has to be given; nothing when it has all.
fn needed(situation: &Situation<'_>, walking: Option<Extent>) -> Option<Extent> {
    let Situation { cursor, stored, daemon, .. } = *situation;
    let Some(cursor) = cursor else { return Some(Extent::Whole) };
    // A store that went back without a new epoch is another store: a copy that was put back by hand.
    let other = cursor.epoch != stored.epoch || cursor.commit > stored.commit;
    // A whole walk that has begun is not left for a short one: what it is for has not been done yet.
    let begun = walking == Some(Extent::Whole);
    if other || begun || daemon == Daemon::Lacking {
        return Some(Extent::Whole);
    }
    (cursor.commit < stored.commit).then_some(Extent::Changes)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
