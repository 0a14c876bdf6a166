//! What peers and gateways send: blocks to those who wait, HAVE and DONT_HAVE to the choice of whom to ask.

use bytes::Bytes;
use cid::Cid;

use crate::message::There;
use crate::{Block, Message, Moment, PeerKey, Presence};

use super::want::{Elsewhere, Stage, note};
use super::{Action, Client, SessionId};

impl Client {
    /// A message of a peer: its blocks and presences. Its wantlist is for [`crate::Server`].
    pub fn received(&mut self, key: PeerKey, message: &Message, now: Moment) {
        let wanted = message.blocks.iter().filter(|block| self.wants.contains_key(&block.cid)).count();
        match self.peers.get_mut(&key) {
            Some(peer) if wanted > 0 => peer.delivered(wanted, now),
            Some(peer) => {
                peer.progress_at = now;
                peer.stalled &= message.presences.is_empty();
            }
            None => {}
        }
        let mut wrong = message.unnamed_blocks;
        for block in &message.blocks {
            wrong += usize::from(!self.block(key, block, now));
        }
        for presence in &message.presences {
            self.presence(key, *presence, now);
        }
        if wrong > 0 {
            self.sent_wrong(key, wrong, now);
        }
        self.settle(now);
    }

    /// A gateway gave a block, or none could. The bytes were checked.
    pub fn from_elsewhere(&mut self, cid: &Cid, bytes: Option<&Bytes>, now: Moment) {
        self.at_gateways = self.at_gateways.saturating_sub(1);
        match bytes {
            Some(bytes) => {
                self.stats.gateway_blocks += 1;
                let waiting = self.deliver(None, *cid, bytes, now);
                for id in waiting {
                    if let Some(session) = self.sessions.get_mut(&id) {
                        session.by_gateway = true;
                    }
                }
            }
            None => {
                if let Some(want) = self.wants.get_mut(cid) {
                    want.elsewhere = Elsewhere::Failed;
                }
            }
        }
        self.settle(now);
        self.next_for_gateways();
    }

    /// A gateway is free: it is asked for what is sought, in sessions in which gateways had blocks.
    fn next_for_gateways(&mut self) {
        let fits = |cid: &&Cid| {
            let want = self.wants.get(*cid).filter(|want| want.elsewhere == Elsewhere::NotAsked);
            let lead = want.and_then(super::Want::lead).and_then(|(id, _)| self.sessions.get(&id));
            lead.is_some_and(|session| session.by_gateway)
        };
        if let Some(cid) = self.sought.iter().find(fits).copied() {
            self.ask_gateways(&cid);
        }
    }

    /// Takes a block. False when it was never asked of this peer.
    fn block(&mut self, key: PeerKey, block: &Block, now: Moment) -> bool {
        if self.wants.contains_key(&block.cid) {
            self.answered_at(&block.cid, key);
            self.deliver(Some(key), block.cid, &block.bytes, now);
            return true;
        }
        let was_asked = self.peers.get(&key).is_none_or(|peer| peer.was_asked(&block.cid));
        if was_asked {
            self.stats.duplicate_blocks += 1;
            self.stats.duplicate_bytes += block.bytes.len() as u64;
        } else {
            self.stats.wrong_blocks += 1;
        }
        was_asked
    }

    /// Hands a block to all who wait, and cancels it at the others. Says who waited.
    fn deliver(&mut self, from: Option<PeerKey>, cid: Cid, bytes: &Bytes, now: Moment) -> Vec<SessionId> {
        let Some(want) = self.wants.get(&cid) else { return Vec::new() };
        let waiting: Vec<SessionId> = want.waiting.iter().map(|(id, _)| *id).collect();
        for key in self.end_want(&cid) {
            self.cancel_at(&cid, key);
        }
        self.stats.blocks += 1;
        self.stats.bytes += bytes.len() as u64;
        for &session in &waiting {
            self.received_for(session, &cid, bytes.len(), from, now);
            self.actions.push_back(Action::Deliver { session, cid, bytes: bytes.clone() });
        }
        waiting
    }

    fn received_for(&mut self, id: SessionId, cid: &Cid, bytes: usize, from: Option<PeerKey>, now: Moment) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.wanted.remove(cid);
        session.received(bytes, from, now);
        let root = session.root;
        self.stir(id);
        if let (Some(key), Some(root)) = (from, root) {
            self.memory.holds(root, key);
        }
    }

    fn presence(&mut self, key: PeerKey, presence: Presence, now: Moment) {
        let Some(want) = self.wants.get_mut(&presence.cid) else { return };
        match presence.there {
            There::Have => {
                note(&mut want.haves, key);
                want.denied.retain(|denied| *denied != key);
                self.has(key, &presence.cid);
            }
            There::DontHave => {
                note(&mut want.denied, key);
                want.haves.retain(|have| *have != key);
                self.has_not(key, &presence.cid, now);
            }
        }
    }

    /// A peer has a block: it is asked for it, if it was sought.
    fn has(&mut self, key: PeerKey, cid: &Cid) {
        let Some(want) = self.wants.get(cid) else { return };
        let stage = want.stage;
        for id in want.waiting.iter().map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            // No progress: who says HAVE for ever and sends nothing could keep a session waiting for ever.
            session.know(key);
            let root = session.root;
            self.stir(id);
            if let Some(root) = root {
                self.memory.holds(root, key);
            }
        }
        if matches!(stage, Stage::Sought(_) | Stage::SoughtLong(_)) {
            // A peer that was asked for the block itself, long ago, still owes it.
            if !self.peers.get(&key).is_some_and(|peer| peer.owes(cid)) {
                self.answered_at(cid, key);
            }
            self.queue_again(cid);
        }
    }

    /// A peer does not have a block: somebody else is asked. What is sought stays in its list, in case it gets it.
    fn has_not(&mut self, key: PeerKey, cid: &Cid, now: Moment) {
        let Some(want) = self.wants.get(cid) else { return };
        let stage = want.stage;
        for id in want.waiting.iter().map(|(id, _)| *id).collect::<Vec<_>>() {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.denied(key);
            }
        }
        match stage {
            Stage::Asked(asked, _) if asked == key => {
                self.cancel_at(cid, key);
                self.queue_again(cid);
            }
            Stage::Sought(_) | Stage::SoughtLong(_) => self.look_further(cid, now),
            _ => {}
        }
    }

    /// A peer sent what nobody asked for. What is asked of it is asked of others, and it is disconnected when it goes
    /// on. A few are forgiven: after a restart of ours, the last reply to our former self may be on its way.
    fn sent_wrong(&mut self, key: PeerKey, blocks: usize, now: Moment) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        peer.wrong_blocks = peer.wrong_blocks.saturating_add(u32::try_from(blocks).unwrap_or(u32::MAX));
        if peer.wrong_blocks > self.limits.wrong_blocks {
            self.memory.ban(key, now.plus_ms(self.limits.ban_ms));
            self.actions.push_back(Action::Disconnect { peer: key });
            self.disconnected(key, now);
            return;
        }
        let asked = peer.overdue(now, 0);
        for cid in asked {
            self.ask_another(&cid, key, now);
        }
    }
}
