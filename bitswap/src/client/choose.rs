//! Whom to ask for what: a session's queue meets the peers that have something of the session.

use cid::Cid;

use crate::message::WantKind;
use crate::{Moment, PeerKey};

use super::want::{Elsewhere, Stage};
use super::{Action, Client, Gateways, SessionId};

/// Whom to ask for a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Ask(PeerKey),
    /// Who has it has a full list.
    Later,
    Nobody,
}

/// What became of a want whose turn it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Taken,
    /// It is put aside until fewer are sought.
    Parked,
    /// All who have it have full lists.
    Missed,
}

impl Client {
    /// Asks for what is queued, as much as the session may have on its way.
    pub(super) fn fill(&mut self, id: SessionId, now: Moment) {
        let Some(session) = self.sessions.get(&id) else { return };
        let window = session.window(&self.limits);
        // Many wants in one message cost less than many messages: wait until some are to be told.
        let step = (window / 8).clamp(4, 64).min(window);
        if !session.has_queued() || session.in_flight > window - step {
            return;
        }
        self.seek_parked(id, now);
        let room_in_all = self.sessions.values().map(|session| session.held_bytes).sum::<u64>();
        let room_in_all = room_in_all < self.limits.held_in_all_bytes;
        while let Some(cid) = self.next_queued(id, window, room_in_all) {
            if self.begin(id, cid, now) == Turn::Missed {
                self.queue_again_quietly(id, cid);
                return;
            }
        }
    }

    fn seek_parked(&mut self, id: SessionId, now: Moment) {
        while let Some(session) = self.sessions.get_mut(&id)
            && session.seeking < self.limits.seeking
            && let Some(cid) = session.next_parked()
        {
            if self.is_queued(id, &cid) && self.begin(id, cid, now) != Turn::Taken {
                return;
            }
        }
    }

    fn is_queued(&self, id: SessionId, cid: &Cid) -> bool {
        let wanted = self.sessions.get(&id).is_some_and(|session| session.wanted.contains(cid));
        wanted && self.wants.get(cid).is_some_and(|want| want.stage == Stage::Queued)
    }

    fn next_queued(&mut self, id: SessionId, window: usize, room_in_all: bool) -> Option<Cid> {
        loop {
            let session = self.sessions.get_mut(&id)?;
            if session.in_flight >= window {
                return None;
            }
            let own_room = session.held_bytes + session.expected_bytes() < self.limits.held_bytes;
            let cid = session.next(own_room && room_in_all)?;
            if self.is_queued(id, &cid) {
                return Some(cid);
            }
        }
    }

    /// Asks somebody or everybody, as far as the limits allow.
    fn begin(&mut self, id: SessionId, cid: Cid, now: Moment) -> Turn {
        match self.choose(id, &cid) {
            Choice::Ask(key) => self.ask(id, &cid, key, now),
            Choice::Later => return Turn::Missed,
            Choice::Nobody => {
                let Some(session) = self.sessions.get_mut(&id) else { return Turn::Taken };
                if session.seeking >= self.limits.seeking {
                    session.park(cid);
                    return Turn::Parked;
                }
                self.seek(id, &cid, now);
            }
        }
        Turn::Taken
    }

    fn queue_again_quietly(&mut self, id: SessionId, cid: Cid) {
        let urgency = self.wants.get(&cid).and_then(super::Want::lead).map(|(_, urgency)| urgency);
        if let (Some(session), Some(urgency)) = (self.sessions.get_mut(&id), urgency) {
            session.queue_again(cid, urgency);
        }
    }

    /// The peer of the session that would send it soonest.
    fn choose(&self, id: SessionId, cid: &Cid) -> Choice {
        let (Some(session), Some(want)) = (self.sessions.get(&id), self.wants.get(cid)) else { return Choice::Nobody };
        let known = session.peers.keys().chain(&want.haves);
        let able = known.filter(|key| !want.denied.contains(key));
        let able = able.filter_map(|key| self.peers.get(key).filter(|peer| !peer.stalled).map(|peer| (*key, peer)));
        let mut best: Option<(PeerKey, f64)> = None;
        let mut full = false;
        for (key, peer) in able {
            if peer.list_entries() >= self.limits.entries_per_peer {
                full = true;
            } else if best.is_none_or(|(_, cost)| peer.cost() < cost) {
                best = Some((key, peer.cost()));
            }
        }
        match best {
            Some((key, _)) => Choice::Ask(key),
            None if full => Choice::Later,
            None => Choice::Nobody,
        }
    }

    fn ask(&mut self, id: SessionId, cid: &Cid, key: PeerKey, now: Moment) {
        self.set_stage(cid, Stage::Asked(key, id));
        self.put_entry(cid, key, WantKind::Block, now);
    }

    /// Asks all who are connected whether they have it.
    pub(super) fn seek(&mut self, id: SessionId, cid: &Cid, now: Moment) {
        self.set_stage(cid, Stage::Sought(id));
        if let Some(want) = self.wants.get_mut(cid) {
            want.sought_at = now;
        }
        let all: Vec<PeerKey> = self.peers.keys().copied().collect();
        for key in all {
            self.tell_sought(cid, key, now);
        }
        let by_gateway = self.sessions.get(&id).is_some_and(|session| session.by_gateway);
        if by_gateway {
            self.ask_gateways(cid);
        }
        self.look_further(cid, now);
    }

    /// Asks one peer whether it has what is sought, unless it was asked before or its list is full.
    pub(super) fn tell_sought(&mut self, cid: &Cid, key: PeerKey, now: Moment) {
        let fits = self.peers.get(&key).is_some_and(|peer| peer.list_entries() < self.limits.entries_per_peer);
        let new = self.wants.get(cid).is_some_and(|want| !want.told.contains(&key) && !want.denied.contains(&key));
        if fits && new {
            self.put_entry(cid, key, WantKind::Have, now);
        }
    }

    /// Another peer than `not` takes over a block, if there is one.
    pub(super) fn ask_another(&mut self, cid: &Cid, not: PeerKey, now: Moment) -> bool {
        let Some((id, _)) = self.wants.get(cid).and_then(super::Want::lead) else { return false };
        let Choice::Ask(key) = self.choose(id, cid) else { return false };
        if key == not {
            return false;
        }
        self.cancel_at(cid, not);
        self.ask(id, cid, key, now);
        true
    }

    /// Looks up providers when those who are connected had their time, or said no.
    pub(super) fn look_further(&mut self, cid: &Cid, now: Moment) {
        let Some(want) = self.wants.get(cid) else { return };
        let (Stage::Sought(id) | Stage::SoughtLong(id)) = want.stage else { return };
        let waited = now.since_ms(want.sought_at) >= self.limits.seek_ms;
        if !waited && !want.is_denied_by_all() {
            return;
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.next_search > now {
            return;
        }
        session.searches(now);
        // Many announce roots only.
        let root = session.root.filter(|root| root != cid);
        self.actions.extend(root.into_iter().chain([*cid]).map(|cid| Action::FindProviders { cid }));
    }

    /// Asks the gateways, unless there are none, they were asked, or too much is asked of them now.
    pub(super) fn ask_gateways(&mut self, cid: &Cid) {
        let busy = self.at_gateways >= self.limits.gateway_asks;
        if self.limits.gateways == Gateways::None || busy {
            return;
        }
        if let Some(want) = self.wants.get_mut(cid).filter(|want| want.elsewhere == Elsewhere::NotAsked) {
            want.elsewhere = Elsewhere::Asked;
            self.at_gateways += 1;
            self.actions.push_back(Action::AskGateways { cid: *cid });
        }
    }
}
