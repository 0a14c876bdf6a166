//! Replies: looked up, packed, read and sent, each step a job of somebody else.

use bytes::Bytes;
use cid::Cid;

use crate::message::{Absence, There};
use crate::{Block, Entry, Message, PeerKey, Presence};

use super::desk::Waits;
use super::{Delivery, Job, Server, Ticket};

/// A reply that is being made.
#[derive(Debug)]
pub(super) struct Reply {
    /// To whom; none when it has gone.
    pub(super) peer: Option<PeerKey>,
    entries: Vec<(Entry, u32)>,
    presences: Vec<Presence>,
    blocks: Vec<Block>,
    /// What was set aside for it.
    bytes: usize,
}

impl Server {
    pub(super) fn look_job(&mut self, key: PeerKey) -> Option<Job> {
        if self.looks.len() >= self.limits.looks {
            return None;
        }
        let desk = self.desks.get_mut(&key).filter(|desk| !desk.looking)?;
        let cids = desk.next_look(self.limits.look_names);
        if cids.is_empty() {
            return None;
        }
        desk.looking = true;
        let ticket = self.ticket();
        self.looks.insert(ticket, (key, cids.clone()));
        Some(Job::Look { ticket, cids })
    }

    /// The sizes of what was looked up, in its order; none for what is not there.
    pub fn looked(&mut self, ticket: Ticket, sizes: &[Option<u32>]) {
        let Some((key, cids)) = self.looks.remove(&ticket) else { return };
        let Some(desk) = self.desks.get_mut(&key) else { return };
        desk.looking = false;
        let before = desk.wants();
        let sizes = sizes.iter().copied().chain(std::iter::repeat(None));
        let sendable = |bytes: &u32| (*bytes as usize) < crate::message::MAX_SENT_BYTES;
        let found: Vec<(Cid, Waits)> = cids
            .iter()
            .zip(sizes)
            .map(|(cid, size)| (*cid, desk.looked(cid, size.filter(sendable), &self.limits)))
            .collect();
        self.wants_in_all -= before - desk.wants();
        for (cid, waits) in found {
            if waits != Waits::StillQueued {
                self.wait_no_longer(&cid, key);
            }
        }
        self.give_turn(key);
    }

    /// Packs a reply. What has no block in it needs no reading.
    pub(super) fn read_job(&mut self, key: PeerKey) -> Option<Job> {
        if self.in_flight_bytes >= self.limits.in_flight_bytes {
            return None;
        }
        let desk = self.desks.get_mut(&key).filter(|desk| desk.replies < self.limits.replies_per_peer)?;
        let presences = desk.take_presences();
        let entries = desk.take_blocks(&self.limits);
        if entries.is_empty() && presences.is_empty() {
            return None;
        }
        desk.replies += 1;
        self.wants_in_all -= entries.len();
        let bytes = entries.iter().map(|(_, bytes)| *bytes as usize).sum();
        self.in_flight_bytes += bytes;
        let cids: Vec<Cid> = entries.iter().map(|(entry, _)| entry.cid).collect();
        let ticket = self.ticket();
        self.replies.insert(ticket, Reply { peer: Some(key), entries, presences, blocks: Vec::new(), bytes });
        if cids.is_empty() { self.send_job(ticket) } else { Some(Job::Read { ticket, cids }) }
    }

    /// The blocks that were read, in their order; none for what could not be.
    pub fn loaded(&mut self, ticket: Ticket, blocks: Vec<Option<Bytes>>) {
        let Some(reply) = self.replies.get_mut(&ticket) else { return };
        let blocks = blocks.into_iter().chain(std::iter::repeat(None));
        for ((entry, _), bytes) in reply.entries.iter().zip(blocks) {
            match bytes {
                Some(bytes) => reply.blocks.push(Block { cid: entry.cid, bytes }),
                None if entry.absence == Absence::Tell => {
                    reply.presences.push(Presence { cid: entry.cid, there: There::DontHave });
                }
                None => {}
            }
        }
        self.sendable.push_back(ticket);
    }

    pub(super) fn send_job(&mut self, ticket: Ticket) -> Option<Job> {
        let reply = self.replies.get_mut(&ticket)?;
        let message = Message {
            blocks: std::mem::take(&mut reply.blocks),
            presences: reply.presences.clone(),
            ..Message::default()
        };
        match reply.peer {
            Some(peer) if !message.is_empty() => Some(Job::Send { ticket, peer, message }),
            _ => {
                self.end_reply(ticket);
                None
            }
        }
    }

    /// A reply was written, or could not be; then what is still wanted goes into the next one.
    pub fn sent(&mut self, ticket: Ticket, delivery: Delivery) {
        let Some(reply) = self.end_reply(ticket) else { return };
        let Some(key) = reply.peer else { return };
        let Some(desk) = self.desks.get_mut(&key) else { return };
        match delivery {
            Delivery::Written => {
                desk.ledger.exchanged += 1;
                for ledger in [&mut desk.ledger, &mut self.sent] {
                    ledger.sent_bytes += reply.bytes as u64;
                    ledger.sent_blocks += reply.entries.len() as u64;
                }
            }
            Delivery::Failed => {
                for (entry, bytes) in reply.entries {
                    if !desk.has(&entry.cid) {
                        self.wants_in_all += 1;
                        desk.put_back(entry, bytes);
                    }
                }
                reply.presences.into_iter().for_each(|presence| desk.say(presence.cid, presence.there));
            }
        }
        self.give_turn(key);
    }

    fn end_reply(&mut self, ticket: Ticket) -> Option<Reply> {
        let reply = self.replies.remove(&ticket)?;
        self.in_flight_bytes -= reply.bytes;
        if let Some(desk) = reply.peer.and_then(|key| self.desks.get_mut(&key)) {
            desk.replies -= 1;
        }
        if let Some(key) = reply.peer {
            self.give_turn(key);
        }
        Some(reply)
    }
}
