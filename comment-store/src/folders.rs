//! What a batch changes in the folders of topics: which names appear, change and vanish.
//!
//! A folder holds one file for each legacy id. Two comments with the same legacy id (SHA-1 can be made to collide) are
//! both kept, and the smaller id has the name, on every server.

use std::collections::BTreeMap;

use proto::{CommentId, LegacyId};

/// A file of a topic's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// The comment, whose CID is the file's.
    pub id: CommentId,
    /// Its length.
    pub blob_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    before: Option<CommentId>,
    now: Option<File>,
}

/// What changes in the folder of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FolderChanges(BTreeMap<LegacyId, Change>);

impl FolderChanges {
    /// The names that are not as they were, each with its file, or none when it vanishes.
    pub fn iter(&self) -> impl Iterator<Item = (LegacyId, Option<File>)> + '_ {
        let changed = self.0.iter().filter(|(_, change)| change.before != change.now.map(|file| file.id));
        changed.map(|(name, change)| (*name, change.now))
    }

    /// Whether everything is as it was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    pub(crate) fn note(&mut self, name: LegacyId, before: Option<CommentId>, now: Option<File>) {
        self.0.entry(name).and_modify(|change| change.now = now).or_insert(Change { before, now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u8) -> File {
        File { id: CommentId([number; 32]), blob_bytes: 1 }
    }

    #[test]
    fn what_comes_and_goes_in_one_batch_changes_nothing() {
        let (mut changes, name) = (FolderChanges::default(), LegacyId([1; 20]));
        changes.note(name, None, Some(file(1)));
        assert_eq!(changes.iter().collect::<Vec<_>>(), [(name, Some(file(1)))]);
        changes.note(name, Some(file(1).id), None);
        assert!(changes.is_empty());
    }
}
