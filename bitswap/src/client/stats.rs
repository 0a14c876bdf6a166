//! What the client counts, and what it remembers of peers beyond their connections and sessions.

use std::collections::{HashMap, VecDeque};

use cid::Cid;

use crate::{Moment, PeerKey};

/// The most roots whose holders are remembered.
const MAX_ROOTS: usize = 256;
/// The most holders of a root.
const MAX_HOLDERS: usize = 8;
/// The most peers that are banned, or waited for.
const MAX_PEERS: usize = 256;
/// The first pause before a lost peer is dialled; it doubles with each.
const FIRST_DIAL_MS: u64 = 250;
const MAX_DIALS: u32 = 8;

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClientStats {
    /// Blocks that were wanted and came.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blocks that came when nobody wanted them any more.
    pub duplicate_blocks: u64,
    /// Their bytes.
    pub duplicate_bytes: u64,
    /// Blocks that nobody had asked for: wrong ones.
    pub wrong_blocks: u64,
    /// Blocks that gateways gave.
    pub gateway_blocks: u64,
}

/// What is remembered of peers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    holders: HashMap<Cid, Vec<PeerKey>>,
    roots: VecDeque<Cid>,
    banned: HashMap<PeerKey, Moment>,
    missed: HashMap<PeerKey, Missed>,
}

#[derive(Debug)]
struct Missed {
    dial_at: Moment,
    dials: u32,
}

impl Memory {
    /// Who had this root before.
    pub(super) fn holders(&self, root: &Cid) -> impl Iterator<Item = PeerKey> + use<'_> {
        self.holders.get(root).into_iter().flatten().copied()
    }

    /// A peer has this root.
    pub(super) fn holds(&mut self, root: Cid, key: PeerKey) {
        if !self.holders.contains_key(&root) {
            self.roots.push_back(root);
            self.holders.insert(root, Vec::new());
        }
        if self.roots.len() > MAX_ROOTS
            && let Some(oldest) = self.roots.pop_front()
        {
            self.holders.remove(&oldest);
        }
        let Some(holders) = self.holders.get_mut(&root) else { return };
        if !holders.contains(&key) {
            holders.truncate(MAX_HOLDERS - 1);
            holders.insert(0, key);
        }
    }

    pub(super) fn ban(&mut self, key: PeerKey, until: Moment) {
        if self.banned.len() >= MAX_PEERS
            && let Some(first) = self.banned.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key)
        {
            self.banned.remove(&first);
        }
        self.banned.insert(key, until);
        self.missed.remove(&key);
    }

    pub(super) fn is_banned(&mut self, key: PeerKey, now: Moment) -> bool {
        self.banned.retain(|_, until| *until > now);
        self.banned.contains_key(&key)
    }

    /// A peer went away in the middle of a session.
    pub(super) fn miss(&mut self, key: PeerKey, now: Moment) {
        if self.missed.len() < MAX_PEERS && !self.banned.contains_key(&key) {
            self.missed.insert(key, Missed { dial_at: now.plus_ms(FIRST_DIAL_MS), dials: 0 });
        }
    }

    pub(super) fn returned(&mut self, key: PeerKey) {
        self.missed.remove(&key);
    }

    pub(super) fn is_missing_somebody(&self) -> bool {
        !self.missed.is_empty()
    }

    /// Whom to dial now.
    pub(super) fn dials(&mut self, now: Moment) -> Vec<PeerKey> {
        self.missed.retain(|_, missed| missed.dials < MAX_DIALS);
        let due = self.missed.iter_mut().filter(|(_, missed)| missed.dial_at <= now);
        due.map(|(key, missed)| {
            missed.dial_at = now.plus_ms(FIRST_DIAL_MS << missed.dials);
            missed.dials += 1;
            *key
        })
        .collect()
    }
}
