//! What time brings: silent peers are passed over, what is sought is sought further, and what is not found is reported.

use cid::Cid;

use crate::{Moment, PeerKey};

use super::want::{Elsewhere, Stage, note};
use super::{Action, Client, Failure, Gateways};

/// After the end of a search, those who were found have so long to answer before gateways are asked.
const AFTER_SEARCH_MS: u64 = 1_000;

impl Client {
    /// Time has passed. Called a few times a second while [`Client::is_waiting`].
    pub fn tick(&mut self, now: Moment) {
        for key in self.peers.keys().copied().collect::<Vec<_>>() {
            self.pass_over(key, now);
        }
        for cid in self.sought.iter().copied().collect::<Vec<_>>() {
            self.seek_on(&cid, now);
        }
        self.give_up(now);
        self.actions.extend(self.memory.dials(now).into_iter().map(|peer| Action::Dial { peer }));
        let queued = self.sessions.iter().filter(|(_, session)| session.has_queued()).map(|(id, _)| *id);
        self.stirred.extend(queued);
        self.settle(now);
    }

    /// Takes from a peer what it does not send.
    fn pass_over(&mut self, key: PeerKey, now: Moment) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        let silent = peer.silent_on(now, self.limits.stall_ms);
        peer.stalled |= !silent.is_empty();
        let overdue = peer.overdue(now, self.limits.overdue_ms);
        // Who says HAVE and sends nothing is not asked for the same again before all is sought anew.
        for cid in silent.into_iter().chain(overdue) {
            if let Some(want) = self.wants.get_mut(&cid) {
                note(&mut want.denied, key);
                self.take_over(&cid, key, now);
            }
        }
    }

    /// Somebody else is asked, or everybody. In the peer's list it stays then: a late block is better than none.
    fn take_over(&mut self, cid: &Cid, key: PeerKey, now: Moment) {
        let Some(want) = self.wants.get(cid) else { return };
        let Stage::Asked(asked, id) = want.stage else { return };
        if asked == key && !self.ask_another(cid, key, now) {
            self.seek(id, cid, now);
        }
    }

    fn seek_on(&mut self, cid: &Cid, now: Moment) {
        self.look_further(cid, now);
        let Some(want) = self.wants.get(cid) else { return };
        let searched = want.searched_at.is_some_and(|at| now.since_ms(at) >= AFTER_SEARCH_MS);
        let waited_ms = now.since_ms(want.sought_at);
        if searched || waited_ms >= self.limits.gateway_ms {
            self.ask_gateways(cid);
        }
        if let Some(Stage::Sought(id)) = self.wants.get(cid).map(|want| want.stage)
            && waited_ms >= self.limits.gateway_ms
        {
            self.set_stage(cid, Stage::SoughtLong(id));
        }
        if waited_ms >= self.limits.repeat_ms {
            self.repeat(cid, now);
        }
    }

    /// Says again what is sought, to everybody: an answer may have been lost, or somebody has it by now.
    fn repeat(&mut self, cid: &Cid, now: Moment) {
        let Some(want) = self.wants.get_mut(cid) else { return };
        want.sought_at = now;
        want.denied.clear();
        if want.elsewhere == Elsewhere::Failed {
            want.elsewhere = Elsewhere::NotAsked;
        }
        let told = want.told.clone();
        for key in told {
            if let Some(peer) = self.peers.get_mut(&key) {
                peer.repeat(cid, now);
            }
        }
        for key in self.peers.keys().copied().collect::<Vec<_>>() {
            self.tell_sought(cid, key, now);
        }
    }

    /// Reports what nobody brought, in sessions where nothing moves.
    fn give_up(&mut self, now: Moment) {
        let limit = self.limits.give_up_ms;
        let still = self.sessions.iter().filter(|(_, session)| now.since_ms(session.moved_at) >= limit);
        let wants = still.flat_map(|(id, session)| session.wanted.iter().map(|cid| (*id, *cid)));
        let old = |cid: &Cid| self.wants.get(cid).is_some_and(|want| now.since_ms(want.wanted_at) >= limit);
        let asks = |cid: &Cid| self.wants.get(cid).is_some_and(|want| want.elsewhere == Elsewhere::Asked);
        let open = |cid: &Cid| self.limits.gateways == Gateways::Configured && asks(cid);
        let given_up: Vec<_> = wants.filter(|(_, cid)| old(cid) && !open(cid)).collect();
        for (session, cid) in given_up {
            self.forget(session, &cid, now);
            self.actions.push_back(Action::Failed { session, cid, failure: Failure::NotFound });
        }
    }
}
