//! The parts of `ingest-server`, for its program, its client and its tests.

pub mod wire;
