//! The embedded IPFS daemon as a library, so that its parts can be tested one by one; `main.rs` is the box.

pub mod store;
