//! How many of something each neighbourhood has now, so that one visitor cannot take the place of all others. What is kept
//! is as large as the number of those who have one.
//!
//! Asked by the boxes that listen to strangers.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Fewer than so many are not worth giving memory back for.
const WORTH_KEEPING: usize = 1_024;

/// Whom an address belongs to, as far as limits can tell: an IPv4 /24 or an IPv6 /48, which is the least that one customer
/// of a provider may have to himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Neighbourhood {
    /// The first three bytes.
    V4([u8; 3]),
    /// The first six bytes.
    V6([u8; 6]),
}

impl Neighbourhood {
    /// That of an address; an IPv4 address in IPv6's clothes is an IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

type Taken = Mutex<HashMap<Neighbourhood, u32>>;

/// Places, so many for each neighbourhood.
#[derive(Debug)]
pub struct Places {
    taken: Arc<Taken>,
    /// None: no limit.
    most: Option<u32>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Place(Option<(Arc<Taken>, Neighbourhood)>);

impl Places {
    /// `most` for each; 0: no limit.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { taken: Arc::default(), most: (most > 0).then_some(most) }
    }

    /// A place, unless the neighbourhood has all that it may have.
    #[must_use]
    pub fn take(&self, neighbourhood: Neighbourhood) -> Option<Place> {
        let Some(most) = self.most else { return Some(Place::uncounted()) };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(neighbourhood).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(&self.taken), neighbourhood))))
    }
}

impl Place {
    /// For somebody who is not counted.
    #[must_use]
    pub fn uncounted() -> Self {
        Self(None)
    }

    /// Whether it is somebody's who is counted.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((taken, neighbourhood)) = self.0.take() else { return };
        let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get_mut(&neighbourhood).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            taken.remove(&neighbourhood);
        }
        if taken.capacity() > WORTH_KEEPING && taken.len() * 4 < taken.capacity() {
            let room = taken.len() * 2;
            taken.shrink_to(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbourhood_is_a_24_or_a_48() {
        let of = |text: &str| Neighbourhood::of(text.parse().unwrap());
        assert_eq!(of("192.0.2.7"), Neighbourhood::V4([192, 0, 2]));
        assert_eq!(of("::ffff:192.0.2.7"), Neighbourhood::V4([192, 0, 2]));
        assert_eq!(of("2001:db8:1:2::3"), Neighbourhood::V6([0x20, 0x01, 0x0d, 0xb8, 0, 1]));
    }

    #[test]
    fn a_neighbourhood_has_so_many_places_and_no_more() {
        let places = Places::new(2);
        let (here, there) = (Neighbourhood::V4([192, 0, 2]), Neighbourhood::V4([198, 51, 100]));
        let taken = [places.take(here), places.take(here)];
        assert!(taken.iter().all(Option::is_some) && places.take(here).is_none() && places.take(there).is_some());
        drop(taken);
        assert!(places.take(here).is_some_and(|place| place.is_counted()));
        assert!(Places::new(0).take(here).is_some_and(|place| !place.is_counted()));
    }

    #[test]
    fn nothing_is_kept_of_those_who_are_gone() {
        let places = Places::new(1);
        let of = |n: u16| Neighbourhood::V4([n.to_be_bytes()[0], n.to_be_bytes()[1], 0]);
        let taken: Vec<_> = (0..=u16::MAX).map(|n| places.take(of(n)).unwrap()).collect();
        assert_eq!(places.taken.lock().unwrap().len(), 65_536);
        drop(taken);
        let left = places.taken.lock().unwrap();
        assert_eq!(left.len(), 0);
        assert!(left.capacity() <= WORTH_KEEPING, "{}", left.capacity());
    }
}
