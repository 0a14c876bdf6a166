//! Finds the comments in a store that LMDB cannot open any more. The store is only read.
//!
//! Every page of the file is looked at by itself, whether or not a tree still leads to it. A comment names itself by its
//! hash, so whatever hashes to its id is right, wherever it is found, and nothing else is taken. Pages that were given up
//! may hold comments that were deleted later: their deletions are found too, and delete them again.
//!
//! Most of a large file are the inner pages of folder nodes, which may look like anything. So nothing in a page is
//! believed before it is cheap to: the page must know its number, the key must be a comment's, the value must be of a
//! comment's size and begin like one, and no value is read twice. The work grows with the file, whatever is in it.

use std::{collections::BTreeMap, path::Path};

use proto::{CommentId, Seq, Topic, config::COMMENT_BYTES_MAX};

use crate::{
    StoreError, format, keys,
    pages::{Node, Pages},
    row::{HEAD_BYTES, Row},
};

/// The largest row: its head, and the longest comment.
const ROW_BYTES: usize = HEAD_BYTES + COMMENT_BYTES_MAX as usize;
/// So often the caller is told how far the search is: every 4 MiB, with pages of the usual size.
const TOLD_PAGES: u64 = 1_024;

/// Where a row is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the node of this number of this page.
    Node { page: u64, index: usize },
    /// In pages of its own.
    Value { page: u64, bytes: usize },
}

/// The comments that were found in a damaged store.
#[derive(Debug)]
pub struct Salvage {
    pages: Pages,
    found: Vec<(Topic, Place)>,
}

/// What was found so far.
struct Search {
    pages: Pages,
    found: BTreeMap<(Topic, CommentId), (Seq, Place)>,
    /// What is in the values that were looked at, by page and length: many nodes may lead to one.
    values: BTreeMap<(u64, usize), Option<CommentId>>,
}

impl Salvage {
    /// Looks through the whole file, and tells now and then how many of how many pages it has seen.
    ///
    /// # Errors
    ///
    /// When the file cannot be read at all.
    pub fn search(dir: &Path, mut seen: impl FnMut(u64, u64)) -> Result<Self, StoreError> {
        let pages = Pages::open_damaged(&dir.join(format::DATA))?;
        let all = pages.count();
        let mut search = Search { pages, found: BTreeMap::new(), values: BTreeMap::new() };
        for number in 0..all {
            search.look_at(number);
            if (number + 1) % TOLD_PAGES == 0 || number + 1 == all {
                seen(number + 1, all);
            }
        }
        Ok(search.finish())
    }

    #[cfg(test)]
    pub(crate) fn read_bytes(&self) -> u64 {
        self.pages.read_bytes()
    }

    /// How many comments were found, edits and deletions included.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// The comments in the order in which they had arrived.
    pub fn comments(&self) -> impl Iterator<Item = (Topic, Vec<u8>)> + '_ {
        self.found.iter().filter_map(|(topic, place)| {
            let mut row = self.row(*place)?;
            Some((*topic, row.split_off(HEAD_BYTES.min(row.len()))))
        })
    }

    fn row(&self, place: Place) -> Option<Vec<u8>> {
        match place {
            Place::Value { page, bytes } => self.pages.value(page, bytes),
            Place::Node { page, index } => match self.pages.page(page)?.nodes().nth(index)? {
                Node::Entry(_, row) => Some(row.to_vec()),
                _ => None,
            },
        }
    }
}

impl Search {
    fn look_at(&mut self, number: u64) {
        let Some(page) = self.pages.page(number).filter(|page| page.is_leaf_of(number)) else { return };
        for (index, node) in page.nodes().enumerate() {
            if let Some((topic, seq, id, place)) = self.comment_at(number, index, node) {
                self.found.insert((topic, id), (seq, place));
            }
        }
    }

    fn comment_at(&mut self, page: u64, index: usize, node: Node<'_>) -> Option<(Topic, Seq, CommentId, Place)> {
        let (Node::Entry(key, _) | Node::Big(key, ..)) = node else { return None };
        let (topic, seq) = keys::split_row(key)?;
        let (id, place) = match node {
            Node::Entry(_, row) => (comment_in(row)?, Place::Node { page, index }),
            Node::Big(_, page, bytes) => (self.value(page, bytes)?, Place::Value { page, bytes }),
            Node::Child(_) | Node::Tree(_) => return None,
        };
        Some((topic, seq, id, place))
    }

    /// The comment in a value, which is read once.
    fn value(&mut self, page: u64, bytes: usize) -> Option<CommentId> {
        if !(HEAD_BYTES..=ROW_BYTES).contains(&bytes) {
            return None;
        }
        let pages = &self.pages;
        *self.values.entry((page, bytes)).or_insert_with(|| {
            Row::decode(&pages.value_head(page, bytes, HEAD_BYTES)?)?;
            comment_in(&pages.value(page, bytes)?)
        })
    }

    fn finish(self) -> Salvage {
        let found = self.found.into_iter().map(|((topic, _), (seq, place))| (seq, topic, place));
        let mut by_arrival: Vec<_> = found.collect();
        by_arrival.sort_unstable_by_key(|(seq, topic, _)| (*seq, *topic));
        let found = by_arrival.into_iter().map(|(_, topic, place)| (topic, place)).collect();
        Salvage { pages: self.pages, found }
    }
}

/// The comment of a row, if its bytes are what they were.
fn comment_in(row: &[u8]) -> Option<CommentId> {
    let (row, blob) = Row::decode(row)?;
    (CommentId::of(blob) == row.id).then_some(row.id)
}
