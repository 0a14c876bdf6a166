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
