//! Our node among peers that nobody here wrote: Kubo, Helia, kubo-rpc-client and IPFS Cluster. Each test is a sentence.
//!
//! `cargo test -p rookery-tests --test peers`. Long ones want `ROOKERY_SOAK=1`.

mod bitswap;
mod cids;
mod cluster;
mod commands;
mod copies;
mod damage;
mod names;
mod network;
mod rpc_client;
mod shaken;

use std::env;

/// Whether there is time for the long runs.
fn is_soak() -> bool {
    env::var_os("ROOKERY_SOAK").is_some()
}

/// Bytes of which no two blocks are the same, and of another seed others.
fn noise(bytes: usize, seed: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}
