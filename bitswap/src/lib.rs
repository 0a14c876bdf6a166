//! Bitswap as state machines: what blocks we want of whom, and what others want of us.
//!
//! A library of layer 2: asked by `swarm`, asks `unixfs` for varints and protobuf. It is sans I/O: no socket, no
//! runtime, no clock. Events go in, actions come out, and every time is told.
//!
//! - [`message`]: what goes over the wire, of the versions 1.0.0 to 1.2.0.
//! - [`Client`]: what we want. Sessions, whom to ask, how many at once, when to ask somebody else.
//! - [`Server`]: what others want. Ledgers, wantlists of bounded length, replies of bounded size, fair between peers.

mod client;
pub mod message;
mod moment;
mod protocol;
mod server;

pub use client::{Action, Client, ClientStats, Failure, Gateways, Limits as ClientLimits, SessionId, Urgency};
pub use message::{Block, DecodeError, Entry, Message, Presence, WantKind, Wantlist};
pub use moment::Moment;
pub use protocol::Protocol;
pub use server::{Delivery, Job, Ledger, Limits as ServerLimits, Server, Ticket};

/// A peer, as the one who drives these state machines numbers it. The same peer has the same number when it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey(pub u64);
