//! One question for all who miss the same answer at the same time.
//!
//! Whoever comes first makes the answer, the others wait for it. They wait only for an answer that is begun after what they
//! may expect to see: its version is no older than the one that they found on the board.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{kept::Kept, key::Key};
use crate::problem::Problem;

/// What came of it.
pub(crate) type Outcome = Result<Arc<Kept>, Problem>;
type Told = watch::Receiver<Option<Outcome>>;

/// So often somebody waits for another who then goes away, before he makes the answer himself.
const TRIES: usize = 3;

/// Answers that are being made. As many as requests at most.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Key, Flight>>);

#[derive(Debug)]
struct Flight {
    version: u64,
    told: Told,
}

/// Who comes to a flight.
enum Seat<'a> {
    /// Makes the answer.
    Pilot(Pilot<'a>),
    /// Waits for it.
    Passenger(Told),
}

/// Makes the answer; when he goes away without it, the others are told so.
struct Pilot<'a> {
    flights: &'a Flights,
    key: Key,
    told: Told,
    tell: watch::Sender<Option<Outcome>>,
}

impl Flights {
    /// The answer that `make` makes, or that somebody else is just making.
    pub(crate) async fn join(
        &self,
        key: &Key,
        version: u64,
        within: Duration,
        make: impl Future<Output = Outcome>,
    ) -> Outcome {
        for _ in 0..TRIES {
            match self.enter(key, version) {
                Seat::Pilot(pilot) => return pilot.land(make.await),
                Seat::Passenger(mut told) => match tokio::time::timeout(within, told.wait_for(Option::is_some)).await {
                    Ok(Ok(outcome)) => return outcome.clone().expect("it was waited for"),
                    // The pilot went away: perhaps another is there already, perhaps it is our turn.
                    Ok(Err(_)) => {}
                    Err(_) => break,
                },
            }
        }
        make.await
    }

    fn enter(&self, key: &Key, version: u64) -> Seat<'_> {
        let mut open = self.open();
        if let Some(flight) = open.get(key).filter(|flight| flight.version >= version) {
            return Seat::Passenger(flight.told.clone());
        }
        let (tell, told) = watch::channel(None);
        open.insert(key.clone(), Flight { version, told: told.clone() });
        Seat::Pilot(Pilot { flights: self, key: key.clone(), told, tell })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Key, Flight>> {
        // Nobody can leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.open().len()
    }
}

impl Pilot<'_> {
    fn land(self, outcome: Outcome) -> Outcome {
        self.tell.send_replace(Some(outcome.clone()));
        outcome
    }
}

impl Drop for Pilot<'_> {
    fn drop(&mut self) {
        let mut open = self.flights.open();
        if let Entry::Occupied(flight) = open.entry(self.key.clone())
            && flight.get().told.same_channel(&self.told)
        {
            flight.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use proto::Topic;
    use tokio::sync::Notify;

    use super::*;
    use crate::{
        cache::{
            kept::{Made, Tag},
            key::Subject,
        },
        coding::Coding,
    };

    const SOON: Duration = Duration::from_secs(10);

    fn key() -> Key {
        Subject::folder(Topic([1; 20])).coded(Coding::Identity)
    }

    fn kept(version: u64, body: &str) -> Arc<Kept> {
        let made = Made::text(Tag::Exact(body.to_owned()), body.to_owned());
        Arc::new(Kept::new(version, made, Coding::Identity))
    }

    #[tokio::test]
    async fn many_who_miss_the_same_answer_ask_once() {
        let (flights, asked, gate) = (Flights::default(), AtomicUsize::new(0), Notify::new());
        let make = || async {
            asked.fetch_add(1, SeqCst);
            gate.notified().await;
            Ok(kept(1, "a"))
        };
        let key = key();
        let all = futures_util::future::join_all((0..100).map(|_| flights.join(&key, 1, SOON, make())));
        let (outcomes, ()) = tokio::join!(all, async {
            while asked.load(SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            gate.notify_one();
        });
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!((asked.load(SeqCst), flights.count()), (1, 0));
    }

    #[tokio::test]
    async fn who_expects_more_does_not_wait_for_an_older_answer() {
        let flights = Flights::default();
        let key = key();
        let mut older = Box::pin(flights.join(&key, 1, SOON, pending()));
        assert!(futures_util::poll!(older.as_mut()).is_pending());
        let newer = flights.join(&key, 2, SOON, ready(Ok(kept(2, "new")))).await.unwrap();
        assert_eq!(newer.made().body, "new");
        let mut newest = Box::pin(flights.join(&key, 3, SOON, pending()));
        assert!(futures_util::poll!(newest.as_mut()).is_pending());
        drop(older);
        assert_eq!(flights.count(), 1, "the older one's end does not end the newest");
        drop(newest);
        assert_eq!(flights.count(), 0);
    }

    #[tokio::test]
    async fn when_the_first_goes_away_the_next_makes_the_answer() {
        let flights = Flights::default();
        let key = key();
        let mut first = Box::pin(flights.join(&key, 1, SOON, pending()));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        let mut second = Box::pin(flights.join(&key, 1, SOON, ready(Ok(kept(1, "second")))));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(second.await.unwrap().made().body, "second");
    }

    #[tokio::test]
    async fn a_refusal_is_told_to_all_who_wait() {
        let flights = Flights::default();
        let key = key();
        let gate = Notify::new();
        let refused = Problem::no_comments(Topic([1; 20]));
        let first = flights.join(&key, 1, SOON, async {
            gate.notified().await;
            Err(refused.clone())
        });
        let second = flights.join(&key, 1, SOON, async { panic!("one answer is enough") });
        let (first, second, ()) = tokio::join!(first, second, async { gate.notify_one() });
        assert_eq!((first.unwrap_err(), second.unwrap_err()), (refused.clone(), refused));
    }

    #[tokio::test]
    async fn who_has_waited_long_enough_makes_the_answer_himself() {
        let flights = Flights::default();
        let key = key();
        let mut first = Box::pin(flights.join(&key, 1, SOON, pending()));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        let second = flights.join(&key, 1, Duration::from_millis(1), ready(Ok(kept(1, "own")))).await;
        assert_eq!(second.unwrap().made().body, "own");
    }
}
