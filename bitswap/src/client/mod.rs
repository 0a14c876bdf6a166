//! What we want of others: the wants of all sessions, and whom to ask for each of them.
//!
//! Asked by `swarm`'s exchange, which tells what happened and does the [`Action`]s. A want goes through three stages:
//! queued in its session; asked of one peer that is believed to have it; or sought, which means that every connected
//! peer is asked whether it has it. What nobody near has is looked up ([`Action::FindProviders`]), then asked of gateways
//! ([`Action::AskGateways`]), and reported after a while without progress ([`Action::Failed`]). Nothing is lost in silence.
//!
//! Peers of the versions before 1.2 read a want-have as a want, and say nothing when they have nothing: that is all
//! right, since a block is an answer too, and silence is waited for with everybody.

mod arrive;
mod choose;
mod list;
mod peer;
mod session;
mod stats;
mod time;
mod want;

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use cid::Cid;

use crate::{Moment, PeerKey, Wantlist};
use peer::Peer;
use session::Session;
pub use stats::ClientStats;
use want::{Stage, Want};

/// A session, as its owner numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// Whether somebody waits for a block now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It will be wanted soon; it is fetched while there is room to hold it.
    Ahead,
    /// Somebody waits.
    Now,
}

/// Why a block did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nobody who could be found has it.
    NotFound,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Hand a block to a session that wants it.
    Deliver {
        /// Whose it is.
        session: SessionId,
        /// Its name.
        cid: Cid,
        /// The block.
        bytes: Bytes,
    },
    /// Tell a session that a block does not come.
    Failed {
        /// Who waits.
        session: SessionId,
        /// For what.
        cid: Cid,
        /// Why.
        failure: Failure,
    },
    /// Look up who has this, connect to them, then tell [`Client::searched`].
    FindProviders {
        /// What is looked for.
        cid: Cid,
    },
    /// Ask gateways for this, then tell [`Client::from_elsewhere`].
    AskGateways {
        /// What is asked for.
        cid: Cid,
    },
    /// Hang up: this peer sends what is not what it says.
    Disconnect {
        /// Who.
        peer: PeerKey,
    },
    /// Connect again: this peer went away in the middle of a session.
    Dial {
        /// Who.
        peer: PeerKey,
    },
}

/// Whether there are gateways to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gateways {
    /// There are none.
    None,
    /// There are some.
    Configured,
}

/// How much of everything, and how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Blocks asked for at once, in bytes as far as their size is known.
    pub in_flight_bytes: u64,
    /// The fewest blocks asked for at once by a session.
    pub min_in_flight: usize,
    /// Blocks asked for at once by a session that does not know their size yet.
    pub first_in_flight: usize,
    /// The most blocks asked for at once by a session.
    pub max_in_flight: usize,
    /// The most entries in the list that a peer has of us. Kubo drops what exceeds 1,024, in silence.
    pub entries_per_peer: usize,
    /// The most wants of a session that are sought at once.
    pub seeking: usize,
    /// The most wants of a session that nobody waits for yet.
    pub ahead_wants: usize,
    /// The most bytes that a session holds for later.
    pub held_bytes: u64,
    /// The most bytes that all sessions hold for later.
    pub held_in_all_bytes: u64,
    /// The most questions to gateways at once.
    pub gateway_asks: usize,
    /// A peer that sent nothing for so long is passed over.
    pub stall_ms: u64,
    /// A want that is this old is asked of somebody else even if its peer sends other blocks.
    pub overdue_ms: u64,
    /// Connected peers have so long to say that they have a block before providers are looked up.
    pub seek_ms: u64,
    /// Gateways are asked for what was sought for so long.
    pub gateway_ms: u64,
    /// What is sought is asked for again after so long.
    pub repeat_ms: u64,
    /// A want fails when neither it nor its session made progress for so long.
    pub give_up_ms: u64,
    /// Wrong blocks of a peer before it is disconnected.
    pub wrong_blocks: u32,
    /// A peer that sent wrong blocks is not talked to for so long.
    pub ban_ms: u64,
    /// Whether there are gateways to ask.
    pub gateways: Gateways,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight_bytes: 8 << 20,
            min_in_flight: 8,
            first_in_flight: 32,
            max_in_flight: 512,
            entries_per_peer: 1_000,
            seeking: 16,
            ahead_wants: 16_384,
            held_bytes: 16 << 20,
            held_in_all_bytes: 32 << 20,
            gateway_asks: 8,
            stall_ms: 2_500,
            overdue_ms: 30_000,
            seek_ms: 1_000,
            gateway_ms: 4_000,
            repeat_ms: 15_000,
            give_up_ms: 60_000,
            wrong_blocks: 4,
            ban_ms: 600_000,
            gateways: Gateways::None,
        }
    }
}

/// All that we want, of whom, and what is known of them.
#[derive(Debug)]
pub struct Client {
    limits: Limits,
    wants: HashMap<Cid, Want>,
    /// The wants that are sought.
    sought: HashSet<Cid>,
    sessions: HashMap<SessionId, Session>,
    peers: HashMap<PeerKey, Peer>,
    memory: stats::Memory,
    actions: VecDeque<Action>,
    /// Sessions that may have something to ask.
    stirred: Vec<SessionId>,
    /// What is asked of gateways now.
    at_gateways: usize,
    /// How many entries were made: gives them their order.
    entries_made: i32,
    stats: ClientStats,
}

