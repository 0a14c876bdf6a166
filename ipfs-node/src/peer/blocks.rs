//! The store as other peers are served from it.
//!
//! Asked by the swarm.

use bytes::Bytes;
use swarm::{BlockStore, StoreFault};
use unixfs::Cid;

use crate::store::Store;

/// What is served.
#[derive(Debug)]
pub(super) struct Served(pub(super) Store);

impl BlockStore for Served {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, StoreFault> {
        self.0.get(cid).map_err(|error| StoreFault(Box::new(error)))
    }

    fn size(&self, cid: &Cid) -> Result<Option<u32>, StoreFault> {
        self.0.size_of(cid).map_err(|error| StoreFault(Box::new(error)))
    }
}
