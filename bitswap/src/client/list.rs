//! The bookkeeping of entries: a want and the lists of the peers always tell the same.

use cid::Cid;

use crate::message::WantKind;
use crate::{Entry, Moment, PeerKey};

use super::peer::End;
use super::want::{Stage, note};
use super::{Client, SessionId, Urgency};

/// Above this are the priorities of what somebody waits for.
const URGENT: i32 = 1_000_000_000;

impl Client {
    /// Puts an entry into a peer's list.
    pub(super) fn put_entry(&mut self, cid: &Cid, key: PeerKey, kind: WantKind, now: Moment) {
        let (Some(want), Some(peer)) = (self.wants.get_mut(cid), self.peers.get_mut(&key)) else { return };
        let urgency = want.lead().map_or(Urgency::Ahead, |(_, urgency)| urgency);
        self.entries_made = (self.entries_made + 1) % URGENT;
        let above = if urgency == Urgency::Now { URGENT } else { 0 };
        peer.put(Entry::want(*cid, kind, above + URGENT - self.entries_made), now);
        note(&mut want.told, key);
    }

    /// Takes an entry out of a peer's list, because it answered.
    pub(super) fn answered_at(&mut self, cid: &Cid, key: PeerKey) {
        self.take_entry(cid, key, End::Answered);
    }

    /// Takes an entry out of a peer's list, and tells it.
    pub(super) fn cancel_at(&mut self, cid: &Cid, key: PeerKey) {
        self.take_entry(cid, key, End::Cancel);
    }

    fn take_entry(&mut self, cid: &Cid, key: PeerKey, end: End) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.take(cid, end);
        }
        if let Some(want) = self.wants.get_mut(cid) {
            want.told.retain(|told| *told != key);
        }
    }

    /// A peer with an entry for this went away.
    pub(super) fn lose_entry(&mut self, cid: Cid, key: PeerKey) {
        let Some(want) = self.wants.get_mut(&cid) else { return };
        want.told.retain(|told| *told != key);
        want.haves.retain(|have| *have != key);
        want.denied.retain(|denied| *denied != key);
        if matches!(want.stage, Stage::Asked(asked, _) if asked == key) {
            self.queue_again(&cid);
        }
    }

    /// Puts a want back into the queue of its session.
    pub(super) fn queue_again(&mut self, cid: &Cid) {
        self.set_stage(cid, Stage::Queued);
        let Some((id, urgency)) = self.wants.get(cid).and_then(super::Want::lead) else { return };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.queue_again(*cid, urgency);
            self.stir(id);
        }
    }

    /// Moves a want to a stage, and the accounts of the sessions with it.
    pub(super) fn set_stage(&mut self, cid: &Cid, stage: Stage) {
        let Some(want) = self.wants.get_mut(cid) else { return };
        let before = std::mem::replace(&mut want.stage, stage);
        match before {
            Stage::Asked(_, id) => self.account(id, |session| session.in_flight -= 1),
            Stage::Sought(id) => self.account(id, |session| session.seeking -= 1),
            Stage::Queued | Stage::SoughtLong(_) => {}
        }
        match stage {
            Stage::Asked(_, id) => self.account(id, |session| session.in_flight += 1),
            Stage::Sought(id) => self.account(id, |session| session.seeking += 1),
            Stage::Queued | Stage::SoughtLong(_) => {}
        }
        if matches!(stage, Stage::Sought(_) | Stage::SoughtLong(_)) {
            self.sought.insert(*cid);
        } else {
            self.sought.remove(cid);
        }
    }

    fn account(&mut self, id: SessionId, change: impl FnOnce(&mut super::Session)) {
        if let Some(session) = self.sessions.get_mut(&id) {
            change(session);
            self.stir(id);
        }
    }

    /// Removes a want; says whose lists still name it.
    pub(super) fn end_want(&mut self, cid: &Cid) -> Vec<PeerKey> {
        self.set_stage(cid, Stage::Queued);
        self.wants.remove(cid).map(|want| want.told).unwrap_or_default()
    }

    /// A session left a want that others still wait for: it is on the account of one of them from now on.
    pub(super) fn pass_on(&mut self, from: SessionId, cid: &Cid) {
        let Some(want) = self.wants.get(cid) else { return };
        let Some((to, urgency)) = want.lead() else { return };
        match want.stage {
            Stage::Asked(key, id) if id == from => self.set_stage(cid, Stage::Asked(key, to)),
            Stage::Sought(id) if id == from => self.set_stage(cid, Stage::Sought(to)),
            Stage::SoughtLong(id) if id == from => self.set_stage(cid, Stage::SoughtLong(to)),
            Stage::Queued => {
                if let Some(session) = self.sessions.get_mut(&to) {
                    session.queue(*cid, urgency);
                    self.stir(to);
                }
            }
            _ => {}
        }
    }
}
