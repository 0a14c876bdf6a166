//! One file on its way in: bytes become chunks, chunks leaves, and these go to the IPFS daemon in small batches while the next
//! bytes come. The daemon names them, so that nothing is hashed twice; of their names the tree is built here.
//!
//! Asked by an upload. Asks the IPFS daemon to take blocks, and the memory for room. Holds at most eight chunks of 256 KiB,
//! or two of 1 MiB, whatever the file's size: who pushes waits until the daemon has taken what was pushed before.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use proto::{
    Cid,
    blocks::{NameBlocks, NamedCodec, PutBlocks},
};
use tokio::task::JoinSet;
use unixfs::{Block, Chunker, Frame, ImportOptions, Layout, Leaves, Node, cid_raw, leaf_named};

use crate::{
    blocks::{Blocks, Failed, Ipfs},
    memory::{Memory, Space},
};

/// A batch goes out with its last leaf. Two leaves of the default size make a message of half a megabyte.
const BATCH_BYTES: usize = 512 * 1024;
/// So many batches of one file are on their way at a time; one, when a leaf alone fills a batch.
const ON_THE_WAY: usize = 3;

/// A file on its way in. Dropped, it asks for nothing more, and what it has put is garbage.
#[derive(Debug)]
pub struct Intake<B> {
    ipfs: Ipfs<B>,
    memory: Memory,
    options: ImportOptions,
    chunker: Chunker,
    layout: Layout,
    file_bytes: u64,
    /// For the chunk that is being filled.
    space: Option<Space>,
    /// The bytes of that chunk, when they were put away for a while.
    parked: Option<Cid>,
    batch: Batch,
    sent: u64,
    puts: JoinSet<Result<Named, Failed>>,
    /// Leaves whose batch came back before one that was sent earlier.
    early: BTreeMap<u64, Vec<Node>>,
    laid_out: u64,
    /// What was built above the leaves and not put yet.
    nodes: Vec<Block>,
}

#[derive(Debug, Default)]
struct Batch {
    chunks: Vec<Bytes>,
    bytes: usize,
    spaces: Vec<Space>,
}

/// A batch that is with the IPFS daemon: its place in the file, and its leaves.
type Named = (u64, Vec<Node>);

impl<B: Blocks> Intake<B> {
    /// A file without bytes so far.
    pub fn new(ipfs: Ipfs<B>, memory: Memory, options: ImportOptions) -> Self {
        Self {
            ipfs,
            memory,
            options,
            chunker: Chunker::new(options.chunk_bytes),
            layout: Layout::new(options),
            file_bytes: 0,
            space: None,
            parked: None,
            batch: Batch::default(),
            sent: 0,
            puts: JoinSet::new(),
            early: BTreeMap::new(),
            laid_out: 0,
            nodes: Vec::new(),
        }
    }

    /// How much of the file has been pushed.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The most bytes that should be pushed next: those that end the chunk, so that none has to be copied.
    pub fn wanted_bytes(&self) -> usize {
        let chunk_bytes = self.options.chunk_bytes.get();
        let filled = self.file_bytes % chunk_bytes as u64;
        chunk_bytes - usize::try_from(filled).expect("less than a chunk")
    }

    /// Waits until there is room for the bytes that come next. To be called before they are read.
    ///
    /// # Errors
    ///
    /// When blocks that were on their way did not arrive; the file is lost.
    pub async fn make_room(&mut self) -> Result<(), Failed> {
        if self.space.is_none() {
            self.space = Some(self.take_space().await?);
        }
        if let Some(cid) = self.parked.take() {
            self.chunker.push(self.ipfs.get(cid).await?);
            let full = self.chunker.next_chunk();
            debug_assert!(full.is_none(), "what is parked is less than a chunk");
        }
        Ok(())
    }

    async fn take_space(&mut self) -> Result<Space, Failed> {
        if let Some(space) = self.memory.try_take() {
            return Ok(space);
        }
        // What is held here must not wait for others while they wait for it.
        self.send_batch().await?;
        loop {
            tokio::select! {
                Some(put) = self.puts.join_next() => self.arrived(put)?,
                space = self.memory.take() => return Ok(space),
            }
        }
    }

    /// Gives the room back while no bytes come: what there is of a chunk is left with the IPFS daemon, as garbage.
    ///
    /// # Errors
    ///
    /// As [`Intake::make_room`].
    pub async fn park(&mut self) -> Result<(), Failed> {
        if self.space.is_none() {
            return Ok(());
        }
        self.send_batch().await?;
        if let Some(part) = self.chunker.finish() {
            let cid = Cid(cid_raw(&part));
            self.ipfs.put(one_block(cid, part)).await?;
            self.parked = Some(cid);
        }
        self.space = None;
        Ok(())
    }

