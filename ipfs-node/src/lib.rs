//! The embedded IPFS daemon as a library, so that its parts can be tested one by one; `main.rs` is the box.
//!
//! From the bottom up: [`store`] keeps blocks, [`node`] knows paths and pins, `import` makes blocks of files, [`rpc`]
//! and [`gateway`] speak HTTP, [`server`] accepts connections. [`peer`] gives blocks to
//! other peers and gets theirs.

pub mod cli;
pub mod gateway;
mod import;
#[cfg(feature = "leak")]
pub mod leak;
pub use daemon::memory;
mod mfs;
mod names;
pub mod node;
pub mod peer;
mod provide;
pub mod refusal;
pub mod rpc;
pub mod server;
pub mod standalone;
pub mod store;
mod wait;
