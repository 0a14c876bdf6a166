//! The embedded IPFS daemon as a library, so that its parts can be tested one by one; `main.rs` is the box.
//!
//! From the bottom up: [`store`] keeps blocks, [`node`] knows paths and pins, `import` makes blocks of files, [`rpc`]
//! and [`gateway`] speak HTTP, [`server`] accepts connections. The peer side (Bitswap, DHT) will stand beside `rpc`
//! and ask `node` as it does.

pub mod gateway;
mod import;
#[cfg(feature = "leak")]
pub mod leak;
pub mod memory;
mod mfs;
pub mod node;
pub mod refusal;
pub mod rpc;
pub mod server;
pub mod store;
mod wait;
