//! The parts of `ipfs-shim`, for its program and its tests.

pub mod absence;
pub mod blocks;
pub mod copies;
pub mod daemon_of;
pub mod kubo;
pub mod metrics;
pub mod publish;
