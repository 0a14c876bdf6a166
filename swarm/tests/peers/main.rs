//! Peers of ours among themselves and with Kubo, over loopback: connections, the DHT, topics, streams, limits, and junk.

mod blocks;
mod connections;
mod dht;
mod junk;
mod kubo;
mod limits;
mod pubsub;
mod rig;
mod streams;
