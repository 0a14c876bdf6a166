//! Making a name point somewhere: the record is signed, kept here durably, and then handed to the network.
//!
//! Asked by `name/publish` and by [`super::republish`].

use std::time::Duration;

use ipns::{Compatibility, Draft, KeyPair, Moment, Name, Record};
use thiserror::Error;

use super::{KeyStoreError, Names, Put, SELF, ValueFault, Values, believable, now};

/// What is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    /// A path.
    pub(crate) value: String,
    /// How long the record is valid.
    pub(crate) lifetime: Duration,
    /// For how long it may be believed.
    pub(crate) ttl: Duration,
    pub(crate) compatibility: Compatibility,
    /// Higher than the one before; counted on when nobody says.
    pub(crate) sequence: Option<u64>,
}

/// Which record is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Draw {
    /// Only what is here counts.
    Here,
    /// The network is asked too when nothing is here: the key may have been used on another machine.
    Everywhere,
}

/// Why nothing was published.
#[derive(Debug, Error)]
pub(crate) enum PublishError {
    #[error("no key by the given name or PeerID was found")]
    NoKey,
    #[error("no key by the given name was found")]
    NoName,
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    #[error("sequence number must be greater than the current record sequence")]
    Sequence,
    #[error("the record would be too long for others to accept; publish a shorter path")]
    Long,
    #[error("cannot keep the record; nothing was published")]
    Keep(#[source] std::io::Error),
    /// The record is kept, and goes out with the next round.
    #[error(transparent)]
    Network(#[from] ValueFault),
}

impl Names {
    /// A key by the name it is kept under, or by the name that it has in the world.
    pub(crate) fn find_key(&self, text: &str) -> Result<KeyPair, PublishError> {
        if let Some(key) = self.key_named(text)? {
            return Ok(key);
        }
        let wanted = Name::parse(text).map_err(|_| PublishError::NoName)?;
        if wanted == self.own.name() {
            return Ok(self.own.clone());
        }
        for name in self.keys.names()? {
            if let Some(key) = self.keys.get(&name)?.filter(|key| key.name() == wanted) {
                return Ok(key);
            }
        }
        Err(PublishError::NoKey)
    }

    /// Publishes. When the network fails, the record is kept all the same.
    pub(crate) fn publish(
        &self,
        key: &KeyPair,
        publication: &Publication,
        draw: Draw,
        network: Option<&dyn Values>,
    ) -> Result<Name, PublishError> {
        let name = key.name();
        let record = {
            let _turn = self.turn();
            let before = self.before(&name, draw, network)?;
            let record = next_record(key, publication, before.as_ref(), now())?;
            self.shelf.put(&name, &record).map_err(PublishError::Keep)?;
            record
        };
        self.seen().add(name, record.clone(), believable(&record));
        match network.map_or(Ok(Put::HereOnly), |network| hand_over(key, &record, network)) {
            Ok(Put::There) => Ok(name),
            Ok(Put::HereOnly) => {
                self.owed.notify_one();
                Ok(name)
            }
            Err(fault) => {
                self.owed.notify_one();
                Err(fault.into())
            }
        }
    }

    /// The record of the name that is there already, valid or not: its sequence number counts.
    fn before(&self, name: &Name, draw: Draw, network: Option<&dyn Values>) -> Result<Option<Record>, PublishError> {
        let here = self.shelf.get(name).map_err(PublishError::Keep)?;
        if here.is_some() || draw == Draw::Here {
            return Ok(here);
        }
        // What the network does not tell is as good as not there: it is the first record.
        let there = network.and_then(|network| network.get(&name.routing_key()).ok().flatten());
        Ok(there.and_then(|bytes| Record::decode(&bytes).ok()).filter(|record| record.check(name, now()).is_ok()))
    }

    /// What was published with a key, as far as it is known here.
    pub(super) fn published(&self, key: &KeyPair) -> Option<Record> {
        self.shelf.get(&key.name()).unwrap_or_default()
    }

    /// All keys, by what they are kept under; the node's own first.
    pub(crate) fn all_keys(&self) -> Result<Vec<(String, KeyPair)>, KeyStoreError> {
        let mut keys = vec![(SELF.to_owned(), self.own.clone())];
        for name in self.keys.names()? {
            match self.keys.get(&name) {
                Ok(Some(key)) => keys.push((name, key)),
                Ok(None) => {}
                // One file that is damaged stops no other name.
                Err(error) => tracing::warn!(%name, %error, "a key could not be read"),
            }
        }
        Ok(keys)
    }
}

/// The record; and the key, where the name is a hash and does not hold it: who has no record may ask for the key alone.
fn hand_over(key: &KeyPair, record: &Record, network: &dyn Values) -> Result<Put, ValueFault> {
    let name = key.name();
    let put = network.put(&name.routing_key(), record.encode())?;
    if name.public_key().is_none() {
        network.put(&[b"/pk/", &name.to_bytes()[..]].concat(), key.public().encode())?;
    }
    Ok(put)
}

fn next_record(
    key: &KeyPair,
    publication: &Publication,
    before: Option<&Record>,
    now: Moment,
) -> Result<Record, PublishError> {
    let draft = Draft {
        value: publication.value.clone(),
        sequence: next_sequence(publication, before)?,
        expires: now.after(publication.lifetime),
        ttl: publication.ttl,
        compatibility: publication.compatibility,
    };
    let record = Record::create(key, &draft);
    if record.encode().len() > ipns::RECORD_BYTES_MAX { Err(PublishError::Long) } else { Ok(record) }
}

/// The number grows with the value; the same value again only lives longer.
fn next_sequence(publication: &Publication, before: Option<&Record>) -> Result<u64, PublishError> {
    let last = before.and_then(|before| before.sequence().ok());
    match (publication.sequence, last) {
        (Some(wanted), Some(last)) if wanted <= last => Err(PublishError::Sequence),
        // The first record has 0; who chooses a number wants a newer one.
        (Some(0), None) => Err(PublishError::Sequence),
        (Some(wanted), _) => Ok(wanted),
        (None, None) => Ok(0),
        (None, Some(last)) => {
            let is_same = before.and_then(|before| before.value().ok()).is_some_and(|value| value == publication.value);
            if is_same { Ok(last) } else { last.checked_add(1).ok_or(PublishError::Sequence) }
        }
    }
}
