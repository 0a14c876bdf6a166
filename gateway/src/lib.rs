//! The trustless gateway of IPFS as a state machine: a request becomes an [`Ask`], an [`Exchange`] asks for blocks by CID
//! until it knows the answer, and a [`Walk`] names the blocks of an archive in their order.
//!
//! A library of layer 2: asked by `http-front` and `ipfs-node`, which own the sockets and know where blocks are; asks
//! `unixfs`. It is sans I/O: no socket, file, clock or runtime. What it answers is what Kubo answers to the same request,
//! but for what a test lists with its reasons.
//!
//! ```
//! # use gateway::{Answer, Ask, Exchange, Next};
//! # use http::{HeaderMap, Method, StatusCode};
//! # use unixfs::{ImportOptions, Profile, leaf};
//! # let block = leaf(&Profile::V1_2025.into(), "hello".into()).0;
//! let uri = format!("/ipfs/{}?format=raw", block.cid).parse().unwrap();
//! let ask = Ask::read(&Method::GET, &uri, &HeaderMap::new())?;
//! let mut exchange = Exchange::new(ask);
//! let answer = loop {
//!     match exchange.step()? {
//!         Next::Need(cid) if cid == block.cid => exchange.supply(&cid, block.bytes.clone())?,
//!         Next::Need(_) => exchange.missing()?,
//!         Next::Answer(answer) => break answer,
//!     }
//! };
//! let Answer::Whole(answer) = answer else { panic!("a block is answered whole") };
//! assert_eq!((answer.status(), &answer.body()[..]), (StatusCode::OK, &b"hello"[..]));
//! # Ok::<(), gateway::Refusal>(())
//! ```

mod ask;
mod car;
mod conditions;
mod exchange;
mod format;
mod frames;
mod headers;
mod path;
mod range;
mod refusal;
mod walk;
pub mod web;

pub use ask::{Ask, Format};
pub use car::{CarParams, Dups, EntityBytes, Order, Scope};
pub use exchange::{Answer, Exchange, Next};
pub use frames::Frames;
pub use path::ContentPath;
pub use refusal::Refusal;
pub use walk::{Walk, WalkError};
