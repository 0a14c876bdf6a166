//! Takes connections in at both listeners, as many as may be, and sees them out when the box should end.
//!
//! Its loop is the box's heartbeat: a box that takes nobody in is hung, whatever else it does.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use daemon::{
    crowd::{Neighbourhood, Place, Places},
    listen::pause_after,
    pulse::Pulse,
    stop::Stop,
};
use proto::outside::Network;
use rand::{TryRngCore as _, rngs::OsRng};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use crate::{
    blocks::Blocks,
    connection::Connection,
    download::Downloads,
    measures::{Measures, Way},
    upload::Uploads,
    wire::{Answer, Token},
};

/// Twice as often as the supervisor wants to hear from us.
const BEAT_EVERY: Duration = Duration::from_millis(500);
/// So many are told at a time that there is no place for them; the others are let go without a word.
const TOLD: usize = 64;
/// Whoever is told so is first given a moment to begin: a client takes the first thing that it reads for the token.
const BEGIN_WAIT: Duration = Duration::from_secs(2);

/// Who is taken in.
#[derive(Debug)]
pub struct Manners {
    /// The most connections at a time.
    pub connections: u32,
    /// Of them, the most of one neighbourhood.
    pub places: Places,
    /// Who may connect, loopback aside; everybody when it is empty.
    pub allow: Vec<Network>,
    /// How long open connections may take when the box should end.
    pub drain_within: Duration,
}

/// Where clients come in.
#[derive(Debug)]
pub struct Door<B> {
    /// For files in.
    pub upload: TcpListener,
    /// For files out.
    pub download: TcpListener,
    /// Who serves the first.
    pub uploads: Arc<Uploads<B>>,
    /// Who serves the second.
    pub downloads: Arc<Downloads<B>>,
    /// Who is taken in.
    pub manners: Manners,
    /// What is counted.
    pub measures: Measures,
}

/// A connection that was just taken in.
struct Visitor {
    way: Way,
    stream: TcpStream,
    peer: SocketAddr,
    slot: OwnedSemaphorePermit,
}

/// Why somebody is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Away {
    /// He is not on the list.
    Stranger,
    /// His neighbourhood has all that it may have.
    Crowd,
}

impl Manners {
    pub(crate) fn admit(&self, peer: SocketAddr) -> Result<Place, Away> {
        let address = peer.ip().to_canonical();
        if address.is_loopback() {
            return Ok(Place::uncounted());
        }
        if !self.allow.is_empty() && !self.allow.iter().any(|network| network.contains(address)) {
            return Err(Away::Stranger);
        }
        self.places.take(Neighbourhood::of(address)).ok_or(Away::Crowd)
    }
}

