//! One block that is wanted: who waits for it, who was told, and who answered what.

use crate::{Moment, PeerKey};

use super::{SessionId, Urgency};

/// A block that is wanted.
#[derive(Debug)]
pub(super) struct Want {
    /// Who waits; the first one's peers are asked.
    pub(super) waiting: Vec<(SessionId, Urgency)>,
    pub(super) stage: Stage,
    /// Since when it is wanted.
    pub(super) wanted_at: Moment,
    /// Since when it is sought, or when it was last sought again.
    pub(super) sought_at: Moment,
    /// When the search for providers ended.
    pub(super) searched_at: Option<Moment>,
    /// Peers with an entry for it in their list.
    pub(super) told: Vec<PeerKey>,
    /// Peers that said HAVE.
    pub(super) haves: Vec<PeerKey>,
    /// Peers that said DONT_HAVE, or were given up for it.
    pub(super) denied: Vec<PeerKey>,
    pub(super) elsewhere: Elsewhere,
}

/// Where a want is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// In the queue of its session.
    Queued,
    /// Asked of a peer, on the account of a session.
    Asked(PeerKey, SessionId),
    /// Everybody was asked whether they have it, on the account of a session.
    Sought(SessionId),
    /// It is sought still, but on no account any more: it makes room for others.
    SoughtLong(SessionId),
}

/// What the gateways have to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    NotAsked,
    Asked,
    Failed,
}

impl Want {
    pub(super) fn new(now: Moment) -> Self {
        Self {
            waiting: Vec::with_capacity(1),
            stage: Stage::Queued,
            wanted_at: now,
            sought_at: now,
            searched_at: None,
            told: Vec::new(),
            haves: Vec::new(),
            denied: Vec::new(),
            elsewhere: Elsewhere::NotAsked,
        }
    }

    /// One more session waits, or waits more urgently.
    pub(super) fn join(&mut self, id: SessionId, urgency: Urgency) {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == id) {
            Some((_, before)) => *before = urgency.max(*before),
            None => self.waiting.push((id, urgency)),
        }
    }

    /// A session no longer waits. Says whether nobody does.
    pub(super) fn leave(&mut self, id: SessionId) -> bool {
        self.waiting.retain(|(waiting, _)| *waiting != id);
        self.waiting.is_empty()
    }

    /// The session whose peers are asked, and how urgent it is to anybody.
    pub(super) fn lead(&self) -> Option<(SessionId, Urgency)> {
        let urgency = self.waiting.iter().map(|(_, urgency)| *urgency).max()?;
        self.waiting.first().map(|(id, _)| (*id, urgency))
    }

    /// Whether all who were told said no, or nobody was told.
    pub(super) fn is_denied_by_all(&self) -> bool {
        self.told.iter().all(|key| self.denied.contains(key))
    }
}

/// Adds to a short list what is not in it.
pub(super) fn note(list: &mut Vec<PeerKey>, key: PeerKey) {
    if !list.contains(&key) {
        list.push(key);
    }
}
