//! Chunks to leaf blocks: pure, so that any thread may do it.

use crate::block::{SHA2_256, cid_of_parts};
use crate::wire;
use crate::{Block, CODEC_DAG_PB, CODEC_RAW, Cid, ImportOptions, Leaves, Node, Version};
use bytes::Bytes;
use std::num::NonZero;
use std::thread;

/// The leaf that holds `chunk`: its block, and what the layout needs to know of it.
#[must_use]
pub fn leaf(options: &ImportOptions, chunk: Bytes) -> (Block, Node) {
    let node = leaf_node(options, &chunk);
    let bytes = match options.leaves {
        Leaves::Raw => chunk,
        Leaves::DagPb => Frame::around(chunk.len()).wrap(&chunk),
    };
    (Block { cid: node.cid, bytes }, node)
}

/// As [`leaf`] without the block: nothing is copied.
#[must_use]
pub fn leaf_node(options: &ImportOptions, chunk: &[u8]) -> Node {
    let file_bytes = chunk.len() as u64;
    match options.leaves {
        Leaves::Raw => Node { cid: cid_of_parts(Version::V1, CODEC_RAW, &[chunk]), tsize: file_bytes, file_bytes },
        Leaves::DagPb => {
            let frame = Frame::around(chunk.len());
            let cid = cid_of_parts(options.cid_version, CODEC_DAG_PB, &[&frame.head, chunk, &frame.tail]);
            Node { cid, tsize: file_bytes + frame.bytes(), file_bytes }
        }
    }
}

/// As [`leaf`] for many chunks at once, in their order, on as many threads as the machine has processors.
///
/// Threads are started and ended here, so give it megabytes at a time.
#[must_use]
pub fn leaves(options: &ImportOptions, chunks: Vec<Bytes>) -> Vec<(Block, Node)> {
    on_all_processors(chunks, |chunk| leaf(options, chunk))
}

/// As [`leaf_node`] for many chunks at once, as [`leaves`] does.
#[must_use]
pub fn leaf_nodes(options: &ImportOptions, chunks: &[Bytes]) -> Vec<Node> {
    on_all_processors(chunks.iter().collect(), |chunk| leaf_node(options, chunk))
}

fn on_all_processors<I: Send, O: Send>(mut items: Vec<I>, work: impl Fn(I) -> O + Sync) -> Vec<O> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(threads).max(1);
    let work_on = |part: Vec<I>| part.into_iter().map(&work).collect::<Vec<_>>();
    thread::scope(|scope| {
        let mut hired = Vec::with_capacity(threads);
        while items.len() > share {
            let part = items.split_off(items.len() - share);
            hired.push(scope.spawn(|| work_on(part)));
        }
        let mut done = work_on(items);
        // The last part was given away first.
        for thread in hired.into_iter().rev() {
            done.extend(thread.join().expect("hashing does not panic"));
        }
        done
    })
}

/// What the layout needs to know of the leaf of so many bytes that somebody else has hashed, as `hashed` says. `None` when
/// that is no name by SHA2-256.
#[must_use]
pub fn leaf_named(options: &ImportOptions, chunk_bytes: usize, hashed: &Cid) -> Option<Node> {
    let hash = hashed.hash();
    if hash.code() != SHA2_256 || hash.size() != 32 {
        return None;
    }
    let frame = Frame::of(options, chunk_bytes);
    let cid = match (options.leaves, options.cid_version) {
        (Leaves::Raw, _) => Cid::new_v1(CODEC_RAW, *hash),
        (Leaves::DagPb, Version::V0) => Cid::new_v0(*hash).ok()?,
        (Leaves::DagPb, Version::V1) => Cid::new_v1(CODEC_DAG_PB, *hash),
    };
    Some(Node { cid, tsize: chunk_bytes as u64 + frame.bytes(), file_bytes: chunk_bytes as u64 })
}

/// What stands before and after the bytes of a file in a leaf: nothing in a raw one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// Before.
    pub head: Vec<u8>,
    /// After.
    pub tail: Vec<u8>,
}

impl Frame {
    /// That of a chunk of so many bytes.
    #[must_use]
    pub fn of(options: &ImportOptions, chunk_bytes: usize) -> Self {
        match options.leaves {
            Leaves::Raw => Self::default(),
            Leaves::DagPb => Self::around(chunk_bytes),
        }
    }

    fn around(chunk_bytes: usize) -> Self {
        let file_bytes = chunk_bytes as u64;
        let content_bytes = if chunk_bytes == 0 { 0 } else { wire::bytes_field_bytes(chunk_bytes) };
        let mut head = Vec::with_capacity(16);
        wire::put_bytes_head(&mut head, 1, 2 + content_bytes + wire::varint_field_bytes(file_bytes));
        wire::put_varint(&mut head, 1, 2);
        if chunk_bytes > 0 {
            wire::put_bytes_head(&mut head, 2, chunk_bytes);
        }
        let mut tail = Vec::with_capacity(8);
        wire::put_varint(&mut tail, 3, file_bytes);
        Self { head, tail }
    }

    fn bytes(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64
    }

    fn wrap(&self, chunk: &[u8]) -> Bytes {
        [&self.head, chunk, &self.tail].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dag_pb::PbNode;
    use crate::{Profile, UnixFs};

    #[test]
    fn a_wrapped_leaf_is_a_dag_pb_node_with_a_unixfs_file() {
        for text in ["", "x", "hello world"] {
            let chunk = Bytes::from_static(text.as_bytes());
            let (block, node) = leaf(&Profile::V0_2015.into(), chunk.clone());
            let content = UnixFs::file(chunk).encode().into();
            assert_eq!(block.bytes, PbNode { links: vec![], content: Some(content) }.encode());
            assert_eq!((node.tsize, node.file_bytes), (block.bytes.len() as u64, text.len() as u64));
        }
    }

    #[test]
    fn a_leaf_that_somebody_else_named_is_the_same_leaf() {
        for profile in [Profile::V0_2015, Profile::V1_2025] {
            for text in ["", "hello world"] {
                let (block, node) = leaf(&profile.into(), Bytes::from_static(text.as_bytes()));
                let frame = Frame::of(&profile.into(), text.len());
                assert_eq!([&frame.head, text.as_bytes(), &frame.tail].concat(), block.bytes);
                let hashed = crate::cid_raw(&block.bytes);
                assert_eq!(leaf_named(&profile.into(), text.len(), &hashed), Some(node));
            }
        }
        let other = Cid::new_v1(CODEC_RAW, cid::multihash::Multihash::wrap(0x13, &[7; 32]).unwrap());
        assert_eq!(leaf_named(&Profile::V0_2015.into(), 0, &other), None);
    }

    #[test]
    fn many_threads_give_the_same_leaves_in_the_same_order() {
        for profile in [Profile::V0_2015, Profile::V1_2025] {
            for count in [0u8, 1, 2, 7] {
                let chunks: Vec<Bytes> = (0..count).map(|n| vec![n; 10].into()).collect();
                let one_by_one: Vec<_> = chunks.iter().map(|chunk| leaf(&profile.into(), chunk.clone())).collect();
                assert_eq!(leaves(&profile.into(), chunks.clone()), one_by_one);
                let nodes: Vec<_> = one_by_one.iter().map(|(_, node)| *node).collect();
                assert_eq!(leaf_nodes(&profile.into(), &chunks), nodes);
            }
        }
    }
}
