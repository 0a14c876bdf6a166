//! Streams of any protocol between peers, for what is carried over them (mounted ports, pings on demand).
//!
//! The library's own behaviour for this drops an inbound stream that nobody takes at once. Here it waits until it is
//! taken: the queue of a protocol is bounded, and a connection whose streams wait stops handing over more.
//!
//! [`Behaviour`] belongs to the swarm, one [`handler::Handler`] to each connection; [`Desk`] is what they share.

mod behaviour;
mod desk;
mod handler;
mod stream;

pub(crate) use behaviour::Behaviour;
pub(crate) use desk::Desk;
pub use stream::{Incoming, Stream};

use std::io;

/// Why a stream was not opened.
#[derive(Debug)]
pub(crate) enum Refusal {
    NotConnected,
    Unsupported,
    Broken(io::Error),
}
