//! The bus: how boxes of one host ask each other. The only place in Rookery that knows ZeroMQ.
//!
//! One shape: the instance that answers binds a ROUTER on an endpoint of its own, each asker holds one DEALER per
//! instance. From the outside: [`serve`] answers, [`Asker`] asks. Inside, from the top to the bottom:
//!
//! * asking: `asker` (one question until its answer) → `pool` (which instance?) and `window` (how much?) → `links` and
//!   `lookout` (find instances, connect, connect again) → `conversation` (one connection).
//! * answering: `answering` (the loop) → `askers` (who asks) and `endpoint` (the socket's file and its lock).
//! * below both: `binding` (what is needed of a ZeroMQ library) and `zmq` (the one that is used).

mod answering;
mod asker;
mod askers;
mod binding;
mod conversation;
mod endpoint;
mod error;
mod links;
mod lookout;
mod pool;
#[cfg(test)]
mod tests;
mod traffic;
mod window;
mod zmq;

pub use answering::serve;
pub use asker::{Asker, DEADLINE};
pub use error::AskError;
pub use traffic::Traffic;