impl<B: Blocks> Door<B> {
    /// Takes clients in until the box should end, then waits until those who are in are served, but not for ever.
    pub async fn keep_open(self, stop: Stop, pulse: Pulse) {
        let slots = Arc::new(Semaphore::new(self.manners.connections as usize));
        let told = Arc::new(Semaphore::new(TOLD));
        let mut stopped = pin!(stop.asked());
        let mut beat = beats();
        let mut not_before = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = beat.tick() => pulse.beat(),
                taken = self.take_in(&slots, not_before) => match taken {
                    Ok(visitor) => self.attend(visitor, &told),
                    Err(error) => not_before = Instant::now() + pause_after(&error),
                },
            }
        }
        let Self { upload, download, manners, .. } = self;
        drop((upload, download));
        see_out(&slots, &manners, &pulse).await;
    }

    /// The next client at either listener, once there is room.
    async fn take_in(&self, slots: &Arc<Semaphore>, not_before: Instant) -> io::Result<Visitor> {
        if not_before > Instant::now() {
            sleep_until(not_before).await;
        }
        let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
        let (way, accepted) = tokio::select! {
            accepted = self.upload.accept() => (Way::Upload, accepted),
            accepted = self.download.accept() => (Way::Download, accepted),
        };
        let (stream, peer) = accepted?;
        // The token and the answer are one segment each, and at once.
        let _ = stream.set_nodelay(true);
        Ok(Visitor { way, stream, peer, slot })
    }

    fn attend(&self, visitor: Visitor, told: &Arc<Semaphore>) {
        let Visitor { way, stream, peer, slot } = visitor;
        let place = match self.manners.admit(peer) {
            Ok(place) => place,
            Err(away) => return self.send_away(away, way, stream, told),
        };
        let (uploads, downloads) = (Arc::clone(&self.uploads), Arc::clone(&self.downloads));
        tokio::spawn(async move {
            match way {
                Way::Upload => match token() {
                    Ok(token) => uploads.attend(stream, peer, token).await,
                    Err(error) => tracing::error!(cause = %error, "the system gives no random bytes"),
                },
                Way::Download => downloads.attend(stream, peer).await,
            }
            drop((place, slot));
        });
    }

    fn send_away(&self, away: Away, way: Way, stream: TcpStream, told: &Arc<Semaphore>) {
        self.measures.sent_away(match away {
            Away::Stranger => "stranger",
            Away::Crowd => "crowd",
        });
        let (Away::Crowd, Ok(turn), Ok(token)) = (away, Arc::clone(told).try_acquire_owned(), token()) else { return };
        tokio::spawn(async move {
            tell_of_crowd(stream, way, &token).await;
            drop(turn);
        });
    }
}

/// Says why in the place where the client expects its answer.
async fn tell_of_crowd(stream: TcpStream, way: Way, token: &Token) {
    if way == Way::Upload {
        let _ = stream.try_write(token.as_str().as_bytes());
    }
    // Whether it has begun or not, it is told.
    let _ = timeout(BEGIN_WAIT, stream.readable()).await;
    let why = "too many connections from your network; try again when some have ended".to_owned();
    Connection::plain(stream).part(Answer::Refused(why).line().as_bytes()).await;
}

fn token() -> Result<Token, rand::rand_core::OsError> {
    OsRng.try_next_u64().map(Token::from_random)
}

fn beats() -> tokio::time::Interval {
    let mut beat = interval(BEAT_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

async fn see_out(slots: &Semaphore, manners: &Manners, pulse: &Pulse) {
    let deadline = Instant::now() + manners.drain_within;
    let mut beat = beats();
    let mut all_gone = pin!(slots.acquire_many(manners.connections));
    loop {
        tokio::select! {
            biased;
            _ = &mut all_gone => return,
            () = sleep_until(deadline) => break,
            _ = beat.tick() => pulse.beat(),
        }
    }
    let left = manners.connections as usize - slots.available_permits();
    tracing::warn!(left, "ended with connections still open");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manners(allow: &[&str], each: u32) -> Manners {
        Manners {
            connections: 8,
            places: Places::new(each),
            allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
            drain_within: Duration::ZERO,
        }
    }

    fn at(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 50_000)
    }

    #[test]
    fn only_those_on_the_list_and_the_operator_are_let_in() {
        let manners = manners(&["10.217.0.0/16"], 0);
        for (address, expected) in [("10.217.135.233", true), ("10.218.0.1", false), ("127.0.0.1", true), ("::1", true)]
        {
            assert_eq!(manners.admit(at(address)).is_ok(), expected, "{address}");
        }
    }

    #[test]
    fn a_neighbourhood_has_its_places_and_loopback_as_many_as_it_likes() {
        let manners = manners(&[], 1);
        let first = manners.admit(at("192.0.2.7")).unwrap();
        assert_eq!(manners.admit(at("192.0.2.8")).unwrap_err(), Away::Crowd);
        assert!(manners.admit(at("198.51.100.1")).is_ok());
        drop(first);
        assert!(manners.admit(at("192.0.2.8")).is_ok());
        let _many: Vec<_> = (0..10).map(|_| manners.admit(at("127.0.0.1")).unwrap()).collect();
    }
}
