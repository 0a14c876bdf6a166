//! Blocks in both directions: the store as other peers are served from it, and a session as readers are served by it.
//!
//! Asked by the swarm and by [`crate::node`].

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use swarm::{BlockStore, FetchError, Fetcher, Session, StoreFault};
use unixfs::Cid;

use crate::{
    node::{FetchFault, Fetched, Source},
    store::Store,
};

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

/// A session with peers. It begins with the first block that is asked for: who has that one is asked first for the rest.
pub(super) struct PeerSource {
    fetcher: Fetcher,
    session: OnceLock<Arc<Session>>,
}

impl PeerSource {
    pub(super) fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, session: OnceLock::new() }
    }

    fn session(&self, first: &Cid) -> Arc<Session> {
        Arc::clone(self.session.get_or_init(|| Arc::new(self.fetcher.session(Some(*first)))))
    }
}

fn fault(error: &FetchError) -> FetchFault {
    match error {
        FetchError::NotFound(_) => FetchFault::NotNow(error.to_string()),
        FetchError::Unverifiable(_) | FetchError::Stopped => FetchFault::Never(error.to_string()),
    }
}

impl Source for PeerSource {
    fn get(&self, cid: &Cid) -> Fetched {
        let (session, cid) = (self.session(cid), *cid);
        Box::pin(async move { session.get(cid).await.map_err(|error| fault(&error)) })
    }

    fn ahead(&self, cids: Vec<Cid>) {
        if let Some(first) = cids.first() {
            self.session(first).ahead(cids);
        }
    }
}
