//! The credit window: how much one asker may have open at one instance. It is the queue limit of the bus.
//!
//! A question takes a credit and holds it until its answer is there or the connection is dead, also when the one who
//! asked has given up: what the instance still works on counts.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use proto::bus::{WINDOW_BYTES, WINDOW_QUESTIONS};
use tokio::sync::{Notify, futures::Notified};

const ONE_QUESTION: u64 = 1 << 32;
const BYTES: u64 = ONE_QUESTION - 1;

/// Open questions and their bytes at one instance.
#[derive(Debug, Clone)]
pub struct Window {
    /// Questions in the upper half, bytes in the lower: both are taken in one step.
    used: Arc<AtomicU64>,
    room: Arc<Room>,
}

/// The right to one open question; given back when dropped.
#[derive(Debug)]
pub struct Credit {
    window: Window,
    taken: u64,
}

impl Window {
    /// An empty window; who waits in `room` is told of every credit that comes back.
    pub fn new(room: Arc<Room>) -> Self {
        Self { used: Arc::default(), room }
    }

    /// Takes a credit for a question of so many bytes, if it fits. An empty window takes any question.
    pub fn take(&self, bytes: usize) -> Option<Credit> {
        let taken = ONE_QUESTION + u64::try_from(bytes).ok().filter(|bytes| *bytes <= BYTES / 2)?;
        let fits = |used: u64| {
            let next = used + taken;
            let allowed = next / ONE_QUESTION <= WINDOW_QUESTIONS as u64 && next & BYTES <= WINDOW_BYTES as u64;
            (used == 0 || allowed).then_some(next)
        };
        self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).ok()?;
        Some(Credit { window: self.clone(), taken })
    }

    /// Open questions.
    pub fn open(&self) -> u64 {
        self.used.load(Ordering::Relaxed) / ONE_QUESTION
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.window.used.fetch_sub(self.taken, Ordering::SeqCst);
        self.window.room.freed();
    }
}

/// Where questions wait that came while a worker was being restarted. It has so many places and no more.
#[derive(Debug)]
pub struct Room {
    places: usize,
    waiting: AtomicUsize,
    freed: Notify,
}

/// A place in the [`Room`]; given back when dropped.
#[derive(Debug)]
pub struct Place<'a>(&'a Room);

impl Room {
    /// A room with so many places.
    pub fn new(places: usize) -> Self {
        Self { places, waiting: AtomicUsize::new(0), freed: Notify::new() }
    }

    /// Takes a place, if there is one.
    pub fn enter(&self) -> Option<Place<'_>> {
        let next = |waiting: usize| (waiting < self.places).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).ok()?;
        Some(Place(self))
    }

    /// Whether anybody waits.
    pub fn is_occupied(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    fn freed(&self) {
        if self.is_occupied() {
            self.freed.notify_one();
        }
    }
}

impl Place<'_> {
    /// Ends when a credit came back after this call. First come, first served.
    pub fn credit(&self) -> Notified<'_> {
        self.0.freed.notified()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window() -> Window {
        Window::new(Arc::new(Room::new(1)))
    }

    #[test]
    fn the_sixty_fifth_question_has_to_wait_for_a_credit() {
        let window = window();
        let mut credits: Vec<_> = (0..WINDOW_QUESTIONS).map(|_| window.take(10).unwrap()).collect();
        assert!(window.take(10).is_none());
        credits.pop();
        assert!(window.take(10).is_some());
    }

    #[test]
    fn bytes_fill_a_window_as_well_as_questions() {
        let window = window();
        let large = window.take(WINDOW_BYTES - 1).unwrap();
        assert!(window.take(2).is_none());
        assert!(window.take(1).is_some());
        drop(large);
        assert!(window.take(WINDOW_BYTES).is_some());
    }

    #[test]
    fn a_full_room_takes_nobody() {
        let room = Room::new(1);
        let place = room.enter();
        assert!(place.is_some() && room.enter().is_none());
        drop(place);
        assert!(!room.is_occupied() && room.enter().is_some());
    }

    #[tokio::test]
    async fn a_credit_that_comes_back_wakes_who_waits() {
        let room = Arc::new(Room::new(1));
        let window = Window::new(Arc::clone(&room));
        let credit = window.take(1).unwrap();
        let place = room.enter().unwrap();
        let back = place.credit();
        tokio::pin!(back);
        assert!(!back.as_mut().enable());
        drop(credit);
        back.await;
    }

    proptest! {
        #[test]
        fn what_is_taken_never_exceeds_the_window_and_all_of_it_comes_back(
            steps in proptest::collection::vec((any::<bool>(), 0usize..4 * 1024 * 1024), 0..400)
        ) {
            let window = window();
            let mut held: Vec<(Credit, usize)> = Vec::new();
            for (gives_back, bytes) in steps {
                if gives_back {
                    held.pop();
                } else if let Some(credit) = window.take(bytes) {
                    held.push((credit, bytes));
                }
                let bytes: usize = held.iter().map(|(_, bytes)| bytes).sum();
                prop_assert!(held.len() <= WINDOW_QUESTIONS && bytes <= WINDOW_BYTES);
                prop_assert_eq!(window.open(), held.len() as u64);
            }
            held.clear();
            prop_assert_eq!(window.used.load(Ordering::SeqCst), 0);
        }
    }
}
