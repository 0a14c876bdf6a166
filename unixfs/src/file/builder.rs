//! A file on one thread: chunker, leaves and layout joined.

use super::{Chunker, Layout};
use crate::{ImportOptions, Node, Sink};
use bytes::Bytes;

/// Turns a stream of bytes into the DAG of a file, block by block, on the thread that calls it.
#[derive(Debug)]
pub struct FileBuilder<S> {
    options: ImportOptions,
    chunker: Chunker,
    layout: Layout,
    sink: S,
}

impl<S: Sink> FileBuilder<S> {
    /// A file without bytes so far; its blocks go to `sink`.
    #[must_use]
    pub fn new(options: ImportOptions, sink: S) -> Self {
        Self { options, chunker: Chunker::new(options.chunk_bytes), layout: Layout::new(options), sink }
    }

    /// Adds the next bytes. Pieces of a whole number of chunks are not copied when leaves are raw.
    ///
    /// # Errors
    ///
    /// Only those of the sink; drop the builder then.
    pub fn push(&mut self, piece: Bytes) -> Result<(), S::Error> {
        self.chunker.push(piece);
        while let Some(chunk) = self.chunker.next_chunk() {
            self.add(chunk)?;
        }
        Ok(())
    }

    /// Ends the file: its root.
    ///
    /// # Errors
    ///
    /// Only those of the sink.
    pub fn finish(mut self) -> Result<Node, S::Error> {
        if let Some(last) = self.chunker.finish() {
            self.add(last)?;
        }
        self.layout.finish(&mut self.sink)
    }

    fn add(&mut self, chunk: Bytes) -> Result<(), S::Error> {
        let node = self.sink.put_leaf(&self.options, chunk)?;
        self.layout.push(node, &mut self.sink)
    }
}
