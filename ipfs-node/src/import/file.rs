//! One file: cut into chunks here, hashed and stored on the hashing threads, laid out here in order.
//!
//! Asked by `add` and `files/write`. Holds at most [`WINDOW_BYTES`] of chunks.

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, sync_channel},
};

use bytes::Bytes;
use unixfs::{Chunker, ImportOptions, Layout, Node};

use super::{Hashers, Keep};
use crate::store::StoreError;

/// Chunks on their way through the hashing threads.
const WINDOW_BYTES: usize = 8 << 20;
/// Smaller ones are hashed here: handing them over costs more.
const ALONE_BYTES: usize = 32 << 10;

/// A file being imported.
#[derive(Debug)]
pub(crate) struct FileImport {
    options: ImportOptions,
    keep: Keep,
    hashers: Hashers,
    chunker: Chunker,
    layout: Layout,
    on_the_way: VecDeque<Leaf>,
    on_the_way_bytes: usize,
}

#[derive(Debug)]
enum Leaf {
    Hashed(Node),
    Coming(Receiver<Result<Node, StoreError>>, usize),
}

impl FileImport {
    /// A file without bytes so far.
    pub(crate) fn new(options: ImportOptions, keep: Keep, hashers: Hashers) -> Self {
        Self {
            options,
            keep,
            hashers,
            chunker: Chunker::new(options.chunk_bytes),
            layout: Layout::new(options),
            on_the_way: VecDeque::new(),
            on_the_way_bytes: 0,
        }
    }

    /// Adds the next bytes; waits while too much is on its way.
    pub(crate) fn push(&mut self, piece: Bytes) -> Result<(), StoreError> {
        self.chunker.push(piece);
        while let Some(chunk) = self.chunker.next_chunk() {
            self.hand_over(chunk)?;
        }
        Ok(())
    }

    /// Ends the file: its root.
    pub(crate) fn finish(mut self) -> Result<Node, StoreError> {
        if let Some(last) = self.chunker.finish() {
            self.hand_over(last)?;
        }
        while !self.on_the_way.is_empty() {
            self.take_back()?;
        }
        self.layout.finish(&mut self.keep)
    }

    fn hand_over(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        let chunk_bytes = chunk.len();
        if chunk_bytes < ALONE_BYTES {
            let node = self.keep.leaf(&self.options, chunk)?;
            self.on_the_way.push_back(Leaf::Hashed(node));
        } else {
            let (answer, coming) = sync_channel(1);
            let (keep, options) = (self.keep.clone(), self.options);
            // Who asked may have given up; then nobody wants the answer.
            self.hashers.run(move || _ = answer.send(keep.leaf(&options, chunk)));
            self.on_the_way.push_back(Leaf::Coming(coming, chunk_bytes));
            self.on_the_way_bytes += chunk_bytes;
        }
        while self.on_the_way_bytes > WINDOW_BYTES || matches!(self.on_the_way.front(), Some(Leaf::Hashed(_))) {
            self.take_back()?;
        }
        Ok(())
    }

    /// Lays out the leaf that is next in the file.
    fn take_back(&mut self) -> Result<(), StoreError> {
        let node = match self.on_the_way.pop_front() {
            None => return Ok(()),
            Some(Leaf::Hashed(node)) => node,
            Some(Leaf::Coming(coming, bytes)) => {
                self.on_the_way_bytes -= bytes;
                coming.recv().expect("a hashing thread answers every job")?
            }
        };
        self.layout.push(node, &mut self.keep)
    }
}
