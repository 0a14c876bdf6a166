//! Where the blocks of an import go: into the store, or nowhere when only the CID is wanted.
//!
//! Asked by imports.

use std::sync::Arc;

use bytes::Bytes;
use unixfs::{Block, ImportOptions, Node, Sink, leaf, leaf_node};

use crate::store::{RootChange, Session, StoreError};

/// Where blocks go.
#[derive(Debug, Clone)]
pub(crate) enum Keep {
    /// Into the store.
    Store(Arc<Session>),
    /// Nowhere: `only-hash`.
    Nothing,
}

impl Keep {
    /// Hashes a leaf and keeps it.
    pub(crate) fn leaf(&self, options: &ImportOptions, chunk: Bytes) -> Result<Node, StoreError> {
        match self {
            Self::Store(session) => {
                let (block, node) = leaf(options, chunk);
                session.put(&block)?;
                Ok(node)
            }
            Self::Nothing => Ok(leaf_node(options, &chunk)),
        }
    }

    /// Makes everything so far durable, with these changes of roots.
    pub(crate) fn commit(&self, roots: impl IntoIterator<Item = RootChange>) -> Result<(), StoreError> {
        match self {
            Self::Store(session) => session.commit(roots),
            Self::Nothing => Ok(()),
        }
    }
}

impl Sink for Keep {
    type Error = StoreError;

    fn put(&mut self, block: Block) -> Result<(), StoreError> {
        match self {
            Self::Store(session) => session.put(&block).map(|_| ()),
            Self::Nothing => Ok(()),
        }
    }

    fn put_leaf(&mut self, options: &ImportOptions, chunk: Bytes) -> Result<Node, StoreError> {
        self.leaf(options, chunk)
    }
}
