//! Peers of ours among themselves, over loopback: connections, the DHT, topics, streams, limits.

mod connections;
mod dht;
mod pubsub;
mod rig;
mod streams;
