//! Records that were seen lately: believed until their time to live is over, without asking anybody.
//!
//! Asked by `names`. In memory, bounded.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use ipns::{Name, Record};

/// For how long a record is believed that does not say, as Kubo has it.
pub(super) const TTL_DEFAULT: Duration = Duration::from_secs(60);
/// At most ten KiB each.
const RECORDS: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<Name, (Record, Instant)>);

impl Seen {
    pub(super) fn get(&self, name: &Name) -> Option<&Record> {
        self.0.get(name).filter(|(_, until)| *until > Instant::now()).map(|(record, _)| record)
    }

    pub(super) fn add(&mut self, name: Name, record: Record, believable: Duration) {
        if self.0.len() >= RECORDS && !self.0.contains_key(&name) {
            self.make_room();
        }
        if let Some(until) = Instant::now().checked_add(believable) {
            self.0.insert(name, (record, until));
        }
    }

    pub(super) fn forget(&mut self, name: &Name) {
        self.0.remove(name);
    }

    /// Drops what is over; when nothing is, what is over next.
    fn make_room(&mut self) {
        let now = Instant::now();
        self.0.retain(|_, (_, until)| *until > now);
        if self.0.len() >= RECORDS
            && let Some(next) = self.0.iter().min_by_key(|(_, (_, until))| *until).map(|(name, _)| *name)
        {
            self.0.remove(&next);
        }
    }
}

#[cfg(test)]
mod tests {
    use ipns::{Compatibility, Draft, KeyKind, KeyPair};

    use super::*;

    fn named(seed: u16) -> (Name, Record) {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&seed.to_be_bytes());
        let key = KeyPair::generate(KeyKind::Ed25519, &bytes).unwrap();
        let draft = Draft {
            value: "/ipfs/bafkqaaa".to_owned(),
            sequence: 0,
            expires: crate::names::now().after(Duration::from_secs(60)),
            ttl: Duration::ZERO,
            compatibility: Compatibility::V2Only,
        };
        (key.name(), Record::create(&key, &draft))
    }

    #[test]
    fn what_is_over_is_not_believed() {
        let mut seen = Seen::default();
        let (name, record) = named(1);
        seen.add(name, record.clone(), Duration::ZERO);
        assert_eq!(seen.get(&name), None);
        seen.add(name, record.clone(), Duration::from_secs(60));
        assert_eq!(seen.get(&name), Some(&record));
    }

    #[test]
    fn there_is_room_for_so_many_and_the_one_that_is_over_next_goes_first() {
        let mut seen = Seen::default();
        let all: Vec<_> = (0..=u16::try_from(RECORDS).unwrap()).map(named).collect();
        for (at, (name, record)) in all.iter().enumerate() {
            seen.add(*name, record.clone(), Duration::from_secs(60 + at as u64));
        }
        assert_eq!(seen.0.len(), RECORDS);
        assert_eq!(seen.get(&all[0].0), None);
        assert!(seen.get(&all[RECORDS].0).is_some());
    }
}
