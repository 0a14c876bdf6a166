//! `proto`: the vocabulary that every box shares. Data only: no socket, no file, no clock, no runtime.
//!
//! * [`ids`]: what things are called: topics, comments, sequence numbers, CIDs.
//! * [`record`]: a comment as bytes that stay readable for ever, and what its signature covers.
//! * [`threads`], [`posts`], [`blocks`]: the questions that boxes ask each other, with their replies.
//! * [`folders`]: the folders that all comments are in, and where their blocks are kept.
//! * [`hints`]: what boxes tell whoever listens, and may be lost.
//! * [`uploads`]: the journal of files that were taken in.
//! * [`wiring`]: the boxes, and who may ask and tell whom.
//! * [`bus`]: the envelope a message travels in between two boxes of one host.
//! * [`supervision`]: what a box tells the supervisor, and what the supervisor tells the operator.
//! * [`tap`]: what `supervisor tap` reads from a box.
//! * [`config`]: `rookery.toml`, every section of it.
//! * [`outside`]: reverse proxies and public addresses, as the configuration has them.
//! * [`ipfs_api`]: where a daemon's or a Cluster's HTTP API is, as the configuration has it.
//! * [`peers`]: addresses of IPFS peers and the networks they meet in, as the configuration has them.

pub mod blocks;
pub mod bus;
pub mod config;
pub mod folders;
pub mod hints;
pub mod ids;
pub mod interface;
pub mod ipfs_api;
pub mod outside;
pub mod peers;
pub mod posts;
pub mod record;
pub mod supervision;
pub mod tap;
pub mod threads;
pub mod uploads;
pub mod wiring;

pub use blocks::Blocks;
pub use hints::{Arrived, Hint};
pub use ids::{AnyId, Cid, CommentId, Epoch, LegacyId, RequestId, Seq, Topic};
pub use interface::{Answer, AnsweredBy, Asked, Interface, Message, Question, Retry};
pub use posts::Posts;
pub use record::Record;
pub use threads::Threads;
pub use wiring::{Asks, BoxKind, Hears, Serves, Tells};
