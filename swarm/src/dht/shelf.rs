//! What we keep for the DHT: records and who provides what, in memory, bounded. The oldest makes room for the new.
//!
//! The library's own store refuses what is new once it is full, so that anybody could fill it; and it counts keys, not
//! bytes.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque, hash_map},
    iter, slice,
};

use libp2p::{
    PeerId,
    kad::{
        ProviderRecord, Record, RecordKey,
        store::{self, RecordStore},
    },
};

/// A record of IPNS has at most 10 KiB.
const VALUE_BYTES: usize = 10 << 10;
const KEY_BYTES: usize = 256;
/// All records together.
const RECORDS_BYTES: usize = 2 << 20;
/// All (key, provider) pairs together.
const PROVIDERS: usize = 8192;
const PROVIDERS_PER_KEY: usize = 20;
const ADDRESSES_PER_PROVIDER: usize = 8;

/// Records and providers, the oldest of which make room.
pub(crate) struct Shelf {
    own: PeerId,
    records: HashMap<RecordKey, Record>,
    record_order: VecDeque<RecordKey>,
    record_bytes: usize,
    providers: HashMap<RecordKey, Vec<ProviderRecord>>,
    provider_order: VecDeque<(RecordKey, PeerId)>,
}

impl Shelf {
    pub(crate) fn new(own: PeerId) -> Self {
        Self {
            own,
            records: HashMap::new(),
            record_order: VecDeque::new(),
            record_bytes: 0,
            providers: HashMap::new(),
            provider_order: VecDeque::new(),
        }
    }

    /// Where the providers of a key said they are.
    pub(crate) fn addresses(&self, key: &RecordKey, provider: &PeerId) -> Vec<libp2p::Multiaddr> {
        let found = self.providers.get(key).and_then(|all| all.iter().find(|record| record.provider == *provider));
        found.map(|record| record.addresses.clone()).unwrap_or_default()
    }

    fn make_room(&mut self, bytes: usize) {
        while self.record_bytes + bytes > RECORDS_BYTES {
            let Some(oldest) = self.record_order.front().cloned() else { return };
            self.remove(&oldest);
        }
    }

    /// A full key forgets its oldest provider: a crowd that came first does not shut out those who come later. A key's
    /// providers stand in the order in which they came.
    fn make_room_at(&mut self, key: &RecordKey) {
        let Some(all) = self.providers.get(key).filter(|all| all.len() >= PROVIDERS_PER_KEY) else { return };
        let oldest = all[0].provider;
        self.remove_provider(key, &oldest);
    }

    fn forget_oldest_provider(&mut self) {
        if let Some((key, provider)) = self.provider_order.front().cloned() {
            self.remove_provider(&key, &provider);
        }
    }
}

fn weight(record: &Record) -> usize {
    record.key.as_ref().len() + record.value.len()
}

