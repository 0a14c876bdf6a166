//! Blocks from and for others: Bitswap's streams, the loop that drives its state machines, and sessions.
//!
//! - [`Behaviour`] and its handler know the connections. Each stream that a peer opens is read by a task of its own,
//!   which hands whole, checked messages to the driver and waits while the driver is busy: nothing is ever dropped.
//! - The [driver](Driver) is a task that owns both state machines of crate `bitswap`. It never waits for a peer, a disk
//!   or a reader: each peer has a task that writes to it, blocks are read on threads that may block, sessions hold what
//!   nobody has fetched yet.
//! - [`Fetcher`] and [`Session`] are what the node asks for blocks.

mod behaviour;
mod budget;
mod control;
mod driver;
mod gateway;
mod handler;
mod peers;
mod reading;
mod room;
mod search;
mod secure;
mod serving;
mod session;
mod writing;

use std::sync::Arc;

use bitswap::{ClientLimits, Gateways, ServerLimits};
use tokio::sync::mpsc;

use crate::store::BlockStore;

pub(crate) use behaviour::Behaviour;
use budget::Budget;
pub(crate) use control::Control;
pub use control::{Exchanged, Tally};
pub(crate) use driver::Driver;
pub(crate) use search::Search;
pub use session::{FetchError, Fetcher, Session};

/// What waits for the driver: messages that were read, letters that were written, blocks that were loaded.
const INPUTS: usize = 256;
/// Orders that wait for the behaviour.
const ORDERS: usize = 256;
/// Searches that wait for the host.
const SEARCHES: usize = 64;
/// A connection's part of what is being read.
const READING_PER_CONNECTION: usize = bitswap::message::MAX_MESSAGE_BYTES;

/// The parts of the exchange, each for another owner.
pub(crate) struct Parts {
    /// For the swarm.
    pub(crate) behaviour: Behaviour,
    /// To be run.
    pub(crate) driver: Driver,
    /// For the handle.
    pub(crate) fetcher: Fetcher,
    /// For the handle.
    pub(crate) control: Control,
    /// For the host: who has this?
    pub(crate) searches: mpsc::Receiver<Search>,
}

/// Makes the exchange. `memory_bytes` bounds blocks on their way: a quarter each for what is read of peers and what is
/// written to them, half for what sessions hold.
pub(crate) fn make(gateways: &[String], memory_bytes: usize, store: Arc<dyn BlockStore>) -> Parts {
    let quarter = (memory_bytes / 4).max(READING_PER_CONNECTION);
    let (inputs, inbox) = mpsc::channel(INPUTS);
    let (orders, ordered) = mpsc::channel(ORDERS);
    let (searching, searches) = mpsc::channel(SEARCHES);
    let (behaviour, changes) = Behaviour::new(ordered, inputs.clone(), Arc::new(Budget::new(quarter)));
    let (fetcher, requests) = session::open();
    let usable = gateway::usable(gateways);
    let client = ClientLimits {
        gateways: if usable.is_empty() { Gateways::None } else { Gateways::Configured },
        held_bytes: quarter as u64 * 3 / 2,
        held_in_all_bytes: 2 * quarter as u64,
        ..ClientLimits::default()
    };
    let server = ServerLimits { in_flight_bytes: quarter, ..ServerLimits::default() };
    let ways = driver::Ways { inputs: inputs.clone(), orders, searching, store, gateways: usable };
    let driver = Driver::new(client, server, ways, driver::Sources { inbox, changes, requests });
    Parts { behaviour, driver, fetcher, control: Control::new(inputs), searches }
}

#[cfg(test)]
mod tests;
