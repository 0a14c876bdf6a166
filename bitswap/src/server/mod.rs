//! What others want of us: a list for each peer, and replies of bounded size, in turn.
//!
//! Asked by `swarm`'s exchange, which does the [`Job`]s: looks up what is there, reads blocks, sends replies. All that
//! a peer can make us keep is limited: entries of its list, entries of all lists, bytes of replies on their way. A want
//! for what is not there stays in the list and is answered when [`Server::has`] is told.

mod desk;
mod reply;
mod takes;

use std::collections::{HashMap, VecDeque};

use cid::Cid;

use crate::{Message, PeerKey};
use desk::Desk;
use reply::Reply;

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most entries of a peer's list. What exceeds it is answered with DONT_HAVE.
    pub wants_per_peer: usize,
    /// The most entries of all lists, but for what is sure.
    pub wants_in_all: usize,
    /// So many entries of a peer's list are taken even when all lists together are full.
    pub sure_wants: usize,
    /// A reply is sent when it has so many bytes.
    pub reply_bytes: usize,
    /// The most bytes of a reply of several blocks.
    pub max_reply_bytes: usize,
    /// The most blocks of a reply.
    pub reply_blocks: usize,
    /// The most replies to one peer that are being read or written.
    pub replies_per_peer: usize,
    /// The most bytes of all replies that are being read or written.
    pub in_flight_bytes: usize,
    /// The most names that are looked up at once for a peer.
    pub look_names: usize,
    /// The most look-ups at once.
    pub looks: usize,
    /// A want-have for a block of at most this size is answered with the block.
    pub have_as_block_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wants_per_peer: 2_048,
            wants_in_all: 65_536,
            sure_wants: 256,
            reply_bytes: 1 << 20,
            max_reply_bytes: 2 << 20,
            reply_blocks: 1_024,
            replies_per_peer: 2,
            in_flight_bytes: 8 << 20,
            look_names: 256,
            looks: 8,
            have_as_block_bytes: 1_024,
        }
    }
}

/// Names a job until it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What is to be done for a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Look up the size of these, then tell [`Server::looked`].
    Look {
        /// The job.
        ticket: Ticket,
        /// What is looked up.
        cids: Vec<Cid>,
    },
    /// Read these blocks, then tell [`Server::loaded`].
    Read {
        /// The job.
        ticket: Ticket,
        /// What is read.
        cids: Vec<Cid>,
    },
    /// Send this reply, then tell [`Server::sent`].
    Send {
        /// The job.
        ticket: Ticket,
        /// To whom.
        peer: PeerKey,
        /// The reply.
        message: Message,
    },
}

/// Whether a reply went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It was written.
    Written,
    /// It was not, or not all of it.
    Failed,
}

/// What went to and fro between a peer and us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Bytes of blocks that we sent.
    pub sent_bytes: u64,
    /// Blocks that we sent.
    pub sent_blocks: u64,
    /// Bytes of blocks that we received.
    pub received_bytes: u64,
    /// Messages both ways.
    pub exchanged: u64,
}

/// All that is wanted of us.
#[derive(Debug)]
pub struct Server {
    limits: Limits,
    desks: HashMap<PeerKey, Desk>,
    /// Peers for which something may be done, in turn.
    turns: VecDeque<PeerKey>,
    /// Who waits for what is not there, or not known to be.
    waiting: HashMap<Cid, Vec<PeerKey>>,
    looks: HashMap<Ticket, (PeerKey, Vec<Cid>)>,
    replies: HashMap<Ticket, Reply>,
    /// Replies that are whole.
    sendable: VecDeque<Ticket>,
    in_flight_bytes: usize,
    wants_in_all: usize,
    tickets: u64,
    /// Ledgers of peers that have gone.
    past: HashMap<PeerKey, Ledger>,
    sent: Ledger,
}

/// The most ledgers of peers that have gone.
const MAX_PAST: usize = 1_024;

