//! Where finished blocks go: the one thing a caller brings to an import.
//!
//! Asked by the importers of files and folders.

use crate::{Block, ImportOptions, Node, leaf, leaf_node};
use bytes::Bytes;
use std::convert::Infallible;

/// Takes the blocks of a DAG, children before their parents.
pub trait Sink {
    /// Why a block could not be taken.
    type Error;

    /// Takes one block.
    ///
    /// # Errors
    ///
    /// Whatever the place that keeps blocks says; the import stops there.
    fn put(&mut self, block: Block) -> Result<(), Self::Error>;

    /// Takes one leaf of a file. A sink that keeps no blocks can save building it.
    ///
    /// # Errors
    ///
    /// As [`Sink::put`].
    fn put_leaf(&mut self, options: &ImportOptions, chunk: Bytes) -> Result<Node, Self::Error> {
        let (block, node) = leaf(options, chunk);
        self.put(block)?;
        Ok(node)
    }
}

/// Keeps nothing: for when only the CID is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct HashOnly;

impl Sink for HashOnly {
    type Error = Infallible;

    fn put(&mut self, _: Block) -> Result<(), Infallible> {
        Ok(())
    }

    fn put_leaf(&mut self, options: &ImportOptions, chunk: Bytes) -> Result<Node, Infallible> {
        Ok(leaf_node(options, &chunk))
    }
}

impl Sink for Vec<Block> {
    type Error = Infallible;

    fn put(&mut self, block: Block) -> Result<(), Infallible> {
        self.push(block);
        Ok(())
    }
}

impl<S: Sink> Sink for &mut S {
    type Error = S::Error;

    fn put(&mut self, block: Block) -> Result<(), S::Error> {
        (**self).put(block)
    }

    fn put_leaf(&mut self, options: &ImportOptions, chunk: Bytes) -> Result<Node, S::Error> {
        (**self).put_leaf(options, chunk)
    }
}
