//! LMDB's file as plain pages, read without LMDB: to see that it is whole before LMDB maps it, and to find comments in one
//! that is not.
//!
//! The layout is LMDB's (64 bits, little-endian, data version 1): two meta pages, then pages of B-trees.
//!
//! ```text
//! page   0 number u64   8 pad u16   10 flags u16   12 lower u16   14 upper u16   16 offsets of the nodes, u16 each
//!        an overflow page has the number of its pages at 12, as u32, and the value from 16 on
//! meta   16 magic u32   20 version u32   24 address   32 map size   40 free tree   88 main tree   136 last page   144 txn
//! tree   0 page size (free tree only) u32 …   40 root page u64
//! node   0 low u16   2 high u16   4 flags u16   6 key length u16   8 key, then the value or the number of its page
//! ```

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{StoreError, format::failed};

const HEADER_BYTES: usize = 16;
const NODE_BYTES: usize = 8;
const MAGIC: u32 = 0xbeef_c0de;
const DATA_VERSION: u32 = 1;
const NO_PAGE: u64 = u64::MAX;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const OVERFLOW: u16 = 4;
const META: u16 = 8;
const BIG_VALUE: u16 = 1;
const SUB_TREE: u16 = 2;
/// Deeper than any tree: LMDB itself stops at 32.
const DEPTH_LIMIT: usize = 32;

/// LMDB's file.
#[derive(Debug)]
pub(crate) struct Pages {
    file: File,
    path: PathBuf,
    page_bytes: usize,
    file_bytes: u64,
    /// What was read so far, which is what looking through a file costs.
    read_bytes: AtomicU64,
}

/// What a meta page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meta {
    page_bytes: usize,
    roots: [u64; 2],
    last_page: u64,
    txn: u64,
}

/// One page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    bytes: Vec<u8>,
}

/// A node of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node<'p> {
    /// The child of a branch.
    Child(u64),
    /// A key and its value.
    Entry(&'p [u8], &'p [u8]),
    /// A key, and the page and the length of its value.
    Big(&'p [u8], u64, usize),
    /// The root of another tree.
    Tree(u64),
}

impl Pages {
    /// Opens the file and finds its meta pages.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut pages = Self::open_unseen(path)?;
        pages.page_bytes = pages.newest_meta()?.page_bytes;
        Ok(pages)
    }

    /// For a file whose meta pages are lost as well.
    pub(crate) fn open_damaged(path: &Path) -> Result<Self, StoreError> {
        let mut pages = Self::open_unseen(path)?;
        pages.page_bytes = pages.newest_meta().map_or(pages.page_bytes, |meta| meta.page_bytes);
        Ok(pages)
    }

    fn open_unseen(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(|cause| failed("open", path, cause))?;
        let file_bytes = file.metadata().map_err(|cause| failed("look at", path, cause))?.len();
        Ok(Self { file, path: path.to_owned(), page_bytes: 4096, file_bytes, read_bytes: AtomicU64::new(0) })
    }

    #[cfg(test)]
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// How many pages the file has.
    pub(crate) fn count(&self) -> u64 {
        self.file_bytes / self.page_bytes as u64
    }

    /// Checks that the file reaches to the last page that is in use.
    pub(crate) fn check_length(&self) -> Result<(), StoreError> {
        let meta = self.newest_meta()?;
        if self.count() > meta.last_page {
            return Ok(());
        }
        // LMDB may leave free pages at the end unwritten. So a file that is too short is cut only if a tree needs more.
        self.check_trees()
    }

    /// Walks all trees of the newest commit; a page that is missing or is none is an error.
    pub(crate) fn check_trees(&self) -> Result<(), StoreError> {
        let meta = self.newest_meta()?;
        meta.roots.into_iter().try_for_each(|root| self.check_tree(root, DEPTH_LIMIT))
    }

    fn check_tree(&self, root: u64, depth: usize) -> Result<(), StoreError> {
        if root == NO_PAGE {
            return Ok(());
        }
        let page = self.page(root).filter(|page| page.is_sound(root));
        let page = page.filter(|_| depth > 0).ok_or_else(|| self.damaged(&format!("lacks its page {root}")))?;
        for node in page.nodes() {
            match node {
                Node::Child(page) | Node::Tree(page) => self.check_tree(page, depth - 1)?,
                Node::Big(_, page, bytes) => self.check_value(page, bytes)?,
                Node::Entry(..) => {}
            }
        }
        Ok(())
    }

    fn check_value(&self, page: u64, bytes: usize) -> Result<(), StoreError> {
        let end = self.value_start(page).and_then(|start| start.checked_add(bytes as u64));
        let there = end.is_some_and(|end| end <= self.file_bytes);
        let is_value = self.page(page).is_some_and(|found| found.number() == page && found.flags() & OVERFLOW != 0);
        if there && is_value { Ok(()) } else { Err(self.damaged(&format!("lacks the value in its page {page}"))) }
    }

    /// The bytes of a value that has pages of its own; none when the file does not have them all.
    pub(crate) fn value(&self, page: u64, bytes: usize) -> Option<Vec<u8>> {
        self.read(self.value_start(page)?, bytes)
    }

    /// The first bytes of such a value; none when no value of that length begins in this page.
    pub(crate) fn value_head(&self, page: u64, bytes: usize, head_bytes: usize) -> Option<Vec<u8>> {
        let start = page.checked_mul(self.page_bytes as u64)?;
        let mut found = Page { bytes: self.read(start, HEADER_BYTES + head_bytes)? };
        let room = u64::from(found.u32(12)) * self.page_bytes as u64;
        let begins = found.number() == page && found.flags() == OVERFLOW;
        (begins && (HEADER_BYTES + bytes) as u64 <= room).then(|| found.bytes.split_off(HEADER_BYTES))
    }

    fn value_start(&self, page: u64) -> Option<u64> {
        page.checked_mul(self.page_bytes as u64)?.checked_add(HEADER_BYTES as u64)
    }

    /// One page; none beyond the end of the file.
    pub(crate) fn page(&self, number: u64) -> Option<Page> {
        let bytes = self.read(number.checked_mul(self.page_bytes as u64)?, self.page_bytes)?;
        Some(Page { bytes })
    }

    fn read(&self, from: u64, bytes: usize) -> Option<Vec<u8>> {
        // Asked first, so that a number out of a damaged page does not become an allocation.
        if from.checked_add(bytes as u64)? > self.file_bytes {
            return None;
        }
        let mut read = vec![0; bytes];
        self.file.read_exact_at(&mut read, from).ok()?;
        self.read_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Some(read)
    }

    fn newest_meta(&self) -> Result<Meta, StoreError> {
        if self.file_bytes == 0 {
            return Err(self.damaged("is empty"));
        }
        let first = self.meta(0)?;
        let second = self.meta(first.page_bytes as u64)?;
        Ok(if second.txn > first.txn { second } else { first })
    }

    fn meta(&self, at: u64) -> Result<Meta, StoreError> {
        let head = self.read(at, 152).ok_or_else(|| self.damaged("ends within its first pages"))?;
        let page = Page { bytes: head };
        if page.u32(16) != MAGIC || page.flags() & META == 0 {
            return Err(match at {
                0 => StoreError::Foreign { path: self.path.clone(), found: "it is no database of LMDB".to_owned() },
                _ => self.damaged("has no second meta page"),
            });
        }
        let page_bytes = page.u32(40) as usize;
        if page.u32(20) != DATA_VERSION || !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) {
            return Err(self.damaged("has a meta page of another make"));
        }
        Ok(Meta { page_bytes, roots: [page.u64(80), page.u64(128)], last_page: page.u64(136), txn: page.u64(144) })
    }

    pub(crate) fn damaged(&self, found: &str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), found: found.to_owned() }
    }
}