    /// Whether it holds room that it could give back.
    pub fn holds_room(&self) -> bool {
        self.space.is_some()
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    ///
    /// As [`Intake::make_room`].
    pub async fn push(&mut self, piece: Bytes) -> Result<(), Failed> {
        self.file_bytes += piece.len() as u64;
        self.chunker.push(piece);
        while let Some(chunk) = self.chunker.next_chunk() {
            self.add(chunk).await?;
        }
        Ok(())
    }

    /// Ends the file, and waits until the IPFS daemon has all of it.
    ///
    /// # Errors
    ///
    /// As [`Intake::make_room`].
    pub async fn finish(mut self) -> Result<Node, Failed> {
        self.make_room().await?;
        match self.chunker.finish() {
            Some(last) => self.add(last).await?,
            None if self.file_bytes == 0 => self.add(Bytes::new()).await?,
            None => {}
        }
        self.send_batch().await?;
        while let Some(put) = self.puts.join_next().await {
            self.arrived(put)?;
        }
        let layout = std::mem::replace(&mut self.layout, Layout::new(self.options));
        let Ok(root) = layout.finish(&mut self.nodes);
        self.put_nodes().await?;
        Ok(root)
    }

    async fn add(&mut self, chunk: Bytes) -> Result<(), Failed> {
        self.batch.bytes += chunk.len();
        self.batch.chunks.push(chunk);
        self.batch.spaces.extend(self.space.take());
        if self.batch.bytes >= BATCH_BYTES { self.send_batch().await } else { Ok(()) }
    }

    async fn send_batch(&mut self) -> Result<(), Failed> {
        if self.batch.chunks.is_empty() {
            return Ok(());
        }
        let most = if self.options.chunk_bytes.get() >= BATCH_BYTES { 1 } else { ON_THE_WAY };
        while self.puts.len() >= most
            && let Some(put) = self.puts.join_next().await
        {
            self.arrived(put)?;
        }
        self.put_nodes().await?;
        let Batch { chunks, spaces, .. } = std::mem::take(&mut self.batch);
        let (ipfs, options, place) = (self.ipfs.clone(), self.options, self.sent);
        self.sent += 1;
        self.puts.spawn(async move {
            let named = name(&ipfs, &options, chunks).await;
            drop(spaces);
            named.map(|leaves| (place, leaves))
        });
        Ok(())
    }

    /// Lays out the leaves that came back, as far as those before them have.
    fn arrived(&mut self, put: Result<Result<Named, Failed>, tokio::task::JoinError>) -> Result<(), Failed> {
        // A task of ours neither panics nor is it cancelled while anybody waits for it.
        let (place, leaves) = put.unwrap_or_else(|error| Err(Failed::Refused(error.to_string())))?;
        self.early.insert(place, leaves);
        while let Some(leaves) = self.early.remove(&self.laid_out) {
            self.laid_out += 1;
            for leaf in leaves {
                let Ok(()) = self.layout.push(leaf, &mut self.nodes);
            }
        }
        Ok(())
    }

    /// Puts what stands above the leaves: a block of some kilobytes for every 40 MiB.
    async fn put_nodes(&mut self) -> Result<(), Failed> {
        for node in std::mem::take(&mut self.nodes) {
            self.ipfs.put(one_block(Cid(node.cid), node.bytes)).await?;
        }
        Ok(())
    }
}

/// Has the leaves of some chunks put and named.
async fn name<B: Blocks>(ipfs: &Ipfs<B>, options: &ImportOptions, chunks: Vec<Bytes>) -> Result<Vec<Node>, Failed> {
    let lengths: Vec<usize> = chunks.iter().map(Bytes::len).collect();
    let question = together(options, &chunks);
    // They were copied: only the copy is held while it is on its way.
    drop(chunks);
    let cids = ipfs.name(question).await?;
    if cids.len() != lengths.len() {
        return Err(Failed::Refused(format!("{} blocks got {} names", lengths.len(), cids.len())));
    }
    let leaf = |(cid, length): (Cid, usize)| {
        leaf_named(options, length, &cid.0).ok_or_else(|| Failed::Refused(format!("{cid} is no name by SHA2-256")))
    };
    cids.into_iter().zip(lengths).map(leaf).collect()
}

fn together(options: &ImportOptions, chunks: &[Bytes]) -> NameBlocks {
    let frames: Vec<Frame> = chunks.iter().map(|chunk| Frame::of(options, chunk.len())).collect();
    let leaf_bytes = |(chunk, frame): (&Bytes, &Frame)| frame.head.len() + chunk.len() + frame.tail.len();
    let lengths: Vec<usize> = chunks.iter().zip(&frames).map(leaf_bytes).collect();
    let mut bytes = BytesMut::with_capacity(lengths.iter().sum());
    for (chunk, frame) in chunks.iter().zip(&frames) {
        bytes.extend_from_slice(&frame.head);
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(&frame.tail);
    }
    let codec = match options.leaves {
        Leaves::Raw => NamedCodec::Raw,
        Leaves::DagPb => NamedCodec::DagPb,
    };
    NameBlocks { codec, lengths: lengths.into_iter().map(length).collect(), bytes: bytes.freeze() }
}

fn one_block(cid: Cid, bytes: Bytes) -> PutBlocks {
    PutBlocks { blocks: vec![(cid, length(bytes.len()))], bytes }
}

fn length(block_bytes: usize) -> u32 {
    u32::try_from(block_bytes).expect("a block has at most 2 MiB")
}
