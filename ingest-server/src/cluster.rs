//! What an IPFS Cluster answers to those who send it files, so that a program that was written for one, such as the original
//! ingest server, can have Rookery behind it.
//!
//! Asked over HTTP, if `[ingest-server] cluster_listen` says where. A file takes the way of every upload: the same limits, the
//! same memory, the same journal. It is no Cluster: `/version` and `/add` are all there is (docs/decisions/0009).

mod add;
mod asked;
mod listener;
mod reply;

pub use asked::{Asked, BadQuery};
pub use listener::Cluster;
pub use reply::{Added, Form};
