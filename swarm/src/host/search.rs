//! Searches in the DHTs: each belongs to somebody who waits for it, ends by itself within a minute, and is ended early
//! when nobody waits any more.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use libp2p::{
    PeerId,
    kad::{
        self, GetClosestPeersError, GetProvidersOk, GetRecordOk, InboundRequest, PeerInfo, QueryId, QueryResult,
        QueryStats, Quorum, Record, RecordKey, store::RecordStore as _,
    },
};
use tokio::sync::{mpsc, oneshot};

use super::Host;
use crate::{
    behaviour::CLOSEST,
    dht::{self, Net},
    errors::DhtError,
    views::Provider,
};

/// So many copies of a record are compared before the best is taken.
const COPIES: usize = 16;

/// The searches that run. Their number is bounded by that of the commands that wait for them.
#[derive(Debug, Default)]
pub(super) struct Searches(HashMap<(Net, QueryId), Search>);

#[derive(Debug)]
enum Search {
    Providers(Hunt),
    Announce(oneshot::Sender<Result<usize, DhtError>>),
    Closest(oneshot::Sender<Vec<Provider>>),
    Record { key: Vec<u8>, best: Option<Vec<u8>>, copies: usize, reply: oneshot::Sender<Option<Vec<u8>>> },
}

impl Search {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Providers(hunt) => hunt.found.is_closed(),
            // What is to be announced is announced to the end.
            Self::Announce(_) => false,
            Self::Closest(reply) => reply.is_closed(),
            Self::Record { reply, .. } => reply.is_closed(),
        }
    }
}

/// A search for providers, in one network or in two at once.
#[derive(Debug, Clone)]
pub(crate) struct Hunt {
    found: mpsc::Sender<Provider>,
    seen: Arc<Mutex<HashSet<PeerId>>>,
    count: usize,
}

impl Hunt {
    /// A search that ends when so many were found. Its queue has room for all of them.
    pub(crate) fn new(count: usize) -> (Self, mpsc::Receiver<Provider>) {
        let (found, receiver) = mpsc::channel(count);
        (Self { found, seen: Arc::default(), count }, receiver)
    }

    /// Hands over one that was not seen before; says whether that is enough.
    fn tell(&self, provider: Provider) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < self.count && seen.insert(provider.id) {
            let _ = self.found.try_send(provider);
        }
        seen.len() >= self.count
    }
}

impl Host {
    /// Searches for providers in one network. Without such a network the search is over.
    pub(crate) fn find_providers(&mut self, net: Net, key: RecordKey, hunt: Hunt) {
        if let Some(dht) = self.swarm.behaviour_mut().dht(net) {
            let id = dht.get_providers(key);
            self.searches.0.insert((net, id), Search::Providers(hunt));
        }
    }

    /// Tells a network that we have something; answers how many peers were told.
    pub(crate) fn provide(&mut self, net: Net, key: RecordKey, reply: oneshot::Sender<Result<usize, DhtError>>) {
        let Some(dht) = self.swarm.behaviour_mut().dht(net) else { return drop(reply.send(Err(DhtError::Off))) };
        match dht.start_providing(key) {
            Ok(id) => drop(self.searches.0.insert((net, id), Search::Announce(reply))),
            Err(cause) => drop(reply.send(Err(DhtError::Invalid(cause.to_string())))),
        }
    }

    /// Puts a record that was checked.
    pub(crate) fn put(&mut self, net: Net, record: Record, reply: oneshot::Sender<Result<usize, DhtError>>) {
        let Some(dht) = self.swarm.behaviour_mut().dht(net) else { return drop(reply.send(Err(DhtError::Off))) };
        match dht.put_record(record, Quorum::One) {
            Ok(id) => drop(self.searches.0.insert((net, id), Search::Announce(reply))),
            Err(cause) => drop(reply.send(Err(DhtError::Invalid(cause.to_string())))),
        }
    }

    /// Gets the best record of a key.
    pub(crate) fn get(&mut self, net: Net, key: Vec<u8>, reply: oneshot::Sender<Option<Vec<u8>>>) {
        let Some(dht) = self.swarm.behaviour_mut().dht(net) else { return };
        let id = dht.get_record(RecordKey::from(key.clone()));
        self.searches.0.insert((net, id), Search::Record { key, best: None, copies: 0, reply });
    }

    /// Finds the peers closest to a key.
    pub(crate) fn closest(&mut self, net: Net, key: Vec<u8>, reply: oneshot::Sender<Vec<Provider>>) {
        let Some(dht) = self.swarm.behaviour_mut().dht(net) else { return };
        let id = dht.get_closest_peers(key);
        self.searches.0.insert((net, id), Search::Closest(reply));
    }

    pub(super) fn end_abandoned_searches(&mut self) {
        let abandoned = self.searches.0.extract_if(|_, search| search.is_abandoned());
        for (net, id) in abandoned.map(|(key, _)| key).collect::<Vec<_>>() {
            self.finish(net, id);
        }
    }

    fn finish(&mut self, net: Net, id: QueryId) {
        if let Some(mut query) = self.swarm.behaviour_mut().dht(net).and_then(|dht| dht.query_mut(&id)) {
            query.finish();
        }
    }

