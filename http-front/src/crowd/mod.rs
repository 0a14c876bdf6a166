//! How much of the front one visitor may take, so that enough is left for the others. Asked by the door for connections and
//! by the front for requests; keeps counts of fixed size, and nothing of a visitor who is gone.
//!
//! Visitors are told apart by neighbourhood: an IPv4 /24 or an IPv6 /48, which is the least that one customer of a provider
//! may have to himself. Visitors from loopback are not counted: they are the operator.

mod rates;

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

pub(crate) use daemon::crowd::Place;
use daemon::crowd::{Neighbourhood, Places};
use governor::clock::{Clock, MonotonicClock};
use prometheus_client::encoding::EncodeLabelValue;
use proto::config::HttpFront;

use self::rates::{Rate, Rates};

/// Who is in, and who asked lately.
#[derive(Debug)]
pub(crate) struct Crowd<C: Clock = MonotonicClock> {
    reads: Rates<C>,
    posts: Rates<C>,
    requests: Places,
    /// How often connections come: as often as requests may.
    arrivals: Rates<C>,
    connections: Places,
    loopback: Loopback,
}

/// What visitors from loopback are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loopback {
    /// The operator, and programs of his: free to do anything.
    Free,
    /// Visitors like others.
    #[cfg(test)]
    Counted,
}

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To be told something.
    Read,
    /// To have something kept.
    Post,
}

/// Which limit was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Limit {
    /// Requests per second of a neighbourhood.
    AddressReads,
    /// Posts per second of a neighbourhood.
    AddressPosts,
    /// Requests per second of all.
    TotalReads,
    /// Posts per second of all.
    TotalPosts,
    /// Open requests of a neighbourhood.
    AddressRequests,
    /// Connections of a neighbourhood.
    AddressConnections,
    /// Frames of an HTTP/2 connection that ask for nothing.
    IdleFrames,
}

/// Somebody is asked to come again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) limit: Limit,
    pub(crate) wait: Duration,
}

/// When a place will be free is not known: nobody is sent away for long.
const FOR_A_PLACE: Duration = Duration::from_secs(1);

impl Crowd {
    pub(crate) fn new(config: &HttpFront) -> Self {
        Self::with_clock(config, &MonotonicClock)
    }
}

impl<C: Clock + Clone> Crowd<C> {
    fn with_clock(config: &HttpFront, clock: &C) -> Self {
        let rate = |per_s, burst| {
            let (per_s, burst) = (NonZeroU32::new(per_s)?, NonZeroU32::new(burst));
            Some(Rate { per_s, burst: burst.unwrap_or(per_s) })
        };
        let reads = rate(config.address_reads_per_s, config.address_reads_burst);
        let posts = rate(config.address_posts_per_s, config.address_posts_burst);
        Self {
            reads: Rates::new(reads, rate(config.total_reads_per_s, 0), clock),
            posts: Rates::new(posts, rate(config.total_posts_per_s, 0), clock),
            requests: Places::new(config.address_requests),
            arrivals: Rates::new(reads, None, clock),
            connections: Places::new(config.address_connections),
            loopback: Loopback::Free,
        }
    }

    /// The same, for tests that have no other address.
    #[cfg(test)]
    pub(crate) fn counting_loopback(self) -> Self {
        Self { loopback: Loopback::Counted, ..self }
    }

    fn counted(&self, address: IpAddr) -> Option<Neighbourhood> {
        let address = address.to_canonical();
        let free = address.is_loopback() && self.loopback == Loopback::Free;
        (!free).then(|| Neighbourhood::of(address))
    }

    /// Lets a request in, and counts it until the place is given back.
    ///
    /// # Errors
    ///
    /// When there were too many lately, or are too many now.
    pub(crate) fn ask(&self, client: IpAddr, wish: Wish) -> Result<Place, Later> {
        let Some(neighbourhood) = self.counted(client) else { return Ok(Place::uncounted()) };
        let (rates, of_address, of_all) = match wish {
            Wish::Read => (&self.reads, Limit::AddressReads, Limit::TotalReads),
            Wish::Post => (&self.posts, Limit::AddressPosts, Limit::TotalPosts),
        };
        let place =
            self.requests.take(neighbourhood).ok_or(Later { limit: Limit::AddressRequests, wait: FOR_A_PLACE })?;
        rates.ask(neighbourhood).map_err(|(whose, wait)| match whose {
            rates::Whose::Neighbourhood => Later { limit: of_address, wait },
            rates::Whose::Everybody => Later { limit: of_all, wait },
        })?;
        Ok(place)
    }

