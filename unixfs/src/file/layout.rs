//! Leaves to a balanced tree: every leaf at the same depth, nodes filled from the left.

use crate::dag_pb;
use crate::{Block, ImportOptions, Kind, Link, Node, Sink, UnixFs, cid_dag_pb};
use bytes::Bytes;

/// Lays leaves out as a balanced tree. Keeps one open node per level, so memory grows with the depth only.
#[derive(Debug, Clone)]
pub struct Layout {
    options: ImportOptions,
    /// Open nodes, the one above the leaves first.
    levels: Vec<Vec<Node>>,
}

impl Layout {
    /// A layout without leaves.
    #[must_use]
    pub fn new(options: ImportOptions) -> Self {
        Self { options, levels: Vec::new() }
    }

    /// Adds the next leaf; nodes that it fills go to `sink`.
    ///
    /// # Errors
    ///
    /// Only those of the sink; drop the layout then.
    pub fn push<S: Sink>(&mut self, leaf: Node, sink: &mut S) -> Result<(), S::Error> {
        self.add(0, leaf, sink)
    }

    /// Ends the file: its root. A single leaf is its own root; no leaf at all is the empty file.
    ///
    /// # Errors
    ///
    /// Only those of the sink.
    pub fn finish<S: Sink>(mut self, sink: &mut S) -> Result<Node, S::Error> {
        if self.levels.is_empty() {
            return sink.put_leaf(&self.options, Bytes::new());
        }
        let mut level = 0;
        loop {
            let is_top = level + 1 == self.levels.len();
            match self.levels[level].as_slice() {
                [root] if is_top => return Ok(*root),
                [] => {}
                // A lone child below the top keeps its parent, or it would rise above the other leaves.
                _ => self.close(level, sink)?,
            }
            level += 1;
        }
    }

    fn add<S: Sink>(&mut self, level: usize, node: Node, sink: &mut S) -> Result<(), S::Error> {
        if level == self.levels.len() {
            self.levels.push(Vec::new());
        }
        self.levels[level].push(node);
        if self.levels[level].len() == self.options.max_links.get() { self.close(level, sink) } else { Ok(()) }
    }

    fn close<S: Sink>(&mut self, level: usize, sink: &mut S) -> Result<(), S::Error> {
        let (block, node) = interior(&self.options, &self.levels[level]);
        self.levels[level].clear();
        sink.put(block)?;
        self.add(level + 1, node, sink)
    }
}

/// The node over these children.
fn interior(options: &ImportOptions, children: &[Node]) -> (Block, Node) {
    let file_bytes = children.iter().map(|child| child.file_bytes).sum();
    let block_bytes = children.iter().map(|child| child.file_bytes).collect();
    let content = UnixFs { file_bytes: Some(file_bytes), block_bytes, ..UnixFs::new(Kind::File) }.encode();
    let links = children.iter().map(|child| (&b""[..], Link::from(*child)));
    let bytes = Bytes::from(dag_pb::encode(links, Some(&content)));
    let cid = cid_dag_pb(options.cid_version, &bytes);
    let tsize = bytes.len() as u64 + children.iter().map(|child| child.tsize).sum::<u64>();
    (Block { cid, bytes }, Node { cid, tsize, file_bytes })
}
