//! Names: the keys that are kept here, what they were made to point to, and where other names point.
//!
//! Asked by the commands `key/*` and `name/*`, and by everything that takes a path. Asks the network for records of names
//! through [`Values`]. Keeps `<repo>/keystore` and `<repo>/names`.

mod keystore;
mod links;
mod network;
mod paths;
mod publish;
mod republish;
mod resolve;
mod seen;
mod shelf;
#[cfg(test)]
mod tests;

pub(crate) use keystore::{KeyStore, KeyStoreError, Overwrite, SELF};
pub(crate) use network::Network;
pub(crate) use paths::{below_ipns, content_path, name_path};
pub(crate) use publish::{Draw, Publication, PublishError};
pub(crate) use republish::{LIFETIME, keep_alive};
pub(crate) use resolve::{Depth, Kept, ResolveError};

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use hickory_resolver::TokioResolver;
use ipns::{KeyPair, Moment, Name, Record};
use thiserror::Error;
use tokio::sync::Notify;

use links::{Links, LinksError};
use seen::Seen;
use shelf::Shelf;

/// What the network keeps: bytes under keys.
pub(crate) trait Values {
    /// The best value under a key; none when nobody has one.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ValueFault>;

    /// Has a value kept under a key. Where nobody is known yet, it waits for the next round.
    fn put(&self, key: &[u8], value: Vec<u8>) -> Result<Put, ValueFault>;

    /// The TXT records of a domain in DNS; none when it has none.
    fn texts(&self, domain: &str) -> Result<Vec<String>, ValueFault>;
}

/// Where a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// By others.
    There,
    /// By nobody else: there is nobody.
    HereOnly,
}

/// Why the network did not do it, in its words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct ValueFault(pub(crate) String);

/// Keys and records.
#[derive(Debug)]
pub(crate) struct Names {
    /// The node's own key.
    own: KeyPair,
    /// All others.
    pub(crate) keys: KeyStore,
    shelf: Shelf,
    links: Links,
    seen: Mutex<Seen>,
    /// Who publishes looks at the sequence number first, alone.
    turn: Mutex<()>,
    /// Rung when a record reached nobody.
    owed: Notify,
    /// Made when the first domain is looked up.
    dns: OnceLock<TokioResolver>,
}

/// Why there are no names.
#[derive(Debug, Error)]
pub enum NamesError {
    /// The keys.
    #[error("cannot open the keys")]
    Keys(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The records.
    #[error("cannot open the records of names at {path}; check the folder's permissions")]
    Records {
        /// Where.
        path: PathBuf,
        /// What the file system says.
        #[source]
        cause: io::Error,
    },
    /// The map of domains.
    #[error("{0}")]
    Links(String),
}

impl From<KeyStoreError> for NamesError {
    fn from(error: KeyStoreError) -> Self {
        Self::Keys(error.into())
    }
}

impl From<LinksError> for NamesError {
    fn from(error: LinksError) -> Self {
        Self::Links(error.to_string())
    }
}

/// Now, as records count it.
pub(crate) fn now() -> Moment {
    Moment::from_unix(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

impl Names {
    /// The names of the repository in a folder. The map of domains comes from the environment.
    pub(crate) fn open(repository: &Path, own: KeyPair) -> Result<Self, NamesError> {
        let map = std::env::var(links::VARIABLE).unwrap_or_default();
        Self::with_links(repository, own, &map)
    }

    fn with_links(repository: &Path, own: KeyPair, map: &str) -> Result<Self, NamesError> {
        let path = repository.join("names");
        let shelf = Shelf::open(&path).map_err(|cause| NamesError::Records { path, cause })?;
        let keys = KeyStore::open(&repository.join("keystore"))?;
        let (links, seen, turn) = (Links::parse(map)?, Mutex::default(), Mutex::default());
        let (owed, dns) = (Notify::new(), OnceLock::new());
        Ok(Self { own, keys, shelf, links, seen, turn, owed, dns })
    }

    /// The node's own key.
    pub(crate) const fn own(&self) -> &KeyPair {
        &self.own
    }

    /// A key by the name it is kept under.
    pub(crate) fn key_named(&self, name: &str) -> Result<Option<KeyPair>, KeyStoreError> {
        if name == SELF { Ok(Some(self.own.clone())) } else { self.keys.get(name) }
    }

    /// The record of a name that is kept here, if it is still valid.
    pub(crate) fn record_here(&self, name: &Name) -> io::Result<Option<Record>> {
        let record = self.shelf.get(name)?;
        Ok(record.filter(|record| record.check(name, now()).is_ok()))
    }

    /// The best record of a name, from here and from the network. What fails is counted for nothing as long as there is
    /// a record at all.
    pub(crate) fn record(&self, name: &Name, network: Option<&dyn Values>) -> Result<Option<Record>, ValueFault> {
        let here = self.record_here(name).map_err(|error| ValueFault(error.to_string()))?;
        let there = network.map_or(Ok(None), |network| network.get(&name.routing_key()));
        let all = [here.as_ref().map(Record::encode), there.clone().unwrap_or_default()];
        match (ipns::choose(name, now(), all.iter().flatten().map(Vec::as_slice)), there) {
            (Some((_, record)), _) => Ok(Some(record)),
            (None, Err(fault)) => Err(fault),
            (None, Ok(_)) => Ok(None),
        }
    }

    /// Keeps somebody's record and hands it to the network. It was checked.
    pub(crate) fn keep(&self, name: &Name, record: &Record, network: Option<&dyn Values>) -> Result<(), ValueFault> {
        {
            let _turn = self.turn();
            self.shelf.put(name, record).map_err(|error| ValueFault(format!("cannot keep the record: {error}")))?;
        }
        self.seen().forget(name);
        network.map_or(Ok(()), |network| network.put(&name.routing_key(), record.encode()).map(drop))
    }

    /// For how many seconds what a key points to may be believed, if its record was looked at lately.
    pub(crate) fn believed_s(&self, root: &str) -> Option<u64> {
        let name = Name::parse(root).ok()?;
        self.seen().get(&name).map(|record| believable(record).as_secs())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long a record may be believed: no longer than it is valid.
pub(crate) fn believable(record: &Record) -> Duration {
    let valid = record.expires().map(|expires| expires.since_unix().saturating_sub(now().since_unix()));
    let ttl = record.ttl().unwrap_or(seen::TTL_DEFAULT);
    valid.map_or(ttl, |valid| valid.min(ttl))
}
