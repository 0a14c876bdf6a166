//! Which connections are kept up, and which are closed when there are too many.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

use super::Host;
use crate::{book::peer_of, dht, views::Direction};

/// Below this number of peers the network is entered again.
const ENOUGH_PEERS: usize = 4;
const ENTER_AGAIN: Duration = Duration::from_secs(30);
/// A connection is given this long to become useful.
const GRACE: Duration = Duration::from_secs(20);
/// Bytes a second; pings and the DHT's small talk stay below.
const BUSY_RATE: f64 = 1024.0;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The peers to which a connection is always kept.
#[derive(Debug, Default)]
pub(crate) struct Peering(HashMap<PeerId, Kept>);

#[derive(Debug)]
struct Kept {
    addresses: Vec<Multiaddr>,
    wait: Duration,
    /// When to connect; none while connected or connecting.
    next: Option<Instant>,
}

impl Peering {
    pub(crate) fn new(addresses: &[Multiaddr]) -> Self {
        let mut peering = Self::default();
        for address in addresses {
            if let Some(peer) = peer_of(address) {
                peering.add(peer, vec![address.clone()]);
            }
        }
        peering
    }

    /// Adds a peer, or addresses of it.
    pub(crate) fn add(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        let new = || Kept { addresses: Vec::new(), wait: FIRST_WAIT, next: Some(Instant::now()) };
        let kept = self.0.entry(peer).or_insert_with(new);
        for address in addresses {
            if !kept.addresses.contains(&address) {
                kept.addresses.push(address);
            }
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, peer: &PeerId) -> bool {
        self.0.remove(peer).is_some()
    }

    pub(crate) fn list(&self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        self.0.iter().map(|(peer, kept)| (*peer, kept.addresses.clone())).collect()
    }

    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.0.contains_key(peer)
    }

    pub(super) fn connected(&mut self, peer: &PeerId) {
        if let Some(kept) = self.0.get_mut(peer) {
            (kept.wait, kept.next) = (FIRST_WAIT, None);
        }
    }

    /// The connection is gone, or was not made: try again, each time later.
    pub(super) fn lost(&mut self, peer: &PeerId, now: Instant) {
        if let Some(kept) = self.0.get_mut(peer) {
            kept.next = Some(now + kept.wait);
            kept.wait = (kept.wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The peers whose time has come; they are being connected to from now on.
    fn due(&mut self, now: Instant) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let due = self.0.iter_mut().filter(|(_, kept)| kept.next.is_some_and(|next| next <= now));
        due.map(|(peer, kept)| {
            // Should no word come back of this attempt, there is another.
            kept.next = Some(now + LONGEST_WAIT);
            (*peer, kept.addresses.clone())
        })
        .collect()
    }
}

/// A connection that could be closed.
#[derive(Debug, Clone, Copy)]
struct Spare {
    link: ConnectionId,
    busy: bool,
    in_routing_table: bool,
    direction: Direction,
    since: Instant,
}

/// Which to close: the idle before the busy, strangers before those who help to find others, theirs before ours, old
/// before new.
fn least_useful(mut spare: Vec<Spare>, count: usize) -> Vec<ConnectionId> {
    spare.sort_by_key(|one| (one.busy, one.in_routing_table, one.direction == Direction::Outbound, one.since));
    spare.into_iter().take(count).map(|one| one.link).collect()
}

impl Host {
    pub(super) fn keep_peering(&mut self, now: Instant) {
        for (peer, addresses) in self.peering.due(now) {
            self.swarm.behaviour_mut().limits.bypass_peer_id(&peer);
            if self.peers.has(&peer) {
                self.peering.connected(&peer);
                continue;
            }
            self.learn(peer, addresses);
            self.dial_known(peer);
        }
    }

    pub(super) fn keep_bootstrapped(&mut self, now: Instant) {
        if self.peers.count() < ENOUGH_PEERS && now.duration_since(self.last_bootstrap) > ENTER_AGAIN {
            self.enter();
        }
    }

    pub(super) fn keep_refreshed(&mut self, now: Instant) {
        if now.duration_since(self.last_refresh) > dht::REFRESH {
            self.last_refresh = now;
            self.refresh();
        }
    }

    /// Closes the least useful connections above three quarters of the limit.
    pub(super) fn trim(&mut self, now: Instant) {
        let connections = self.limits.connections as usize;
        let allowed = connections - connections / 4;
        let excess = self.peers.links().saturating_sub(allowed);
        if excess == 0 {
            return;
        }
        for link in least_useful(self.spare(now), excess) {
            self.swarm.close_connection(link);
        }
    }

    fn spare(&mut self, now: Instant) -> Vec<Spare> {
        let streaming: HashSet<PeerId> = self.swarm.behaviour().streams.desk().open().into_keys().collect();
        let loose = self.peers.iter().filter(|(peer, _)| !streaming.contains(peer) && !self.peering.has(peer));
        let old = loose.flat_map(|(peer, state)| state.links.iter().map(|link| (*peer, link)));
        let old = old.filter(|(_, link)| now.duration_since(link.since) > GRACE);
        let old: Vec<_> = old.map(|(peer, link)| (peer, link.id, link.direction, link.since)).collect();
        let spare = old.into_iter().map(|(peer, link, direction, since)| {
            let passes = self.meter.with(&peer);
            let busy = passes.in_rate + passes.out_rate > BUSY_RATE;
            Spare { link, busy, in_routing_table: self.is_in_routing_table(peer), direction, since }
        });
        spare.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare(number: usize, in_routing_table: bool, direction: Direction, age: u64) -> Spare {
        let since = Instant::now().checked_sub(Duration::from_secs(age)).unwrap();
        Spare { link: ConnectionId::new_unchecked(number), busy: false, in_routing_table, direction, since }
    }

    #[test]
    fn strangers_go_first_then_the_old() {
        let all = vec![
            spare(1, true, Direction::Inbound, 1000),
            spare(2, false, Direction::Outbound, 900),
            spare(3, false, Direction::Inbound, 50),
            spare(4, false, Direction::Inbound, 60),
        ];
        let busy = Spare { busy: true, ..spare(5, false, Direction::Inbound, 2000) };
        let all = [all, vec![busy]].concat();
        let order: Vec<_> = [4, 3, 2, 1, 5].map(ConnectionId::new_unchecked).into();
        assert_eq!(least_useful(all.clone(), 5), order);
        assert_eq!(least_useful(all, 2), order[..2]);
    }

    #[test]
    fn a_lost_peer_is_tried_again_each_time_later() {
        let peer = PeerId::random();
        let address: Multiaddr = format!("/ip4/10.0.0.1/tcp/1/p2p/{peer}").parse().unwrap();
        let mut peering = Peering::new(std::slice::from_ref(&address));
        let now = Instant::now();
        assert_eq!(peering.due(now), [(peer, vec![address])]);
        assert!(peering.due(now).is_empty(), "it is being connected to");
        let mut waits = Vec::new();
        for _ in 0..12 {
            peering.lost(&peer, now);
            let next = peering.0[&peer].next.unwrap();
            waits.push(next.duration_since(now));
        }
        assert_eq!(waits[0], FIRST_WAIT);
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(*waits.last().unwrap(), LONGEST_WAIT);
        peering.connected(&peer);
        assert!(peering.due(now + LONGEST_WAIT * 2).is_empty(), "a connected peer is left alone");
    }
}
