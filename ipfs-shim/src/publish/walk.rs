//! A walk through the store: its blocks, piece by piece, so that none below the root at its end is left out.
//!
//! Each piece is read in a transaction of its own, because a long one would keep the store from using its pages again.
//! What changes in between is caught up with at the end: comments come one after the other and do not change; folders
//! are walked as they stand, and then what changed since the walk of them began is read, commit by commit.

use comment_store::{Change, Changes, Reader, Snapshot, StoreError};
use proto::{Cid, Epoch, Seq};
use unixfs::{Block, Profile, Version, cid_dag_pb, dir};

use super::{
    piece::Piece,
    plan::{Cursor, Extent, Stored},
};

/// So many comments are read at a time: with 16 KiB each, 4 MiB.
const COMMENTS: usize = 256;

/// Why a walk cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum WalkError {
    /// Only a walk through everything will do.
    #[error("the store has forgotten what changed since")]
    Forgotten,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where a walk is. Cheap to clone, so that a piece that was not taken is read again.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    extent: Extent,
    /// What will have been read at its end.
    until: Stored,
    part: Part,
    /// Comments up to this arrival have been read.
    seq: Seq,
    /// Folders are as they were after this commit, at least.
    commit: u64,
    /// So many nodes of the commit after it have been read too.
    nodes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// All comments, which may take long.
    AllComments,
    /// All folders as they are, those after this path.
    Folders(Option<Vec<u8>>),
    /// What arrived meanwhile.
    Comments,
    /// What changed in folders meanwhile.
    Changes,
    /// Nothing more.
    End,
}

/// Some of a walk.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) piece: Piece,
    pub(super) next: Next,
}

/// What comes after a piece.
#[derive(Debug)]
pub(super) enum Next {
    /// More.
    Walk(Walk),
    /// Nothing: all of this has been read.
    Done(Stored),
}

/// What the store holds now.
pub(super) fn stored(store: &Reader) -> Result<Stored, StoreError> {
    Ok(stored_in(&store.snapshot()?))
}

fn stored_in(snapshot: &Snapshot<'_>) -> Stored {
    Stored {
        epoch: snapshot.epoch(),
        commit: snapshot.last_commit(),
        seq: snapshot.last_seq(),
        root: snapshot.root().unwrap_or_else(|| Cid(empty_folder().cid)),
    }
}

/// What a store without comments publishes.
fn empty_folder() -> Block {
    dir::empty(&Profile::V1_2025.options()).0
}

impl Walk {
    /// Through what came since the cursor.
    pub(super) fn changes(cursor: &Cursor, until: Stored) -> Self {
        let Cursor { seq, commit, .. } = *cursor;
        Self { extent: Extent::Changes, until, part: Part::Comments, seq, commit, nodes: 0 }
    }

    /// Through everything.
    pub(super) fn whole(until: Stored) -> Self {
        Self { extent: Extent::Whole, until, part: Part::AllComments, seq: Seq(0), commit: 0, nodes: 0 }
    }

    pub(super) fn extent(&self) -> Extent {
        self.extent
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.until.epoch
    }

    /// Reads the next piece.
    ///
    /// # Errors
    ///
    /// `Forgotten` when the store no longer knows what changed: then another walk has to begin, through everything.
    pub(super) fn read(mut self, store: &Reader) -> Result<Read, WalkError> {
        let snapshot = store.snapshot()?;
        if snapshot.epoch() != self.until.epoch {
            return Err(WalkError::Forgotten);
        }
        let mut piece = Piece::default();
        while !piece.is_full() && self.part != Part::End {
            self.advance(&snapshot, &mut piece)?;
        }
        if self.part != Part::End {
            return Ok(Read { piece, next: Next::Walk(self) });
        }
        let empty = empty_folder();
        if self.until.root.0 == empty.cid {
            piece.push(&empty.cid, &empty.bytes);
        }
        Ok(Read { piece, next: Next::Done(self.until) })
    }

    fn advance(&mut self, snapshot: &Snapshot<'_>, piece: &mut Piece) -> Result<(), WalkError> {
        match &self.part {
            Part::AllComments => {
                if self.read_comments(snapshot, piece)? {
                    // From here on folders are read, so from here on their changes count.
                    self.commit = snapshot.last_commit();
                    self.part = Part::Folders(None);
                }
            }
            Part::Folders(after) => {
                self.part = read_folders(after.as_deref(), snapshot, piece)?;
                if self.part == Part::Comments {
                    self.until = stored_in(snapshot);
                }
            }
            Part::Comments => {
                if self.read_comments(snapshot, piece)? {
                    self.part = Part::Changes;
                }
            }
            Part::Changes => {
                if self.read_changes(snapshot, piece)? {
                    self.part = Part::End;
                }
            }
            Part::End => {}
        }
        Ok(())
    }

    /// Reads some comments. True when there are no more.
    fn read_comments(&mut self, snapshot: &Snapshot<'_>, piece: &mut Piece) -> Result<bool, StoreError> {
        let arrivals = snapshot.arrivals(self.seq, COMMENTS)?;
        let wanted = arrivals.iter().take_while(|arrival| arrival.seq <= self.until.seq);
        for arrival in wanted {
            if piece.is_full() {
                return Ok(false);
            }
            self.seq = arrival.seq;
            // What was deleted since is in no folder any more.
            if let Some(blob) = arrival.blob {
                piece.push(&arrival.id.cid().0, blob);
            }
        }
        Ok(self.seq >= self.until.seq || arrivals.len() < COMMENTS)
    }

    /// Reads folders as they were after each commit. True when there are no more.
    fn read_changes(&mut self, snapshot: &Snapshot<'_>, piece: &mut Piece) -> Result<bool, WalkError> {
        if self.commit >= self.until.commit {
            return Ok(true);
        }
        let Changes::Since(changes) = snapshot.changes_since(self.commit)? else { return Err(WalkError::Forgotten) };
        let wanted: Vec<_> = changes.iter().take_while(|change| change.commit <= self.until.commit).collect();
        for change in &wanted {
            if !self.read_change(change, snapshot, piece)? {
                return Ok(false);
            }
        }
        // A commit that changed no folder leaves no trace.
        Ok(wanted.is_empty() || self.commit >= self.until.commit)
    }

    /// Reads the folders that a commit changed, as many as fit. True when that was all.
    fn read_change(
        &mut self,
        change: &Change<'_>,
        snapshot: &Snapshot<'_>,
        piece: &mut Piece,
    ) -> Result<bool, WalkError> {
        for node in &change.nodes[self.nodes.min(change.nodes.len())..] {
            if piece.is_full() {
                return Ok(false);
            }
            if let Some(cid) = node.cid {
                let bytes = snapshot.node_at(node.path, change.commit)?.ok_or(WalkError::Forgotten)?;
                piece.push(&cid.0, bytes);
            }
            self.nodes += 1;
        }
        (self.commit, self.nodes) = (change.commit, 0);
        Ok(true)
    }
}

/// Reads folders as they are now, as many as fit.
fn read_folders(after: Option<&[u8]>, snapshot: &Snapshot<'_>, piece: &mut Piece) -> Result<Part, StoreError> {
    for node in snapshot.nodes_after(after)? {
        let (path, bytes) = node?;
        piece.push(&cid_dag_pb(Version::V1, bytes), bytes);
        if piece.is_full() {
            return Ok(Part::Folders(Some(path.to_vec())));
        }
    }
    Ok(Part::Comments)
}