impl Client {
    /// Nothing wanted, nobody known.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            wants: HashMap::new(),
            sought: HashSet::new(),
            sessions: HashMap::new(),
            peers: HashMap::new(),
            memory: stats::Memory::default(),
            actions: VecDeque::new(),
            stirred: Vec::new(),
            at_gateways: 0,
            entries_made: 0,
            stats: ClientStats::default(),
        }
    }

    /// Begins a session. Who had `root` before is asked first.
    pub fn open(&mut self, id: SessionId, root: Option<Cid>, now: Moment) {
        let known = root.iter().flat_map(|root| self.memory.holders(root));
        let session = Session::new(root, known, now);
        self.sessions.insert(id, session);
    }

    /// Ends a session: what only it wanted is cancelled.
    pub fn close(&mut self, id: SessionId, now: Moment) {
        let Some(session) = self.sessions.remove(&id) else { return };
        for cid in session.wanted {
            self.leave(id, &cid);
        }
        self.settle(now);
    }

    /// Wants a block for a session. A want ahead is forgotten at once when there are too many of them.
    pub fn want(&mut self, id: SessionId, cid: Cid, urgency: Urgency, now: Moment) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !session.accepts(&cid, urgency, &self.limits) {
            return;
        }
        if session.wanted.is_empty() {
            session.moved_at = now;
        }
        session.wanted.insert(cid);
        let want = self.wants.entry(cid).or_insert_with(|| Want::new(now));
        want.join(id, urgency);
        if matches!(want.stage, Stage::Queued) {
            session.queue(cid, urgency);
        }
        self.stir(id);
    }

    /// Wants a block no longer for a session.
    pub fn forget(&mut self, id: SessionId, cid: &Cid, now: Moment) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.wanted.remove(cid);
            self.leave(id, cid);
        }
        self.settle(now);
    }

    /// Tells how many bytes a session holds for later.
    pub fn held(&mut self, id: SessionId, held_bytes: u64) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.held_bytes = held_bytes;
            self.stir(id);
        }
    }

    /// A peer is there. It is told at once what is sought.
    pub fn connected(&mut self, key: PeerKey, now: Moment) {
        if self.memory.is_banned(key, now) {
            self.actions.push_back(Action::Disconnect { peer: key });
            return;
        }
        self.memory.returned(key);
        self.peers.insert(key, Peer::new(now));
        let sought: Vec<Cid> = self.sought.iter().copied().collect();
        for cid in sought {
            if let Some(want) = self.wants.get_mut(&cid) {
                want.denied.retain(|denied| *denied != key);
            }
            self.tell_sought(&cid, key, now);
        }
        let theirs = self.sessions.iter().filter(|(_, session)| session.peers.contains_key(&key));
        self.stirred.extend(theirs.map(|(id, _)| *id));
        self.settle(now);
    }

    /// A peer has gone, or does not speak Bitswap: what was asked of it is asked of others.
    pub fn disconnected(&mut self, key: PeerKey, now: Moment) {
        let Some(peer) = self.peers.remove(&key) else { return };
        for cid in peer.entries() {
            self.lose_entry(cid, key);
        }
        if self.sessions.values().any(|session| session.misses(key)) {
            self.memory.miss(key, now);
        }
        self.settle(now);
    }

    /// Bytes of the peer are coming in, of a message that is not whole yet.
    pub fn heard(&mut self, key: PeerKey, now: Moment) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.progress_at = now;
        }
        let theirs = self.sessions.values_mut().filter(|session| session.peers.contains_key(&key));
        theirs.for_each(|session| session.moved_at = now);
    }

    /// What was last taken for this peer may not have arrived: all is told again.
    pub fn unsent(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.repeat_all();
        }
    }

    /// The search for providers has ended; those who could be reached are connected.
    pub fn searched(&mut self, cid: &Cid, now: Moment) {
        if let Some(want) = self.wants.get_mut(cid) {
            want.searched_at = Some(now);
        }
    }

    /// What to tell this peer next; none when there is nothing.
    pub fn message(&mut self, key: PeerKey, now: Moment) -> Option<Wantlist> {
        self.settle(now);
        self.peers.get_mut(&key)?.next_wantlist(now)
    }

    /// Who is to be told something.
    pub fn to_be_told(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.peers.iter().filter(|(_, peer)| peer.has_news()).map(|(key, _)| *key)
    }

    /// What is to be done next.
    pub fn action(&mut self, now: Moment) -> Option<Action> {
        self.settle(now);
        self.actions.pop_front()
    }

    /// Whether time matters: something is wanted, or somebody missed.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.wants.is_empty() || self.memory.is_missing_somebody()
    }

    /// Whether blocks are asked of this peer now, so that large messages may come from it.
    #[must_use]
    pub fn expects_from(&self, key: PeerKey) -> bool {
        self.peers.get(&key).is_some_and(|peer| peer.list_entries() > 0)
    }

    /// What is wanted.
    pub fn wantlist(&self) -> impl Iterator<Item = &Cid> {
        self.wants.keys()
    }

    /// Counts since the start.
    #[must_use]
    pub const fn stats(&self) -> &ClientStats {
        &self.stats
    }

    fn stir(&mut self, id: SessionId) {
        if self.stirred.last() != Some(&id) {
            self.stirred.push(id);
        }
    }

    /// Lets sessions ask that may.
    fn settle(&mut self, now: Moment) {
        let mut stirred = std::mem::take(&mut self.stirred);
        stirred.sort_unstable();
        stirred.dedup();
        for id in stirred {
            self.fill(id, now);
        }
    }

    /// A session no longer waits for a block; when nobody does, it is cancelled everywhere.
    fn leave(&mut self, id: SessionId, cid: &Cid) {
        let Some(want) = self.wants.get_mut(cid) else { return };
        if want.leave(id) {
            let told = self.end_want(cid);
            for key in told {
                self.cancel_at(cid, key);
            }
        } else {
            self.pass_on(id, cid);
        }
    }
}

#[cfg(test)]
mod tests;
