//! The roots that were pinned: one line each, appended before the daemon is asked, so that none is ever forgotten.
//!
//! A root is of the past from the moment its successor is written; a while after that it is given up. The file is
//! rewritten when most of it is about roots that were given up already.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use proto::Cid;
use tracing::warn;

use super::cursor::{replace, sync_folder_of};

/// No more roots than this are remembered; the oldest is given up early. A day has 86,400 seconds.
const ROOTS: usize = 100_000;
/// So many lines may be out of date beyond as many as are not.
const STALE_LINES: usize = 1_000;

/// A root that is, or was about to be, pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pinned {
    since_s: u64,
    root: Cid,
}

/// All roots that are pinned, oldest first; the last one is that of now.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    roots: VecDeque<Pinned>,
    stale_lines: usize,
}

impl Ledger {
    /// Reads the ledger in `folder`, which exists. What cannot be read is left out.
    pub(super) fn within(folder: &Path, now_s: u64) -> Self {
        let path = folder.join("roots.log");
        let text = fs::read(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let roots: VecDeque<_> = text.lines().filter_map(|line| parse(line, now_s)).collect();
        let bad_lines = text.lines().count() - roots.len();
        if bad_lines > 0 {
            warn!(path = %path.display(), bad_lines, "roots of the past left out, they stay pinned");
        }
        // A torn last line must not spoil the next one: as stale lines they make the file be written anew.
        let stale_lines = if bad_lines > 0 { STALE_LINES + roots.len() } else { 0 };
        Self { path, roots, stale_lines }
    }

    /// Notes that a root is about to be pinned, durably.
    pub(super) fn enter(&mut self, root: Cid, now_s: u64) -> io::Result<()> {
        if self.roots.back().is_some_and(|last| last.root == root) {
            return Ok(());
        }
        self.tidy()?;
        let pinned = Pinned { since_s: now_s, root };
        self.append(&line(&pinned))?;
        self.roots.push_back(pinned);
        Ok(())
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let is_new = !self.path.exists();
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        if is_new { sync_folder_of(&self.path) } else { Ok(()) }
    }

    /// The oldest root, when its successor has been there for longer than `keep`.
    pub(super) fn expired(&self, now_s: u64, keep: Duration) -> Option<Cid> {
        let (oldest, successor) = (self.roots.front()?, self.roots.get(1)?);
        let over = successor.since_s.saturating_add(keep.as_secs()) < now_s || self.roots.len() > ROOTS;
        over.then_some(oldest.root)
    }

    /// Whether the oldest root came back later, so that it must stay pinned.
    pub(super) fn came_back(&self, root: &Cid) -> bool {
        self.roots.iter().skip(1).any(|pinned| pinned.root == *root)
    }

    /// Notes that the oldest root was given up. That need not be durable: giving it up again does no harm.
    pub(super) fn strike_oldest(&mut self) {
        self.roots.pop_front();
        self.stale_lines += 1;
    }

    fn tidy(&mut self) -> io::Result<()> {
        if self.stale_lines < STALE_LINES + self.roots.len() {
            return Ok(());
        }
        let text: String = self.roots.iter().map(line).collect();
        replace(&self.path, text.as_bytes())?;
        self.stale_lines = 0;
        Ok(())
    }
}

fn line(pinned: &Pinned) -> String {
    let mut line = String::with_capacity(80);
    writeln!(line, "{} {}", pinned.since_s, pinned.root).expect("a string takes all text");
    line
}

/// A time in the future is one of a clock that was wrong: it counts from now.
fn parse(line: &str, now_s: u64) -> Option<Pinned> {
    let (since_s, root) = line.split_once(' ')?;
    Some(Pinned { since_s: since_s.parse::<u64>().ok()?.min(now_s), root: root.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use proto::CommentId;

    use super::*;

    const KEEP: Duration = Duration::from_secs(100);

    fn root(n: u32) -> Cid {
        CommentId::of(&n.to_be_bytes()).cid()
    }

    #[test]
    fn a_root_is_kept_for_its_time_after_its_successor_came() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::within(folder.path(), 0);
        ledger.enter(root(1), 1_000).unwrap();
        assert_eq!(ledger.expired(9_000, KEEP), None, "the root of now has no end");
        ledger.enter(root(2), 9_000).unwrap();
        assert_eq!(ledger.expired(9_100, KEEP), None);
        assert_eq!(ledger.expired(9_101, KEEP), Some(root(1)));
        ledger.strike_oldest();
        assert_eq!(ledger.expired(99_999, KEEP), None);
    }

    #[test]
    fn the_ledger_is_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::within(folder.path(), 0);
        for n in 0..10 {
            ledger.enter(root(n), 1_000 + u64::from(n)).unwrap();
        }
        let again = Ledger::within(folder.path(), 2_000);
        assert_eq!(again.roots, ledger.roots);
    }

    #[test]
    fn a_root_that_came_back_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::within(folder.path(), 0);
        for (n, now_s) in [(1, 10), (2, 20), (2, 25), (1, 30)] {
            ledger.enter(root(n), now_s).unwrap();
        }
        assert_eq!(ledger.roots.len(), 3, "the same root twice in a row is one");
        assert!(ledger.came_back(&root(1)));
        ledger.strike_oldest();
        assert!(!ledger.came_back(&root(2)));
    }

    #[test]
    fn a_torn_line_spoils_neither_what_is_before_it_nor_what_comes_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots.log");
        Ledger::within(folder.path(), 0).enter(root(1), 1_000).unwrap();
        let mut torn = fs::read(&path).unwrap();
        torn.extend_from_slice(b"1001 bafy");
        fs::write(&path, torn).unwrap();
        Ledger::within(folder.path(), 2_000).enter(root(2), 2_000).unwrap();
        let ledger = Ledger::within(folder.path(), 2_000);
        assert_eq!(ledger.roots.iter().map(|pinned| pinned.root).collect::<Vec<_>>(), [root(1), root(2)]);
        assert_eq!(ledger.stale_lines, 0);
    }

    #[test]
    fn a_clock_that_went_back_keeps_roots_no_longer_than_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::within(folder.path(), 0);
        ledger.enter(root(1), 1_000_000).unwrap();
        ledger.enter(root(2), 1_000_001).unwrap();
        let ledger = Ledger::within(folder.path(), 5_000);
        assert_eq!(ledger.expired(5_101, KEEP), Some(root(1)));
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::within(folder.path(), 0);
        // Not through `enter`, whose 5,000 waits for the disk would take long.
        let lines: String = (0..5_000).map(|n| line(&Pinned { since_s: 1, root: root(n) })).collect();
        fs::write(&ledger.path, lines).unwrap();
        ledger = Ledger::within(folder.path(), 1);
        for _ in 0..4_990 {
            ledger.strike_oldest();
        }
        ledger.enter(root(5_000), 2).unwrap();
        assert_eq!(fs::read_to_string(&ledger.path).unwrap().lines().count(), 11);
        assert_eq!(Ledger::within(folder.path(), 2).roots, ledger.roots);
    }

    #[test]
    fn more_roots_than_can_be_remembered_are_given_up_early() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::within(folder.path(), 0);
        ledger.roots = std::iter::repeat_n(Pinned { since_s: 1, root: root(1) }, ROOTS + 1).collect();
        assert_eq!(ledger.expired(2, KEEP), Some(root(1)));
        ledger.strike_oldest();
        assert_eq!(ledger.expired(2, KEEP), None);
    }
}