    pub(super) fn on_progress(&mut self, id: (Net, QueryId), result: QueryResult, stats: &QueryStats, last: bool) {
        match result {
            QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { key, providers })) => {
                self.on_providers(id, &key, providers);
            }
            QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))) => self.on_record(id, found.record.value),
            QueryResult::GetClosestPeers(result) => self.on_closest(
                id,
                match result {
                    Ok(found) => found.peers,
                    Err(GetClosestPeersError::Timeout { peers, .. }) => peers,
                },
            ),
            QueryResult::StartProviding(_) | QueryResult::PutRecord(_) => self.on_announced(id, stats),
            _ => {}
        }
        if last && let Some(Search::Record { best, reply, .. }) = self.searches.0.remove(&id) {
            let _ = reply.send(best);
        }
    }

    fn on_providers(&mut self, id: (Net, QueryId), key: &RecordKey, providers: HashSet<PeerId>) {
        let Some(Search::Providers(hunt)) = self.searches.0.get(&id) else { return };
        let hunt = hunt.clone();
        let enough = providers.into_iter().any(|peer| {
            let addresses = self.where_is(id.0, key, peer);
            hunt.tell(Provider { id: peer, addresses })
        });
        if enough {
            self.searches.0.remove(&id);
            self.finish(id.0, id.1);
        }
    }

    /// Where a provider is: as the search, the records here, or its own word have it.
    fn where_is(&mut self, net: Net, key: &RecordKey, peer: PeerId) -> Vec<libp2p::Multiaddr> {
        if peer == *self.swarm.local_peer_id() {
            return self.swarm.external_addresses().cloned().collect();
        }
        let Some(dht) = self.swarm.behaviour_mut().dht(net) else { return Vec::new() };
        let mut addresses = dht.addresses_of(peer);
        addresses.extend(dht.store_mut().addresses(key, &peer));
        addresses.extend(self.swarm.behaviour().gate.book.addresses(&peer));
        let mut seen = HashSet::new();
        let addresses = addresses.into_iter().map(crate::book::without_peer).filter(|one| seen.insert(one.clone()));
        let addresses: Vec<_> = addresses.collect();
        // So that whoever dials it by its id alone finds it once the search is over.
        self.swarm.behaviour_mut().gate.book.note(peer, addresses.clone());
        addresses
    }

    fn on_record(&mut self, id: (Net, QueryId), value: Vec<u8>) {
        let Some(Search::Record { key, best, copies, .. }) = self.searches.0.get_mut(&id) else { return };
        *copies += 1;
        if dht::check(key, &value).is_ok() && best.as_ref().is_none_or(|best| dht::better(key, &value, best)) {
            *best = Some(value);
        }
        if *copies >= COPIES {
            self.finish(id.0, id.1);
        }
    }

    fn on_closest(&mut self, id: (Net, QueryId), peers: Vec<PeerInfo>) {
        let Some(Search::Closest(reply)) = self.searches.0.remove(&id) else { return };
        let peers = peers.into_iter().map(|peer| {
            let addresses = peer.addrs.into_iter().map(crate::book::without_peer).collect();
            Provider { id: peer.peer_id, addresses }
        });
        let _ = reply.send(peers.collect());
    }

    /// The library counts the peers that helped to search together with those that were told; the latter are the closest of
    /// the former, so that half is what was told, or all of the closest.
    fn on_announced(&mut self, id: (Net, QueryId), stats: &QueryStats) {
        let Some(Search::Announce(reply)) = self.searches.0.remove(&id) else { return };
        let both = stats.num_successes() as usize;
        let told = if both >= 2 * CLOSEST.get() { CLOSEST.get() } else { both / 2 };
        let _ = reply.send(if told == 0 { Err(DhtError::NoPeers) } else { Ok(told) });
    }

    /// What others want us to keep for the network. Anything that is not what its key promises is not kept.
    pub(super) fn on_request(&mut self, net: Net, request: InboundRequest) {
        let Some(dht) = self.swarm.behaviour_mut().dht(net) else { return };
        let kept = match request {
            InboundRequest::AddProvider { record: Some(mut record) } => {
                record.addresses.retain(|address| dht.admits(address));
                dht.store_mut().add_provider(record)
            }
            InboundRequest::PutRecord { record: Some(record), source, .. } => {
                if let Err(reason) = dht::check(record.key.as_ref(), &record.value) {
                    tracing::debug!(%source, reason, "record refused");
                    return;
                }
                let old = dht.store_mut().get(&record.key).map(|old| old.value.clone());
                if old.is_some_and(|old| !dht::better(record.key.as_ref(), &record.value, &old)) {
                    return;
                }
                dht.store_mut().put(record)
            }
            _ => return,
        };
        if let Err(cause) = kept {
            tracing::debug!(%cause, "record not kept");
        }
    }

    /// Looks over the neighbourhood of both networks; says whether anybody is known.
    pub(crate) fn refresh(&mut self) -> bool {
        [Net::Wide, Net::Local].into_iter().fold(false, |known, net| {
            let begun = self.swarm.behaviour_mut().dht(net).is_some_and(|dht| dht.bootstrap().is_ok());
            begun || known
        })
    }

    /// The peers of the routing tables.
    pub(crate) fn routing_table(&mut self) -> Vec<PeerId> {
        let mut all = HashSet::new();
        for net in [Net::Wide, Net::Local] {
            let Some(dht) = self.swarm.behaviour_mut().dht(net) else { continue };
            for bucket in dht.kbuckets() {
                all.extend(bucket.iter().map(|entry| *entry.node.key.preimage()));
            }
        }
        all.into_iter().collect()
    }

    /// Whether the DHT serves others in this network.
    pub(crate) fn serves(&mut self, net: Net) -> bool {
        self.swarm.behaviour_mut().dht(net).is_some_and(|dht| dht.mode() == kad::Mode::Server)
    }
}
