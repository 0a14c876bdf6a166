//! Peers of ours among themselves and with Kubo, over loopback: connections, the DHT, topics, streams, limits, and junk.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod blocks;
mod connections;
mod dht;
mod junk;
mod kubo;
mod limits;
mod pubsub;
mod relay;
mod rig;
mod streams;
