//! Telling the network what is here: new pins soon, all pins again in rounds of 22 hours.
//!
//! Asked by the commands `routing/provide`, `provide/*` and `stats/provide`, and told by the store of every new pin. Asks
//! the peer side. Keeps `<repo>/providing`.

mod paper;
mod round;
mod work;

pub(crate) use round::ROUND_S;
pub(crate) use work::{run, watch_pins};

use std::{
    collections::{HashSet, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::sync::Notify;
use unixfs::Cid;

use paper::Paper;
use round::Round;

/// What waits to be announced soon; what is above it has its turn with the next round.
const SOON_MAX: usize = 16_384;

/// Why something is announced soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was pinned; it is not announced when it is no longer.
    Pinned,
    /// Somebody asked for it.
    Asked,
}

/// What was done since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) announced: u64,
    pub(crate) failed: u64,
    /// Of all announcements together.
    pub(crate) took: Duration,
    /// Of the last batch.
    pub(crate) last_count: u64,
    pub(crate) last_took: Duration,
    pub(crate) last_at: Option<SystemTime>,
}

/// How far the announcing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) tally: Tally,
    /// What waits to be announced soon.
    pub(crate) soon: usize,
    pub(crate) round_done: u64,
    pub(crate) round_total: u64,
}

/// What is announced, and when.
#[derive(Debug)]
pub(crate) struct Providing {
    path: PathBuf,
    plan: Mutex<Plan>,
    /// Rung when something waits.
    woken: Notify,
}

#[derive(Debug)]
struct Plan {
    round: Round,
    soon: VecDeque<(Cid, Why)>,
    waits: HashSet<Cid>,
    tally: Tally,
    is_saved: bool,
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Providing {
    /// Goes on where the process before ended.
    pub(crate) fn open(repository: &Path) -> io::Result<Self> {
        let path = repository.join("providing");
        let found = paper::read(&path)?;
        let paper = found.unwrap_or_else(|| Paper { round: Round::overdue(now_s()), soon: Vec::new() });
        let waits = paper.soon.iter().map(|(cid, _)| *cid).collect();
        let plan = Plan { round: paper.round, soon: paper.soon.into(), waits, tally: Tally::default(), is_saved: true };
        Ok(Self { path, plan: Mutex::new(plan), woken: Notify::new() })
    }

    /// Has it announced soon. False when too many wait: then it has its turn with the next round, if it is pinned.
    pub(crate) fn announce_soon(&self, cid: Cid, why: Why) -> bool {
        let added = self.plan().add(cid, why);
        self.woken.notify_one();
        added
    }

    /// Drops what waits; how many that were.
    pub(crate) fn clear(&self) -> usize {
        let mut plan = self.plan();
        let count = plan.soon.len();
        plan.soon.clear();
        plan.waits.clear();
        plan.is_saved = false;
        count
    }

    /// Announces all pins again, as soon as it can be done.
    pub(crate) fn hurry(&self) {
        let mut plan = self.plan();
        plan.round.hurry(now_s());
        plan.is_saved = false;
        self.woken.notify_one();
    }

    pub(crate) fn progress(&self) -> Progress {
        let plan = self.plan();
        let (round_done, round_total) = (plan.round.done, plan.round.total);
        Progress { tally: plan.tally, soon: plan.soon.len(), round_done, round_total }
    }

    /// Saves what changed.
    fn save(&self) {
        let paper = {
            let mut plan = self.plan();
            if std::mem::replace(&mut plan.is_saved, true) {
                return;
            }
            Paper { round: plan.round.clone(), soon: plan.soon.iter().copied().collect() }
        };
        if let Err(error) = paper::write(&self.path, &paper) {
            tracing::warn!(path = %self.path.display(), %error, "what is to be announced could not be saved");
        }
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn add(&mut self, cid: Cid, why: Why) -> bool {
        if self.waits.contains(&cid) {
            return true;
        }
        if self.soon.len() >= SOON_MAX {
            return false;
        }
        self.waits.insert(cid);
        self.soon.push_back((cid, why));
        self.is_saved = false;
        true
    }

    fn take_soon(&mut self, most: usize) -> Vec<(Cid, Why)> {
        let count = most.min(self.soon.len());
        let taken: Vec<_> = self.soon.drain(..count).collect();
        taken.iter().for_each(|(cid, _)| _ = self.waits.remove(cid));
        self.is_saved &= taken.is_empty();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cid(number: u32) -> Cid {
        let hash = cid::multihash::Multihash::wrap(0, &number.to_le_bytes()).unwrap();
        Cid::new_v1(unixfs::CODEC_RAW, hash)
    }

    #[test]
    fn what_waits_is_announced_once_and_in_order_and_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let providing = Providing::open(folder.path()).unwrap();
        for number in [1, 2, 1, 3] {
            assert!(providing.announce_soon(cid(number), Why::Pinned));
        }
        providing.plan().take_soon(1);
        providing.save();
        let again = Providing::open(folder.path()).unwrap();
        assert_eq!(again.plan().take_soon(9), [(cid(2), Why::Pinned), (cid(3), Why::Pinned)]);
    }

    #[test]
    fn only_so_many_wait() {
        let folder = tempfile::tempdir().unwrap();
        let providing = Providing::open(folder.path()).unwrap();
        let most = u32::try_from(SOON_MAX).unwrap();
        assert!((0..most).all(|number| providing.announce_soon(cid(number), Why::Asked)));
        assert!(!providing.announce_soon(cid(most), Why::Asked));
        assert_eq!(providing.clear(), SOON_MAX);
        assert!(providing.announce_soon(cid(most), Why::Asked));
    }

    #[test]
    fn a_repository_that_was_never_announced_is_due_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let providing = Providing::open(folder.path()).unwrap();
        assert_eq!(providing.plan().round.due(now_s()), u64::MAX);
    }
}
