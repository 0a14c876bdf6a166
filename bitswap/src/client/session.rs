//! One session: a group of wants that the same peers probably have.

use std::collections::{HashMap, HashSet, VecDeque};

use cid::Cid;

use crate::{Moment, PeerKey};

use super::{Limits, Urgency};

/// The most peers that a session remembers.
const MAX_PEERS: usize = 64;
/// So many DONT_HAVE in a row without a block: the peer is not one of this session.
const MAX_DENIALS: u32 = 32;
/// The pause after the first search; it doubles with each.
const FIRST_PAUSE_MS: u64 = 10_000;
const LONGEST_PAUSE_MS: u64 = 120_000;

/// A group of wants.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) root: Option<Cid>,
    /// All that it wants.
    pub(super) wanted: HashSet<Cid>,
    urgent: VecDeque<Cid>,
    ahead: VecDeque<Cid>,
    /// Wants that nobody known has, and that wait for their turn to be sought.
    parked: VecDeque<Cid>,
    /// Who had something of it.
    pub(super) peers: HashMap<PeerKey, Standing>,
    /// Wants that are asked of a peer.
    pub(super) in_flight: usize,
    /// Wants that are sought.
    pub(super) seeking: usize,
    /// Bytes that it holds for later.
    pub(super) held_bytes: u64,
    /// What a block of it weighs, as far as is known.
    mean_bytes: Option<u64>,
    /// When something last arrived.
    pub(super) moved_at: Moment,
    /// Not before then is a search for providers of use.
    pub(super) next_search: Moment,
    pause_ms: u64,
    /// Whether a gateway gave us a block of it.
    pub(super) by_gateway: bool,
}

/// What a peer did for a session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Standing {
    pub(super) blocks: u64,
    denials_in_a_row: u32,
}

impl Session {
    pub(super) fn new(root: Option<Cid>, known: impl Iterator<Item = PeerKey>, now: Moment) -> Self {
        Self {
            root,
            wanted: HashSet::new(),
            urgent: VecDeque::new(),
            ahead: VecDeque::new(),
            parked: VecDeque::new(),
            peers: known.map(|key| (key, Standing::default())).collect(),
            in_flight: 0,
            seeking: 0,
            held_bytes: 0,
            mean_bytes: None,
            moved_at: now,
            next_search: now,
            pause_ms: FIRST_PAUSE_MS,
            by_gateway: false,
        }
    }

    /// Whether a want may be added: what nobody waits for is limited in number.
    pub(super) fn accepts(&self, cid: &Cid, urgency: Urgency, limits: &Limits) -> bool {
        match urgency {
            Urgency::Now => true,
            Urgency::Ahead => !self.wanted.contains(cid) && self.wanted.len() < limits.ahead_wants,
        }
    }

    pub(super) fn queue(&mut self, cid: Cid, urgency: Urgency) {
        match urgency {
            Urgency::Now => self.urgent.push_back(cid),
            Urgency::Ahead => self.ahead.push_back(cid),
        }
    }

    /// Puts a want in front: it was asked for already, and that came to nothing.
    pub(super) fn queue_again(&mut self, cid: Cid, urgency: Urgency) {
        match urgency {
            Urgency::Now => self.urgent.push_front(cid),
            Urgency::Ahead => self.ahead.push_front(cid),
        }
    }

    /// The next of the queue, what somebody waits for first.
    pub(super) fn next(&mut self, room: bool) -> Option<Cid> {
        self.urgent.pop_front().or_else(|| if room { self.ahead.pop_front() } else { None })
    }

    /// Whether anything is in the queues.
    pub(super) fn has_queued(&self) -> bool {
        !(self.urgent.is_empty() && self.ahead.is_empty() && self.parked.is_empty())
    }

    /// Puts aside what can only be sought, while as much is sought as may be.
    pub(super) fn park(&mut self, cid: Cid) {
        self.parked.push_back(cid);
    }

    pub(super) fn next_parked(&mut self) -> Option<Cid> {
        self.parked.pop_front()
    }

    /// Somebody new may have what was put aside.
    pub(super) fn unpark(&mut self) {
        self.urgent.extend(self.parked.drain(..));
    }

    /// How many blocks to ask for at once: a few large ones, or many small ones.
    pub(super) fn window(&self, limits: &Limits) -> usize {
        let Some(mean) = self.mean_bytes else { return limits.first_in_flight };
        let fitting = usize::try_from(limits.in_flight_bytes / mean.max(1)).unwrap_or(usize::MAX);
        fitting.clamp(limits.min_in_flight, limits.max_in_flight)
    }

    /// Bytes that are on their way, as far as is known.
    pub(super) fn expected_bytes(&self) -> u64 {
        self.in_flight as u64 * self.mean_bytes.unwrap_or(256 * 1024)
    }

    /// A block of `bytes` came, of a peer or from elsewhere.
    pub(super) fn received(&mut self, bytes: usize, from: Option<PeerKey>, now: Moment) {
        self.moved_at = now;
        self.pause_ms = FIRST_PAUSE_MS;
        let bytes = bytes as u64;
        self.mean_bytes = Some(self.mean_bytes.map_or(bytes, |mean| (mean * 7 + bytes) / 8));
        if let Some(standing) = from.and_then(|key| self.know(key)) {
            standing.blocks += 1;
            standing.denials_in_a_row = 0;
        }
    }

    /// A peer has something of this session. None when it knows too many already.
    pub(super) fn know(&mut self, key: PeerKey) -> Option<&mut Standing> {
        if !self.peers.contains_key(&key) {
            if self.peers.len() >= MAX_PEERS {
                return None;
            }
            self.unpark();
        }
        Some(self.peers.entry(key).or_default())
    }

    /// A peer does not have a block of this session.
    pub(super) fn denied(&mut self, key: PeerKey) {
        let Some(standing) = self.peers.get_mut(&key) else { return };
        standing.denials_in_a_row += 1;
        if standing.denials_in_a_row > MAX_DENIALS {
            self.peers.remove(&key);
        }
    }

    /// Whether this peer's going away leaves the session without what it was getting.
    pub(super) fn misses(&self, key: PeerKey) -> bool {
        !self.wanted.is_empty() && self.peers.get(&key).is_some_and(|standing| standing.blocks > 0)
    }

    /// A search begins now; the next one not before a pause.
    pub(super) fn searches(&mut self, now: Moment) {
        self.next_search = now.plus_ms(self.pause_ms);
        self.pause_ms = (self.pause_ms * 2).min(LONGEST_PAUSE_MS);
    }
}
