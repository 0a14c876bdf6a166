//! How many of something each neighbourhood has now. What is kept is as large as the number of those who have one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::neighbourhood::Neighbourhood;

/// Fewer than so many are not worth giving memory back for.
const WORTH_KEEPING: usize = 1_024;

type Taken = Mutex<HashMap<Neighbourhood, u32>>;

/// Places, so many for each neighbourhood.
#[derive(Debug)]
pub(super) struct Places {
    taken: Arc<Taken>,
    /// None: no limit.
    most: Option<u32>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Option<(Arc<Taken>, Neighbourhood)>);

impl Places {
    /// `most` for each; 0: no limit.
    pub(super) fn new(most: u32) -> Self {
        Self { taken: Arc::default(), most: (most > 0).then_some(most) }
    }

    /// A place, unless the neighbourhood has all that it may have.
    pub(super) fn take(&self, neighbourhood: Neighbourhood) -> Option<Place> {
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
    pub(crate) fn uncounted() -> Self {
        Self(None)
    }

    /// Whether it is somebody's who is counted.
    pub(crate) fn is_counted(&self) -> bool {
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
