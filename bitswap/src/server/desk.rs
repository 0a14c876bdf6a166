//! One peer, as seen by who serves it: its list, what is known of each entry, and what is ready to be sent.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use cid::Cid;

use crate::message::{Absence, There, WantKind};
use crate::{Entry, Presence};

use super::{Ledger, Limits};

/// The most HAVE and DONT_HAVE that wait for a peer. What exceeds it is left unsaid.
const MAX_PRESENCES: usize = 4_096;
/// The most HAVE and DONT_HAVE of one reply.
const REPLY_PRESENCES: usize = 1_024;

/// A connected peer.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) ledger: Ledger,
    /// Whether it is in the queue of turns.
    pub(super) has_turn: bool,
    /// Whether names of its list are being looked up.
    pub(super) looking: bool,
    /// Replies that are being read or written.
    pub(super) replies: usize,
    list: HashMap<Cid, Wanted>,
    to_look: VecDeque<Cid>,
    ready: BinaryHeap<(i32, Reverse<u64>, Cid)>,
    presences: VecDeque<Presence>,
    entries_made: u64,
}

/// An entry of the list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) entry: Entry,
    state: State,
}

/// What is known of an entry's block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is to be looked up.
    Unknown,
    /// It is being looked up.
    Looking,
    /// It is being looked up, but may have come since.
    LookAgain,
    /// It is not there.
    Absent,
    /// It is there, with this size.
    Ready(u32),
}

impl Desk {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            has_turn: false,
            looking: false,
            replies: 0,
            list: HashMap::new(),
            to_look: VecDeque::new(),
            ready: BinaryHeap::new(),
            presences: VecDeque::new(),
            entries_made: 0,
        }
    }

    pub(super) fn wants(&self) -> usize {
        self.list.len()
    }

    pub(super) fn has(&self, cid: &Cid) -> bool {
        self.list.contains_key(cid)
    }

    pub(super) fn names(&self) -> Vec<Cid> {
        self.list.keys().copied().collect()
    }

    /// Whether anything can be answered or looked up.
    pub(super) fn has_answers(&self) -> bool {
        !(self.ready.is_empty() && self.presences.is_empty() && self.to_look.is_empty())
    }

    /// Puts an entry into the list, or asks anew for one that is in it.
    pub(super) fn put(&mut self, entry: Entry) {
        self.list.insert(entry.cid, Wanted { entry, state: State::Unknown });
        self.to_look.push_back(entry.cid);
        // What was cancelled or asked again leaves its place in the queues.
        if self.to_look.len() > 2 * self.list.len() + REPLY_PRESENCES {
            self.to_look = self.list.iter().filter(|(_, w)| w.state == State::Unknown).map(|(cid, _)| *cid).collect();
        }
    }

    /// Puts back what could not be sent.
    pub(super) fn put_back(&mut self, entry: Entry, bytes: u32) {
        self.list.insert(entry.cid, Wanted { entry, state: State::Ready(bytes) });
        self.make_ready(entry);
    }

    pub(super) fn take(&mut self, cid: &Cid) -> Option<Wanted> {
        self.list.remove(cid)
    }

    pub(super) fn look_again(&mut self, cid: &Cid) {
        let Some(wanted) = self.list.get_mut(cid) else { return };
        match wanted.state {
            State::Looking => wanted.state = State::LookAgain,
            State::Absent => {
                wanted.state = State::Unknown;
                self.to_look.push_back(*cid);
            }
            _ => {}
        }
    }

    /// Names to look up next.
    pub(super) fn next_look(&mut self, names: usize) -> Vec<Cid> {
        let mut cids = Vec::new();
        while cids.len() < names
            && let Some(cid) = self.to_look.pop_front()
        {
            if let Some(wanted) = self.list.get_mut(&cid).filter(|wanted| wanted.state == State::Unknown) {
                wanted.state = State::Looking;
                cids.push(cid);
            }
        }
        cids
    }

    /// A block of the list is there, or is not. Says whether the entry is still to be waited for.
    pub(super) fn looked(&mut self, cid: &Cid, bytes: Option<u32>, limits: &Limits) -> Waits {
        let Some(wanted) = self.list.get_mut(cid) else { return Waits::No };
        let again = wanted.state == State::LookAgain;
        if !again && wanted.state != State::Looking {
            return Waits::StillQueued;
        }
        let entry = wanted.entry;
        match bytes {
            Some(_) if entry.kind == WantKind::Have && bytes > Some(limits.have_as_block_bytes) => {
                self.list.remove(cid);
                self.say(*cid, There::Have);
                return Waits::No;
            }
            Some(bytes) => {
                wanted.state = State::Ready(bytes);
                self.make_ready(entry);
                return Waits::Ready;
            }
            None if again => {
                wanted.state = State::Unknown;
                self.to_look.push_back(*cid);
            }
            None => {
                wanted.state = State::Absent;
                if entry.absence == Absence::Tell {
                    self.say(*cid, There::DontHave);
                }
            }
        }
        Waits::StillQueued
    }

    fn make_ready(&mut self, entry: Entry) {
        self.entries_made += 1;
        self.ready.push((entry.priority, Reverse(self.entries_made), entry.cid));
        if self.ready.len() > 2 * self.list.len() + REPLY_PRESENCES {
            let list = &self.list;
            self.ready.retain(|(_, _, cid)| list.get(cid).is_some_and(|w| matches!(w.state, State::Ready(_))));
        }
    }

    /// HAVE or DONT_HAVE goes out with the next reply.
    pub(super) fn say(&mut self, cid: Cid, there: There) {
        if self.presences.len() < MAX_PRESENCES {
            self.presences.push_back(Presence { cid, there });
        }
    }

    /// HAVE and DONT_HAVE for a reply.
    pub(super) fn take_presences(&mut self) -> Vec<Presence> {
        let count = self.presences.len().min(REPLY_PRESENCES);
        self.presences.drain(..count).collect()
    }

    /// Blocks for a reply, what is wanted most first. They leave the list.
    pub(super) fn take_blocks(&mut self, limits: &Limits) -> Vec<(Entry, u32)> {
        let mut taken = Vec::new();
        let mut sum = 0;
        while taken.len() < limits.reply_blocks && sum < limits.reply_bytes {
            let Some(&(_, _, cid)) = self.ready.peek() else { break };
            let ready = self.list.get(&cid).and_then(|wanted| match wanted.state {
                State::Ready(bytes) => Some((wanted.entry, bytes)),
                _ => None,
            });
            if let Some((_, bytes)) = ready
                && !taken.is_empty()
                && sum + bytes as usize > limits.max_reply_bytes
            {
                break;
            }
            self.ready.pop();
            if let Some((entry, bytes)) = ready {
                self.list.remove(&cid);
                sum += bytes as usize;
                taken.push((entry, bytes));
            }
        }
        taken
    }
}

/// Whether an entry still waits after a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// It was answered, or is not in the list.
    No,
    /// Its block is there and goes out.
    Ready,
    /// It waits for its block.
    StillQueued,
}