impl Server {
    /// Nobody there, nothing wanted.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            desks: HashMap::new(),
            turns: VecDeque::new(),
            waiting: HashMap::new(),
            looks: HashMap::new(),
            replies: HashMap::new(),
            sendable: VecDeque::new(),
            in_flight_bytes: 0,
            wants_in_all: 0,
            tickets: 0,
            past: HashMap::new(),
            sent: Ledger::default(),
        }
    }

    /// A peer is there.
    pub fn connected(&mut self, key: PeerKey) {
        let ledger = self.past.remove(&key).unwrap_or_default();
        self.desks.insert(key, Desk::new(ledger));
    }

    /// A peer has gone, and its list with it.
    pub fn disconnected(&mut self, key: PeerKey) {
        let Some(desk) = self.desks.remove(&key) else { return };
        self.wants_in_all -= desk.wants();
        for cid in desk.names() {
            self.wait_no_longer(&cid, key);
        }
        for reply in self.replies.values_mut().filter(|reply| reply.peer == Some(key)) {
            reply.peer = None;
        }
        if self.past.len() >= MAX_PAST
            && let Some(any) = self.past.keys().next().copied()
        {
            self.past.remove(&any);
        }
        self.past.insert(key, desk.ledger);
    }

    /// A peer sent us a message with so many bytes of blocks.
    pub fn credit(&mut self, key: PeerKey, bytes: u64) {
        self.sent.received_bytes += bytes;
        if let Some(desk) = self.desks.get_mut(&key) {
            desk.ledger.received_bytes += bytes;
            desk.ledger.exchanged += 1;
        }
    }

    /// These blocks are there now: who waited for them is answered.
    pub fn has(&mut self, cids: &[Cid]) {
        for cid in cids {
            for key in self.waiting.get(cid).cloned().unwrap_or_default() {
                if let Some(desk) = self.desks.get_mut(&key) {
                    desk.look_again(cid);
                    self.give_turn(key);
                }
            }
        }
    }

    /// What to do next; none when there is nothing, or too much is being done.
    pub fn job(&mut self) -> Option<Job> {
        while let Some(ticket) = self.sendable.pop_front() {
            if let Some(job) = self.send_job(ticket) {
                return Some(job);
            }
        }
        for _ in 0..self.turns.len() {
            let key = self.turns.pop_front()?;
            if let Some(job) = self.look_job(key).or_else(|| self.read_job(key)) {
                self.turns.push_back(key);
                return Some(job);
            }
            self.end_turn(key);
        }
        None
    }

    /// How a peer's account stands; none when it was never here.
    #[must_use]
    pub fn ledger(&self, key: PeerKey) -> Option<Ledger> {
        self.desks.get(&key).map(|desk| desk.ledger).or_else(|| self.past.get(&key).copied())
    }

    /// What a peer wants of us.
    #[must_use]
    pub fn wantlist_of(&self, key: PeerKey) -> Vec<Cid> {
        self.desks.get(&key).map(Desk::names).unwrap_or_default()
    }

    /// What went to and fro with all peers.
    #[must_use]
    pub const fn totals(&self) -> Ledger {
        self.sent
    }

    /// Bytes of replies that are being read or written.
    #[must_use]
    pub const fn in_flight_bytes(&self) -> usize {
        self.in_flight_bytes
    }

    /// Entries of all lists.
    #[must_use]
    pub const fn wants(&self) -> usize {
        self.wants_in_all
    }

    fn give_turn(&mut self, key: PeerKey) {
        let Some(desk) = self.desks.get_mut(&key) else { return };
        if !desk.has_turn {
            desk.has_turn = true;
            self.turns.push_back(key);
        }
    }

    /// Nothing can be done for the peer now. It keeps its turn when only the memory for replies is used up.
    fn end_turn(&mut self, key: PeerKey) {
        let full = self.is_full();
        let Some(desk) = self.desks.get_mut(&key) else { return };
        if full && desk.has_answers() {
            self.turns.push_back(key);
        } else {
            desk.has_turn = false;
        }
    }

    fn is_full(&self) -> bool {
        self.in_flight_bytes >= self.limits.in_flight_bytes || self.looks.len() >= self.limits.looks
    }

    fn wait_no_longer(&mut self, cid: &Cid, key: PeerKey) {
        let Some(peers) = self.waiting.get_mut(cid) else { return };
        peers.retain(|peer| *peer != key);
        if peers.is_empty() {
            self.waiting.remove(cid);
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }
}

#[cfg(test)]
mod tests;