    /// Lets a connection in, and counts it until the place is given back.
    ///
    /// # Errors
    ///
    /// When its neighbourhood has enough.
    pub(crate) fn enter(&self, peer: IpAddr) -> Result<Place, Later> {
        let Some(neighbourhood) = self.counted(peer) else { return Ok(Place::uncounted()) };
        let limit = Limit::AddressConnections;
        self.arrivals.ask(neighbourhood).map_err(|(_, wait)| Later { limit, wait })?;
        self.connections.take(neighbourhood).ok_or(Later { limit, wait: FOR_A_PLACE })
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    const NEIGHBOUR: &str = "192.0.2.1";

    fn crowd(change: impl FnOnce(&mut HttpFront)) -> (Crowd<FakeRelativeClock>, FakeRelativeClock) {
        let (mut config, clock) = (HttpFront::default(), FakeRelativeClock::default());
        (config.address_reads_per_s, config.address_reads_burst) = (2, 4);
        (config.address_posts_per_s, config.address_posts_burst) = (1, 1);
        change(&mut config);
        (Crowd::with_clock(&config, &clock), clock)
    }

    fn asks(crowd: &Crowd<FakeRelativeClock>, client: &str, wish: Wish, times: usize) -> Vec<Option<Later>> {
        (0..times).map(|_| crowd.ask(client.parse().unwrap(), wish).err()).collect()
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let (crowd, clock) = crowd(|_| {});
        let wait = Duration::from_millis(500);
        let refused = asks(&crowd, NEIGHBOUR, Wish::Read, 5);
        assert_eq!(refused, [None, None, None, None, Some(Later { limit: Limit::AddressReads, wait })]);
        clock.advance(wait);
        assert_eq!(
            asks(&crowd, "192.0.2.255", Wish::Read, 2),
            [None, Some(Later { limit: Limit::AddressReads, wait })]
        );
    }

    #[test]
    fn neighbourhoods_and_wishes_are_counted_apart() {
        let (crowd, _) = crowd(|_| {});
        assert_eq!(asks(&crowd, NEIGHBOUR, Wish::Post, 2)[1].unwrap().limit, Limit::AddressPosts);
        assert_eq!(asks(&crowd, NEIGHBOUR, Wish::Read, 1), [None]);
        assert_eq!(asks(&crowd, "192.0.3.1", Wish::Post, 1), [None]);
        assert_eq!(asks(&crowd, "2001:db8::1", Wish::Post, 1), [None]);
        assert!(asks(&crowd, "2001:db8:0:ffff::1", Wish::Post, 1)[0].is_some());
        assert!(asks(&crowd, "::ffff:192.0.3.7", Wish::Post, 1)[0].is_some());
    }

    #[test]
    fn all_together_have_a_limit_too() {
        let (crowd, _) = crowd(|config| config.total_reads_per_s = 3);
        for client in ["192.0.2.1", "192.0.3.1", "192.0.4.1"] {
            assert_eq!(asks(&crowd, client, Wish::Read, 1), [None]);
        }
        assert_eq!(asks(&crowd, "192.0.5.1", Wish::Read, 1)[0].unwrap().limit, Limit::TotalReads);
    }

    #[test]
    fn loopback_is_not_counted() {
        let (crowd, _) = crowd(|config| (config.total_reads_per_s, config.address_connections) = (1, 1));
        for client in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(asks(&crowd, client, Wish::Read, 20), [None; 20]);
            let client = client.parse().unwrap();
            let places: Result<Vec<_>, _> = (0..20).map(|_| crowd.enter(client)).collect();
            assert!(places.is_ok());
        }
    }

    #[test]
    fn nought_is_no_limit() {
        let (crowd, _) = crowd(|config| {
            (config.address_reads_per_s, config.total_reads_per_s) = (0, 0);
            (config.address_requests, config.address_connections) = (0, 0);
        });
        let client = NEIGHBOUR.parse().unwrap();
        let places: Result<Vec<_>, _> = (0..10_000).map(|_| crowd.ask(client, Wish::Read)).collect();
        assert!(places.is_ok());
    }

    #[test]
    fn connections_come_as_often_as_requests_may() {
        let (crowd, clock) = crowd(|_| {});
        let enter = || crowd.enter(NEIGHBOUR.parse().unwrap()).map(drop);
        let entered: Vec<_> = (0..5).map(|_| enter().is_ok()).collect();
        assert_eq!(entered, [true, true, true, true, false]);
        clock.advance(Duration::from_millis(500));
        assert!(enter().is_ok());
    }

    #[test]
    fn a_place_is_free_again_when_it_is_given_back() {
        let (crowd, _) = crowd(|config| config.address_connections = 2);
        let enter = |peer: &str| crowd.enter(peer.parse().unwrap());
        let first = enter(NEIGHBOUR).unwrap();
        let _second = enter("192.0.2.2").unwrap();
        assert_eq!(enter("192.0.2.3").unwrap_err().limit, Limit::AddressConnections);
        assert!(enter("192.0.3.1").is_ok());
        drop(first);
        assert!(enter("192.0.2.3").is_ok());
    }
}
