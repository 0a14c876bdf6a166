//! The version board: 65,536 counters in a mapped file, by which every cache sees that its entry is old.
//!
//! `post-worker` bumps a topic's counter after the commit and before it answers. A cache entry remembers the count from
//! before its read, and a hit compares one atomic. Topics share counters (the first two bytes choose): a bump for another
//! topic costs one needless read, and nothing else.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use memmap2::MmapRaw;
use proto::Topic;

use crate::failure::{Failure, OrFail as _};

const FILE: &str = "board";
const SLOTS: usize = 65_536;
const BYTES: usize = SLOTS * size_of::<AtomicU64>();

/// Counts versions up.
#[derive(Debug)]
pub struct BoardWriter(Board);

/// Reads versions.
#[derive(Debug)]
pub struct BoardReader(Board);

#[derive(Debug)]
struct Board(MmapRaw);

impl BoardWriter {
    /// Maps the board in `runtime_dir`, and makes it when it is not there.
    ///
    /// # Errors
    ///
    /// Exit code 65 when the file has another size; exit code 1 when it cannot be made or mapped.
    pub fn open(runtime_dir: &Path) -> Result<Self, Failure> {
        Board::open(runtime_dir).map(Self)
    }

    /// What was read of this topic before now is old. After the commit, before the answer.
    pub fn bump(&self, topic: &Topic) {
        self.0.slot(slot(topic)).fetch_add(1, Ordering::Release);
    }

    /// What was read of any topic before now is old. A starting writer does it: its predecessor may have died between a
    /// commit and its bump.
    pub fn bump_all(&self) {
        (0..SLOTS).for_each(|slot| {
            self.0.slot(slot).fetch_add(1, Ordering::Release);
        });
    }
}

impl BoardReader {
    /// Maps the board in `runtime_dir`, and makes it when it is not there: reader and writer start in any order.
    ///
    /// # Errors
    ///
    /// Exit code 65 when the file has another size; exit code 1 when it cannot be made or mapped.
    pub fn open(runtime_dir: &Path) -> Result<Self, Failure> {
        Board::open(runtime_dir).map(Self)
    }

    /// The count of a topic now. To be read before what it is the version of.
    #[must_use]
    pub fn count(&self, topic: &Topic) -> u64 {
        self.0.slot(slot(topic)).load(Ordering::Acquire)
    }
}

fn slot(topic: &Topic) -> usize {
    usize::from(u16::from_be_bytes([topic.0[0], topic.0[1]]))
}

impl Board {
    fn open(runtime_dir: &Path) -> Result<Self, Failure> {
        let path = runtime_dir.join(FILE);
        let shown = path.display();
        let file = open_or_make(&path).or_fail(format!("cannot open the version board {shown}"))?;
        let length = file.metadata().or_fail(format!("cannot open the version board {shown}"))?.len();
        if length != BYTES as u64 {
            let told =
                format!("the version board {shown} has {length} bytes; expected {BYTES}; stop the tree and remove it");
            return Err(Failure::damaged(told));
        }
        let map = MmapRaw::map_raw(&file).or_fail(format!("cannot map the version board {shown}"))?;
        Ok(Self(map))
    }

    fn slot(&self, slot: usize) -> &AtomicU64 {
        assert!(slot < SLOTS, "a slot is two bytes of a topic");
        let counters = self.0.as_mut_ptr().cast::<u64>();
        // SAFETY: the map is BYTES long, checked when it was opened, and lives as long as `self`; it begins on a page, so
        // a counter is aligned; all processes touch it through atomics only. Nobody cuts the file: it is made in its full
        // length and then only mapped, in a directory that is ours alone.
        unsafe { AtomicU64::from_ptr(counters.add(slot)) }
    }
}

fn open_or_make(path: &Path) -> io::Result<File> {
    match open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            open(path)
        }
        other => other,
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Makes the file under another name and links it, so that nobody sees half of it and nobody's is replaced.
fn make(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.{:016x}", std::process::id(), rand::random::<u64>()));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = file.set_len(BYTES as u64).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        // Somebody else was quicker: theirs is as good.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_bump_is_seen_through_another_map_and_by_nobody_elses_topic() {
        let folder = tempfile::tempdir().unwrap();
        let reader = BoardReader::open(folder.path()).unwrap();
        let writer = BoardWriter::open(folder.path()).unwrap();
        let (topic, other) = (Topic([7; 20]), Topic([8; 20]));
        writer.bump(&topic);
        assert_eq!((reader.count(&topic), reader.count(&other)), (1, 0));
        writer.bump_all();
        assert_eq!((reader.count(&topic), reader.count(&other)), (2, 1));
        assert_eq!(reader.count(&Topic([0xff; 20])), 1);
    }

    #[test]
    fn the_counts_outlive_their_writer() {
        let folder = tempfile::tempdir().unwrap();
        let topic = Topic([1; 20]);
        BoardWriter::open(folder.path()).unwrap().bump(&topic);
        let reader = BoardReader::open(folder.path()).unwrap();
        BoardWriter::open(folder.path()).unwrap().bump(&topic);
        assert_eq!(reader.count(&topic), 2);
    }

    #[test]
    fn a_board_of_another_size_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "short").unwrap();
        let failure = BoardReader::open(folder.path()).unwrap_err();
        assert_eq!(failure.code(), proto::supervision::exit::DAMAGED);
        assert!(failure.to_string().contains("has 5 bytes"), "{failure}");
    }

    #[test]
    fn many_who_make_the_board_at_once_get_the_same_one() {
        let folder = tempfile::tempdir().unwrap();
        let topic = Topic([3; 20]);
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| BoardWriter::open(folder.path()).unwrap().bump(&topic));
            }
        });
        assert_eq!(BoardReader::open(folder.path()).unwrap().count(&topic), 16);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
