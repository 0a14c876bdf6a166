//! Serving: the driver's part that looks up and reads blocks for others, on threads that may block.

use bitswap::{Delivery, Job, Ticket};
use cid::Cid;

use super::{
    driver::{Driver, Input},
    writing::Kind,
};
use crate::store::StoreFault;

/// The most jobs on threads that may block.
const MAX_JOBS: usize = 16;

impl Driver {
    /// Does what can be done for others.
    pub(super) fn serve(&mut self) {
        while self.jobs < MAX_JOBS
            && let Some(job) = self.server.job()
        {
            match job {
                Job::Look { ticket, cids } => self.look(ticket, cids),
                Job::Read { ticket, cids } => self.read(ticket, cids),
                Job::Send { ticket, peer, message } => {
                    let way = self.peers.way_to_reply(peer);
                    if !way.is_some_and(|way| way.tell(message, Kind::Reply(ticket))) {
                        self.server.sent(ticket, Delivery::Failed);
                    }
                }
            }
        }
    }

    fn look(&mut self, ticket: Ticket, cids: Vec<Cid>) {
        self.jobs += 1;
        let (store, inputs) = (self.ways.store.clone(), self.ways.inputs.clone());
        tokio::task::spawn_blocking(move || {
            let sizes = cids.iter().map(|cid| or_none(cid, store.size(cid))).collect();
            let _ = inputs.blocking_send(Input::Looked(ticket, sizes));
        });
    }

    fn read(&mut self, ticket: Ticket, cids: Vec<Cid>) {
        self.jobs += 1;
        let (store, inputs) = (self.ways.store.clone(), self.ways.inputs.clone());
        tokio::task::spawn_blocking(move || {
            let blocks = cids.iter().map(|cid| or_none(cid, store.get(cid))).collect();
            let _ = inputs.blocking_send(Input::Loaded(ticket, blocks));
        });
    }
}

/// For others, what cannot be read is not there.
fn or_none<T>(cid: &Cid, read: Result<Option<T>, StoreFault>) -> Option<T> {
    read.unwrap_or_else(|error| {
        tracing::warn!(%cid, error = &error as &dyn std::error::Error, "block for a peer was not read");
        None
    })
}
