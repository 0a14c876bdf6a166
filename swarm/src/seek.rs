//! Finds who has a block that no connected peer has: providers of the DHT, who are connected to. Then the exchange asks
//! them.
//!
//! A task beside the host, so that a search is nobody's wait. It holds the handle only while it searches: it does not keep
//! the peer alive.

use std::time::Duration;

use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use crate::{
    exchange::Search,
    handle::{Swarm, WeakSwarm},
};

/// Searches at once. Blocks of one file have the same providers: one search finds those of all.
const SEARCHES: usize = 8;
/// Providers that are connected to for one block.
const PROVIDERS: usize = 10;
/// So long a search may take, connecting included.
const WAIT: Duration = Duration::from_secs(60);

/// Searches until the exchange has ended, or the peer.
pub(crate) async fn run(mut searches: mpsc::Receiver<Search>, swarm: WeakSwarm) {
    let mut running = JoinSet::new();
    while let Some(search) = searches.recv().await {
        let Some(swarm) = swarm.upgrade() else { return };
        while running.len() >= SEARCHES {
            running.join_next().await;
        }
        running.spawn(async move {
            let _ = timeout(WAIT, connect_to_providers(&swarm, &search)).await;
            let _ = search.done.send(());
        });
        while running.try_join_next().is_some() {}
    }
}

async fn connect_to_providers(swarm: &Swarm, search: &Search) {
    let Ok(mut found) = swarm.find_providers(&search.cid, PROVIDERS).await else { return };
    let mut dials = JoinSet::new();
    while let Some(provider) = found.recv().await {
        if provider.id == swarm.peer_id() {
            continue;
        }
        let swarm = swarm.clone();
        dials.spawn(async move {
            let tried = swarm.connect_peer(provider.id, provider.addresses).await;
            tracing::debug!(provider = %provider.id, ok = tried.is_ok(), "provider connected to");
        });
    }
    while dials.join_next().await.is_some() {}
}
