//! The bus: how boxes of one host ask and tell each other. The only place in Rookery that knows ZeroMQ.
//!
//! One shape: the instance that answers binds a ROUTER on an endpoint of its own, each asker holds one DEALER per
//! instance. Beside it, for hints that may be lost: the instance that tells binds a PUB, each listener holds one SUB per
//! instance. From the outside: [`serve`] answers, [`Asker`] asks, [`Teller`] tells, [`Listener`] hears. Inside, from the
//! top to the bottom:
//!
//! * asking: `asker` (one question until its answer) → `pool` (which instance?) and `window` (how much?) → `links` and
//!   `lookout` (find instances, connect, connect again) → `conversation` (one connection).
//! * answering: `answering` (the loop) → `askers` (who asks) and `endpoint` (the socket's file and its lock).
//! * hints: `teller` (the queue and the socket, and who is cut) and `listener` (one queue for all instances).
//! * below all: `binding` (what is needed of a ZeroMQ library) and `zmq` (the one that is used).

mod answering;
mod asker;
mod askers;
mod binding;
mod conversation;
mod endpoint;
mod error;
mod links;
mod listener;
mod lookout;
mod pool;
mod teller;
#[cfg(test)]
mod tests;
mod traffic;
mod window;
mod zmq;

pub use answering::serve;
pub use asker::{Asker, DEADLINE};
pub use error::AskError;
pub use listener::{Heard, Listener};
pub use teller::Teller;
pub use traffic::Traffic;
