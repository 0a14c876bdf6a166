//! One file on its way in: bytes become chunks, chunks leaves, leaves a tree, and the blocks of all of it go to the IPFS
//! daemon in small batches while the next bytes come.
//!
//! Asked by an upload. Asks the IPFS daemon to take blocks, and the memory for room. Holds at most six chunks of 256 KiB,
//! or two of 1 MiB, whatever the file's size: who pushes waits until the daemon has taken what was pushed before.

use bytes::{Bytes, BytesMut};
use proto::{Cid, blocks::PutBlocks};
use tokio::task::JoinSet;
use unixfs::{Block, Chunker, ImportOptions, Layout, Node, cid_raw, leaf};

use crate::{
    blocks::{Blocks, Failed, Ipfs},
    memory::{Memory, Space},
};

/// A batch goes out with its last leaf. Two leaves of the default size make a message of half a megabyte.
const BATCH_BYTES: usize = 512 * 1024;
/// So many batches of one file are on their way at a time; one, when a leaf alone fills a batch.
const ON_THE_WAY: usize = 2;

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
    puts: JoinSet<Result<(), Failed>>,
}

#[derive(Debug, Default)]
struct Batch {
    blocks: Vec<Block>,
    leaves_bytes: usize,
    spaces: Vec<Space>,
}

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
            puts: JoinSet::new(),
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
                Some(put) = self.puts.join_next() => arrived(put)?,
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
        if let Some(last) = self.chunker.finish() {
            self.add(last).await?;
        }
        let layout = std::mem::replace(&mut self.layout, Layout::new(self.options));
        let Ok(root) = layout.finish(&mut self.batch.blocks);
        self.send_batch().await?;
        while let Some(put) = self.puts.join_next().await {
            arrived(put)?;
        }
        Ok(root)
    }

    async fn add(&mut self, chunk: Bytes) -> Result<(), Failed> {
        let (block, node) = leaf(&self.options, chunk);
        self.batch.leaves_bytes += block.bytes.len();
        self.batch.blocks.push(block);
        self.batch.spaces.extend(self.space.take());
        let Ok(()) = self.layout.push(node, &mut self.batch.blocks);
        if self.batch.leaves_bytes >= BATCH_BYTES { self.send_batch().await } else { Ok(()) }
    }

    async fn send_batch(&mut self) -> Result<(), Failed> {
        if self.batch.blocks.is_empty() {
            return Ok(());
        }
        let most = if self.options.chunk_bytes.get() >= BATCH_BYTES { 1 } else { ON_THE_WAY };
        while self.puts.len() >= most
            && let Some(put) = self.puts.join_next().await
        {
            arrived(put)?;
        }
        let Batch { blocks, spaces, .. } = std::mem::take(&mut self.batch);
        let (ipfs, question) = (self.ipfs.clone(), together(blocks));
        self.puts.spawn(async move {
            let put = ipfs.put(question).await;
            drop(spaces);
            put
        });
        Ok(())
    }
}

/// A task of ours neither panics nor is it cancelled while anybody waits for it.
fn arrived(put: Result<Result<(), Failed>, tokio::task::JoinError>) -> Result<(), Failed> {
    put.unwrap_or_else(|error| Err(Failed::Refused(error.to_string())))
}

fn together(blocks: Vec<Block>) -> PutBlocks {
    let mut bytes = BytesMut::with_capacity(blocks.iter().map(|block| block.bytes.len()).sum());
    let mut names = Vec::with_capacity(blocks.len());
    for block in blocks {
        names.push((Cid(block.cid), length(&block.bytes)));
        bytes.extend_from_slice(&block.bytes);
    }
    PutBlocks { blocks: names, bytes: bytes.freeze() }
}

fn one_block(cid: Cid, bytes: Bytes) -> PutBlocks {
    PutBlocks { blocks: vec![(cid, length(&bytes))], bytes }
}

fn length(block: &Bytes) -> u32 {
    u32::try_from(block.len()).expect("a block has at most 2 MiB")
}
