//! The parts of `ingest-server`, for its program, its client and its tests.

pub mod blocks;
pub mod cluster;
pub mod connection;
pub mod door;
pub mod download;
pub mod intake;
pub mod journal;
pub mod measures;
pub mod memory;
mod parking;
pub mod patience;
pub mod quota;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod upload;
pub mod wire;
