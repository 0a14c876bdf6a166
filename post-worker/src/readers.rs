//! Those who read what is written here: their caches are told by the version board, those who wait by a hint.

use daemon::{board::BoardWriter, bus::Teller};
use proto::Arrived;

use crate::group::Written;

/// How readers learn of a commit.
#[derive(Debug)]
pub(crate) struct Readers {
    /// Nobody reads what is old after its bump.
    pub(crate) board: BoardWriter,
    /// Wakes those who wait. It may be lost: they look at the board themselves, only later.
    pub(crate) arrived: Teller<Arrived>,
}

impl Readers {
    /// Our predecessor may have died between a commit and its bump.
    pub(crate) fn begin(&self) {
        self.board.bump_all();
    }

    /// A group is on disk. Blocks nobody.
    pub(crate) fn tell(&self, written: &Written) {
        written.topics.iter().for_each(|topic| self.board.bump(topic));
        Arrived::at(written.last_seq, written.topics.iter().copied()).for_each(|hint| self.arrived.tell(hint));
    }
}
