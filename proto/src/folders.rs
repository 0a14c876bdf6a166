//! The folders that all comments are in, and where the comment store keeps their blocks.
//!
//! ```text
//! root/<2 hex>/<2 hex>/<36 hex>/<legacy id>
//! ```
//!
//! `post-worker` writes the blocks, `get-worker` reads those of a topic. To the store itself they are bytes under paths.

use crate::ids::Topic;

/// A folder of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The folder of all topics.
    Root,
    /// That of the topics that begin with this byte.
    First(u8),
    /// That of the topics that begin with these bytes.
    Second([u8; 2]),
    /// That of a topic's comments.
    Topic(Topic),
}

impl Place {
    /// The path in the store of one of its blocks: how deep the folder is, the bytes of the topic that lead to it, and the
    /// digits of the block's place when the folder is split into shards (none for its root).
    #[must_use]
    pub fn path(&self, digits: &[u8]) -> Vec<u8> {
        let (depth, topic): (u8, &[u8]) = match self {
            Self::Root => (0, &[]),
            Self::First(byte) => (1, std::slice::from_ref(byte)),
            Self::Second(bytes) => (2, bytes),
            Self::Topic(topic) => (3, &topic.0),
        };
        [&[depth], topic, digits].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_stored_blocks_are_golden() {
        let rows = [
            (Place::Root, vec![0]),
            (Place::First(0xab), vec![1, 0xab]),
            (Place::Second([1, 2]), vec![2, 1, 2]),
            (Place::Topic(Topic([7; 20])), [&[3][..], &[7; 20]].concat()),
        ];
        for (place, path) in rows {
            assert_eq!(place.path(b""), path);
            assert_eq!(place.path(b"0F"), [&path[..], b"0F"].concat());
        }
    }
}