impl RecordStore for Shelf {
    type RecordsIter<'a> = iter::Map<hash_map::Values<'a, RecordKey, Record>, fn(&'a Record) -> Cow<'a, Record>>;
    type ProvidedIter<'a> =
        iter::Map<slice::Iter<'a, ProviderRecord>, fn(&'a ProviderRecord) -> Cow<'a, ProviderRecord>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        self.records.get(key).map(Cow::Borrowed)
    }

    fn put(&mut self, record: Record) -> store::Result<()> {
        if record.value.len() > VALUE_BYTES || record.key.as_ref().len() > KEY_BYTES {
            return Err(store::Error::ValueTooLarge);
        }
        self.remove(&record.key);
        self.make_room(weight(&record));
        self.record_bytes += weight(&record);
        self.record_order.push_back(record.key.clone());
        self.records.insert(record.key.clone(), record);
        Ok(())
    }

    fn remove(&mut self, key: &RecordKey) {
        if let Some(record) = self.records.remove(key) {
            self.record_bytes -= weight(&record);
            self.record_order.retain(|kept| kept != key);
        }
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        self.records.values().map(Cow::Borrowed)
    }

    fn add_provider(&mut self, mut record: ProviderRecord) -> store::Result<()> {
        if record.key.as_ref().len() > KEY_BYTES {
            return Err(store::Error::ValueTooLarge);
        }
        record.addresses.truncate(ADDRESSES_PER_PROVIDER);
        // Who says it again is the newest again.
        self.remove_provider(&record.key, &record.provider);
        self.make_room_at(&record.key);
        if self.provider_order.len() >= PROVIDERS {
            self.forget_oldest_provider();
        }
        self.provider_order.push_back((record.key.clone(), record.provider));
        self.providers.entry(record.key.clone()).or_default().push(record);
        Ok(())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        self.providers.get(key).cloned().unwrap_or_default()
    }

    /// None: the node itself says again what it provides.
    fn provided(&self) -> Self::ProvidedIter<'_> {
        [].iter().map(Cow::Borrowed)
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        let hash_map::Entry::Occupied(mut all) = self.providers.entry(key.clone()) else { return };
        all.get_mut().retain(|record| record.provider != *provider);
        if all.get().is_empty() {
            all.remove();
        }
        let oldest = self.provider_order.front().is_some_and(|(k, p)| k == key && p == provider);
        if oldest {
            self.provider_order.pop_front();
        } else {
            self.provider_order.retain(|(k, p)| k != key || p != provider);
        }
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shelf({}, {} records, {} providers)", self.own, self.records.len(), self.provider_order.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u32) -> RecordKey {
        RecordKey::from(number.to_be_bytes().to_vec())
    }

    fn bytes_of(shelf: &Shelf) -> usize {
        shelf.records.values().map(weight).sum()
    }

    #[test]
    fn strangers_cannot_fill_it_for_ever() {
        let mut shelf = Shelf::new(PeerId::random());
        for number in 0..1000 {
            shelf.put(Record::new(key(number), vec![0; VALUE_BYTES])).unwrap();
        }
        assert!(bytes_of(&shelf) <= RECORDS_BYTES);
        assert!(shelf.get(&key(999)).is_some(), "the newest is kept");
        assert!(shelf.get(&key(0)).is_none(), "the oldest made room");
        for number in 0..u32::try_from(PROVIDERS + 100).unwrap() {
            shelf.add_provider(ProviderRecord::new(key(number), PeerId::random(), Vec::new())).unwrap();
        }
        assert_eq!(shelf.provider_order.len(), PROVIDERS);
        assert!(shelf.providers(&key(0)).is_empty());
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let mut shelf = Shelf::new(PeerId::random());
        assert!(shelf.put(Record::new(key(1), vec![0; VALUE_BYTES + 1])).is_err());
        assert!(shelf.put(Record::new(RecordKey::from(vec![0; KEY_BYTES + 1]), Vec::new())).is_err());
        assert!(
            shelf
                .add_provider(ProviderRecord::new(
                    RecordKey::from(vec![0; KEY_BYTES + 1]),
                    PeerId::random(),
                    Vec::new()
                ))
                .is_err()
        );
    }

    #[test]
    fn a_crowd_at_a_key_makes_room_for_who_comes_later_and_who_renews_stays() {
        let mut shelf = Shelf::new(PeerId::random());
        let crowd: Vec<_> = (0..PROVIDERS_PER_KEY).map(|_| PeerId::random()).collect();
        for provider in crowd.iter().chain([&crowd[0]]) {
            shelf.add_provider(ProviderRecord::new(key(1), *provider, Vec::new())).unwrap();
        }
        let late = PeerId::random();
        shelf.add_provider(ProviderRecord::new(key(1), late, Vec::new())).unwrap();
        let kept: Vec<_> = shelf.providers(&key(1)).into_iter().map(|record| record.provider).collect();
        assert_eq!(kept.len(), PROVIDERS_PER_KEY);
        assert!(kept.contains(&late), "the newest is taken");
        assert!(kept.contains(&crowd[0]), "who renewed is not the oldest");
        assert!(!kept.contains(&crowd[1]), "the oldest made room");
        assert_eq!(shelf.provider_order.len(), PROVIDERS_PER_KEY);
    }

    #[test]
    fn a_provider_who_comes_again_is_one() {
        let mut shelf = Shelf::new(PeerId::random());
        let provider = PeerId::random();
        let moved: libp2p::Multiaddr = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        shelf.add_provider(ProviderRecord::new(key(1), provider, Vec::new())).unwrap();
        shelf.add_provider(ProviderRecord::new(key(1), provider, vec![moved.clone()])).unwrap();
        assert_eq!(shelf.providers(&key(1)).len(), 1);
        assert_eq!(shelf.addresses(&key(1), &provider), [moved]);
    }

    proptest! {
        #[test]
        fn the_books_agree_whatever_happens(steps in proptest::collection::vec((0u32..8, 0u8..4, 0usize..5000), 1..200)) {
            let mut shelf = Shelf::new(PeerId::random());
            let peers: Vec<_> = (0..4).map(|_| PeerId::random()).collect();
            for (number, step, length) in steps {
                let peer = peers[number as usize % 4];
                match step {
                    0 => shelf.put(Record::new(key(number), vec![0; length])).unwrap(),
                    1 => shelf.remove(&key(number)),
                    2 => shelf.add_provider(ProviderRecord::new(key(number), peer, Vec::new())).unwrap(),
                    _ => shelf.remove_provider(&key(number), &peer),
                }
                prop_assert_eq!(shelf.record_bytes, bytes_of(&shelf));
                prop_assert_eq!(shelf.record_order.len(), shelf.records.len());
                prop_assert_eq!(shelf.provider_order.len(), shelf.providers.values().map(Vec::len).sum::<usize>());
            }
        }
    }
}
