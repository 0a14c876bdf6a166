//! The bodies of long answers, read block by block on a thread of their own while the client takes them.
//!
//! Asked by the gateway. Asks the node for blocks.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use gateway::web::Listing;
use unixfs::{Cid, DirReader, FileReader};

use crate::{node::Node, refusal::Refusal, rpc::tar};

/// As much is put together before it is sent.
const PIECE_BYTES: usize = 64 << 10;

/// Takes pieces in order.
pub(super) struct Out<F> {
    pending: BytesMut,
    send: F,
}

impl<F: FnMut(Bytes) -> Result<(), Refusal>> Out<F> {
    pub(super) fn to(send: F) -> Self {
        Self { pending: BytesMut::new(), send }
    }

    fn put(&mut self, piece: &Bytes) -> Result<(), Refusal> {
        if self.pending.is_empty() && piece.len() >= PIECE_BYTES {
            return (self.send)(piece.clone());
        }
        self.pending.extend_from_slice(piece);
        if self.pending.len() < PIECE_BYTES { Ok(()) } else { self.end() }
    }

    /// Sends what is pending.
    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        if self.pending.is_empty() {
            return Ok(());
        }
        (self.send)(self.pending.split().freeze())
    }

    /// The bytes of a file.
    pub(super) fn file(&mut self, node: &Node, reader: &mut FileReader) -> Result<(), Refusal> {
        while let Some(piece) = node.next_of(reader)? {
            self.put(&piece)?;
        }
        self.end()
    }

    /// The page that lists a folder.
    pub(super) fn listing(&mut self, node: &Node, list: &Listing, reader: &mut DirReader) -> Result<(), Refusal> {
        self.put(&list.head())?;
        while let Some(entry) = node.next_of(reader)? {
            self.put(&list.row(&entry))?;
        }
        self.put(&list.end())?;
        self.end()
    }

    /// The archive of a file or folder, under the name that its CID is.
    pub(super) fn tar(&mut self, node: &Node, root: Cid) -> Result<(), Refusal> {
        tar(node, &root.to_string(), root, &mut Writer(self))?;
        self.end()
    }
}

struct Writer<'o, F>(&'o mut Out<F>);

impl<F: FnMut(Bytes) -> Result<(), Refusal>> Write for Writer<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.put(&Bytes::copy_from_slice(bytes)).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
