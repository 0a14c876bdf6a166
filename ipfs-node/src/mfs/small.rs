//! A small new file as Kubo writes it into its folder: always a root over leaves of the old kind `Raw`.
//!
//! Asked by `write`. Kubo appends to files in buffers of about 2 MiB whose sizes depend on the network, so only what
//! fits in one buffer has a CID that can be foretold; longer files are laid out as `add` lays them out.

use bytes::Bytes;
use unixfs::{
    Block, ImportOptions, Kind, Leaves, Link, UnixFs, cid_dag_pb,
    dag_pb::{PbLink, PbNode},
};

use super::Place;
use crate::{
    import::FileImport,
    refusal::Refusal,
    store::{Session, StoreError},
};

/// Kubo's buffer.
const BUFFER_BYTES: usize = 2 << 20;

/// Collects the first bytes, to see whether there are more.
#[derive(Debug)]
pub(super) struct SmallFile {
    bytes: Vec<u8>,
    /// Whether the file is still one that Kubo would write in this way.
    is_open: bool,
}

impl SmallFile {
    /// For a write; files that were there before, and raw leaves, are laid out as ever.
    pub(super) fn of(place: &Place, options: &ImportOptions, is_new: bool) -> Self {
        Self { bytes: Vec::new(), is_open: is_new && place.offset == 0 && options.leaves == Leaves::DagPb }
    }

    /// Takes the next bytes, or hands all of them on.
    pub(super) fn push(&mut self, piece: Bytes, file: &mut FileImport) -> Result<(), StoreError> {
        if self.is_open && self.bytes.len() + piece.len() <= BUFFER_BYTES {
            self.bytes.extend_from_slice(&piece);
            return Ok(());
        }
        self.is_open = false;
        if !self.bytes.is_empty() {
            file.push(std::mem::take(&mut self.bytes).into())?;
        }
        file.push(piece)
    }

    /// Ends the file.
    pub(super) fn finish(self, options: &ImportOptions, file: FileImport, session: &Session) -> Result<Link, Refusal> {
        if !self.is_open || self.bytes.is_empty() {
            return Ok(file.finish()?.into());
        }
        let mut root = UnixFs { file_bytes: Some(self.bytes.len() as u64), ..UnixFs::new(Kind::File) };
        let mut links = Vec::new();
        for chunk in self.bytes.chunks(options.chunk_bytes.get()) {
            let leaf = UnixFs {
                content: Some(Bytes::copy_from_slice(chunk)),
                file_bytes: Some(chunk.len() as u64),
                ..UnixFs::new(Kind::Raw)
            };
            root.block_bytes.push(chunk.len() as u64);
            links.push(PbLink::nameless(put(options, session, Vec::new(), &leaf)?));
        }
        put(options, session, links, &root)
    }
}

fn put(options: &ImportOptions, session: &Session, links: Vec<PbLink>, content: &UnixFs) -> Result<Link, Refusal> {
    let node = PbNode { links, content: Some(content.encode().into()) };
    let bytes = Bytes::from(node.encode());
    let cid = cid_dag_pb(options.cid_version, &bytes);
    let tsize = node.tsize(bytes.len());
    session.put(&Block { cid, bytes })?;
    Ok(Link { cid, tsize })
}
