//! `daemon`: the skeleton that every box shares. It names no box and no interface.
//!
//! A library that a box calls, not a framework that calls the box. Read [`boot`] first, then [`running`]: what a box
//! declares, and what it may then open. [`bus`] is the only place in Rookery that knows ZeroMQ.

mod args;
pub mod board;
pub mod boot;
pub mod bus;
pub mod config;
pub mod confine;
pub mod context;
pub mod crowd;
pub mod failure;
mod inherited;
pub mod listen;
pub mod lock;
pub mod log;
mod measure;
pub mod memory;
pub mod pulse;
pub mod running;
pub mod seldom;
mod stack;
pub mod stop;
pub mod tap;

pub use boot::{Boot, main};
pub use failure::{Failure, OrFail};
pub use running::Running;

/// A fresh id for a visitor's request.
#[must_use]
pub fn request_id() -> proto::RequestId {
    proto::RequestId(rand::random())
}
