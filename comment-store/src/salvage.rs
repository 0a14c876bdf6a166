//! Finds the comments in a store that LMDB cannot open any more. The store is only read.
//!
//! Every page of the file is looked at by itself, whether or not a tree still leads to it. A comment names itself by its
//! hash, so whatever hashes to its id is right, wherever it is found, and nothing else is taken. Pages that were given up
//! may hold comments that were deleted later: their deletions are found too, and delete them again.

use std::{collections::BTreeMap, path::Path};

use proto::{CommentId, Seq, Topic};

use crate::{
    StoreError, format, keys,
    pages::{Node, Page, Pages},
    row::{HEAD_BYTES, Row},
};

/// Where a row is in the file.
#[derive(Debug, Clone, Copy)]
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

impl Salvage {
    /// Looks through the whole file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read at all.
    pub fn search(dir: &Path) -> Result<Self, StoreError> {
        let pages = Pages::open_damaged(&dir.join(format::DATA))?;
        let mut found: BTreeMap<(Topic, CommentId), (Seq, Place)> = BTreeMap::new();
        for number in 0..pages.count() {
            let Some(page) = pages.page(number).filter(Page::is_leaf) else { continue };
            for (index, node) in page.nodes().enumerate() {
                if let Some((topic, seq, id, place)) = comment_at(&pages, number, index, node) {
                    found.insert((topic, id), (seq, place));
                }
            }
        }
        let mut by_arrival: Vec<_> = found.into_iter().map(|((topic, _), (seq, place))| (seq, topic, place)).collect();
        by_arrival.sort_unstable_by_key(|(seq, topic, _)| (*seq, *topic));
        let found = by_arrival.into_iter().map(|(_, topic, place)| (topic, place)).collect();
        Ok(Self { pages, found })
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

fn comment_at(pages: &Pages, page: u64, index: usize, node: Node<'_>) -> Option<(Topic, Seq, CommentId, Place)> {
    let found = |key: &[u8], row: &[u8], place: Place| {
        let (topic, seq) = keys::split_row(key)?;
        let (row, blob) = Row::decode(row)?;
        (CommentId::of(blob) == row.id).then_some((topic, seq, row.id, place))
    };
    match node {
        Node::Entry(key, row) => found(key, row, Place::Node { page, index }),
        Node::Big(key, page, bytes) => found(key, &pages.value(page, bytes)?, Place::Value { page, bytes }),
        Node::Child(_) | Node::Tree(_) => None,
    }
}