impl Page {
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.bytes[at..at + 2].try_into().expect("two bytes"))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    fn number(&self) -> u64 {
        self.u64(0)
    }

    fn flags(&self) -> u16 {
        self.u16(10)
    }

    fn is_leaf(&self) -> bool {
        self.flags() & LEAF != 0
    }

    /// Whether this is the leaf with this number. The inner pages of a large value have no header: they are any bytes.
    pub(crate) fn is_leaf_of(&self, number: u64) -> bool {
        self.number() == number && self.flags() == LEAF
    }

    /// Whether this is the page of a tree with this number, all of whose nodes can be read.
    fn is_sound(&self, number: u64) -> bool {
        let kind = self.flags() & (BRANCH | LEAF | OVERFLOW | META);
        self.number() == number && (kind == BRANCH || kind == LEAF) && self.nodes().count() == self.node_count()
    }

    fn node_count(&self) -> usize {
        usize::from(self.u16(12)).saturating_sub(HEADER_BYTES) / 2
    }

    /// The nodes that can be read.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let offsets =
            (0..self.node_count()).map_while(|index| self.bytes.get(HEADER_BYTES + 2 * index..)?.first_chunk());
        offsets.filter_map(|offset| self.node(u16::from_le_bytes(*offset).into()))
    }

    fn node(&self, at: usize) -> Option<Node<'_>> {
        let node = self.bytes.get(at..).filter(|node| node.len() >= NODE_BYTES)?;
        let field = |at: usize| u16::from_le_bytes([node[at], node[at + 1]]);
        let (low, high, flags) = (field(0), field(2), field(4));
        let key_end = NODE_BYTES + usize::from(field(6));
        let number = u64::from(low) | u64::from(high) << 16;
        if !self.is_leaf() {
            return Some(Node::Child(number | u64::from(flags) << 32));
        }
        let key = node.get(NODE_BYTES..key_end)?;
        let bytes = usize::try_from(number).ok()?;
        let first = |at: usize| Some(u64::from_le_bytes(*node.get(key_end + at..)?.first_chunk()?));
        match flags {
            flags if flags & BIG_VALUE != 0 => Some(Node::Big(key, first(0)?, bytes)),
            flags if flags & SUB_TREE != 0 => Some(Node::Tree(first(40)?)),
            _ => Some(Node::Entry(key, node.get(key_end..key_end + bytes)?)),
        }
    }
}
