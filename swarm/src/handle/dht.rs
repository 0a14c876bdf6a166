//! The DHT: who has what, who is where, and records. Where two networks are in use, both are asked.

use std::time::Duration;

use cid::Cid;
use libp2p::{
    Multiaddr, PeerId,
    futures::future::join_all,
    kad::{Record, RecordKey},
};
use tokio::sync::{mpsc, oneshot};

use super::Swarm;
use crate::{
    dht::{self, Net, SEARCH_WAIT},
    errors::DhtError,
    host::{Host, Hunt},
    settings::Dht,
    views::Provider,
};

/// A search in the DHT ends by itself; its answer comes within this time.
const WAIT: Duration = SEARCH_WAIT.saturating_add(Duration::from_secs(5));
/// More providers than this are never asked for.
const PROVIDERS: usize = 1000;

impl Swarm {
    /// Searches for peers that have a block, at most so many. They come as they are found; the queue ends when the search
    /// does, within a minute. Dropping the queue ends the search.
    ///
    /// # Errors
    ///
    /// [`DhtError::Off`] when no DHT is in use.
    pub async fn find_providers(&self, cid: &Cid, count: usize) -> Result<mpsc::Receiver<Provider>, DhtError> {
        let nets = self.nets()?;
        let key = provider_key(cid);
        let (hunt, found) = Hunt::new(count.clamp(1, PROVIDERS));
        self.ask(move |host| {
            for net in nets {
                host.find_providers(*net, key.clone(), hunt.clone());
            }
        })
        .await?;
        Ok(found)
    }

    /// Tells the network that this peer has a block; answers how many peers were told.
    ///
    /// # Errors
    ///
    /// [`DhtError::NoPeers`] when there was nobody to tell.
    pub async fn provide(&self, cid: &Cid) -> Result<usize, DhtError> {
        let key = provider_key(cid);
        self.announce(move |host, net, reply| host.provide(net, key.clone(), reply)).await
    }

    /// Puts a record, `/ipns/…` or `/pk/…`, into the network; answers how many peers were told.
    ///
    /// # Errors
    ///
    /// [`DhtError::Invalid`] when the record is not what its key promises; [`DhtError::NoPeers`] when there was nobody to tell:
    /// then it is kept here, for those who ask.
    pub async fn put_value(&self, key: &[u8], value: &[u8]) -> Result<usize, DhtError> {
        dht::check(key, value).map_err(DhtError::Invalid)?;
        let record = Record::new(key.to_vec(), value.to_vec());
        self.announce(move |host, net, reply| host.put(net, record.clone(), reply)).await
    }

    /// Gets the best valid record of a key, `/ipns/…` or `/pk/…`.
    ///
    /// # Errors
    ///
    /// [`DhtError::NotFound`] when nobody has a valid one.
    pub async fn get_value(&self, key: &[u8]) -> Result<Vec<u8>, DhtError> {
        let found = self.in_each_net(|host, net, key, reply| host.get(net, key, reply), key).await?;
        let better = |best: Vec<u8>, one: Vec<u8>| if dht::better(key, &one, &best) { one } else { best };
        found.into_iter().flatten().flatten().reduce(better).ok_or(DhtError::NotFound)
    }

    /// Where a peer is: as the network has it, or as it said itself while it was connected.
    ///
    /// # Errors
    ///
    /// [`DhtError::NotFound`] when nobody knows.
    pub async fn find_peer(&self, peer: PeerId) -> Result<Vec<Multiaddr>, DhtError> {
        let known = self.ask(move |host| {
            let connected = host.peers.get(&peer).and_then(|known| known.identity.clone());
            connected.map(|identity| identity.addresses).unwrap_or_default()
        });
        let known = known.await?;
        if known.is_empty() { self.search_peer(peer).await } else { Ok(known) }
    }

    /// Where the DHT says that a peer is.
    pub(super) async fn search_peer(&self, peer: PeerId) -> Result<Vec<Multiaddr>, DhtError> {
        let near = self.closest_peers(&peer.to_bytes()).await?;
        let found = near.into_iter().find(|one| one.id == peer).map(|one| one.addresses).unwrap_or_default();
        if found.is_empty() { Err(DhtError::NotFound) } else { Ok(found) }
    }

    /// The peers of the network that are closest to a key, closest first.
    ///
    /// # Errors
    ///
    /// [`DhtError::Off`] when no DHT is in use.
    pub async fn closest_peers(&self, key: &[u8]) -> Result<Vec<Provider>, DhtError> {
        let found = self.in_each_net(|host, net, key, reply| host.closest(net, key, reply), key).await?;
        let mut near: Vec<Provider> = Vec::new();
        for one in found.into_iter().flatten().flatten() {
            if near.iter().all(|known| known.id != one.id) {
                near.push(one);
            }
        }
        Ok(near)
    }

    /// The peers of the routing tables.
    ///
    /// # Errors
    ///
    /// [`DhtError::Off`] when no DHT is in use.
    pub async fn routing_table(&self) -> Result<Vec<PeerId>, DhtError> {
        self.nets()?;
        Ok(self.ask(Host::routing_table).await?)
    }

    fn nets(&self) -> Result<&'static [Net], DhtError> {
        match self.about.dht {
            Dht::Off => Err(DhtError::Off),
            Dht::Lan => Ok(&[Net::Local]),
            Dht::Public => Ok(&[Net::Wide, Net::Local]),
            Dht::Private(_) => Ok(&[Net::Wide]),
        }
    }

    /// Asks all networks at once; those that gave no answer are left out.
    async fn in_each_net<T: Send + 'static>(
        &self,
        question: fn(&mut Host, Net, Vec<u8>, oneshot::Sender<T>),
        key: &[u8],
    ) -> Result<Vec<Option<T>>, DhtError> {
        let asked = self.nets()?.iter().map(|net| {
            let key = key.to_vec();
            self.ask_later(WAIT, move |host, reply| question(host, *net, key, reply))
        });
        let answers = join_all(asked).await;
        if let [Err(gone)] = answers[..] {
            return Err(gone.into());
        }
        Ok(answers.into_iter().map(Result::ok).collect())
    }

    /// Tells all networks at once; one that has somebody to tell is enough.
    async fn announce(
        &self,
        command: impl Fn(&mut Host, Net, oneshot::Sender<Result<usize, DhtError>>) + Clone + Send + 'static,
    ) -> Result<usize, DhtError> {
        let told = self.nets()?.iter().map(|net| {
            let command = command.clone();
            self.ask_later(WAIT, move |host, reply| command(host, *net, reply))
        });
        let mut count = 0;
        let mut failed = None;
        for answer in join_all(told).await {
            match answer.map_err(DhtError::from).flatten() {
                Ok(told) => count += told,
                Err(error) => failed = Some(error),
            }
        }
        if count > 0 { Ok(count) } else { Err(failed.unwrap_or(DhtError::NoPeers)) }
    }
}

/// Providers are kept under the hash alone: the same bytes have the same providers whatever their CID says of them.
fn provider_key(cid: &Cid) -> RecordKey {
    RecordKey::from(cid.hash().to_bytes())
}
