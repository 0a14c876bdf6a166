//! What the fixtures of IPIP-499 are made of: Kubo's deterministic bytes and names, made anew.
//!
//! The bytes are the ChaCha20 key stream (zero nonce) under the SHA-256 of the seed; a name takes the next
//! bytes of that stream, each reduced to one of 39 letters. Recipe: `test/cli/testutils/random_deterministic.go`
//! and `createDeterministicFiles` in Kubo.
#![allow(dead_code, reason = "each test binary uses its own part")]

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use unixfs::{Block, Cid, Entry, ImportOptions, Node, ReadError, Reader, Step, leaf};

/// An endless stream of deterministic bytes.
pub(crate) struct Stream(ChaCha20Rng);

impl Stream {
    pub(crate) fn of(seed: &str) -> Self {
        Self(ChaCha20Rng::from_seed(Sha256::digest(seed).into()))
    }

    /// The next bytes; ask for whole words (8 bytes) if more are to follow.
    pub(crate) fn take(&mut self, bytes: usize) -> Bytes {
        let mut taken = vec![0; bytes];
        self.0.fill_bytes(&mut taken);
        taken.into()
    }
}

/// Names of `name_bytes` letters, the last one of `last_bytes`.
pub(crate) fn names(seed: &str, count: usize, name_bytes: usize, last_bytes: usize) -> Vec<String> {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz01234567890-_";
    let stream = Stream::of(seed).take(1 << 20);
    let letters: Vec<char> = stream.iter().map(|byte| LETTERS[usize::from(*byte) % LETTERS.len()].into()).collect();
    let len = |n: usize| if n + 1 == count { last_bytes } else { name_bytes };
    (0..count).map(|n| letters[n * name_bytes..n * name_bytes + len(n)].iter().collect()).collect()
}

/// The file of `content`, small enough for one leaf.
pub(crate) fn small_file(options: &ImportOptions, content: &'static str) -> Node {
    leaf(options, Bytes::from_static(content.as_bytes())).1
}

/// An entry for each name, all of them the same small file.
pub(crate) fn entries(options: &ImportOptions, names: &[String], content: &'static str) -> Vec<Entry> {
    let node = small_file(options, content);
    names.iter().map(|name| Entry::new(name.clone(), node)).collect()
}

/// Blocks by name.
pub(crate) fn by_name(blocks: Vec<Block>) -> HashMap<Cid, Bytes> {
    blocks.into_iter().map(|block| (block.cid, block.bytes)).collect()
}

/// Runs a reader over blocks in memory. `ahead` blocks are asked for in advance and supplied last one first;
/// also gives the names of all blocks that were asked for.
pub(crate) fn drive<R: Reader>(
    mut reader: R,
    blocks: &HashMap<Cid, Bytes>,
    ahead: usize,
) -> Result<(Vec<R::Out>, Vec<Cid>), ReadError> {
    let (mut out, mut asked) = (Vec::new(), Vec::new());
    loop {
        match reader.step()? {
            Step::Give(given) => out.push(given),
            Step::Done => return Ok((out, asked)),
            Step::Need(cid) => {
                let wanted = reader.wanted(ahead.max(1));
                assert_eq!(wanted.first(), Some(&cid), "what is needed is wanted first");
                for cid in wanted.iter().rev() {
                    asked.push(*cid);
                    reader.supply(cid, blocks[cid].clone())?;
                }
            }
        }
    }
}
