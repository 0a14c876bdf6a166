//! Who asks this instance, how much each has open, and who has fallen silent.

use std::collections::HashMap;

use proto::bus::WINDOW_QUESTIONS;

use super::binding::Peer;

/// An asker is pinged every second; after so many pings without a word it is forgotten.
const SILENT_PINGS: u32 = 5;

/// The askers of one instance.
#[derive(Debug, Default)]
pub struct Askers(HashMap<Peer, Seen>);

#[derive(Debug, Default)]
struct Seen {
    silent_pings: u32,
    open: usize,
}

/// Whether an asker was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// This is its first message.
    New,
    /// It has been heard before.
    Before,
}

/// Who is to be pinged, and who to be forgotten.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Round {
    /// Were heard of lately.
    pub present: Vec<Peer>,
    /// Were not, and are forgotten already.
    pub silent: Vec<Peer>,
}

impl Askers {
    /// A message came.
    pub fn heard(&mut self, peer: &Peer) -> Known {
        if let Some(seen) = self.0.get_mut(peer) {
            seen.silent_pings = 0;
            return Known::Before;
        }
        self.0.insert(peer.clone(), Seen::default());
        Known::New
    }

    /// A question came. False when the asker has more open than its window.
    pub fn opened(&mut self, peer: &Peer) -> bool {
        let seen = self.0.entry(peer.clone()).or_default();
        if seen.open == WINDOW_QUESTIONS {
            return false;
        }
        seen.open += 1;
        true
    }

    /// A question was answered.
    pub fn closed(&mut self, peer: &Peer) {
        if let Some(seen) = self.0.get_mut(peer) {
            seen.open = seen.open.saturating_sub(1);
        }
    }

    /// The connection ended.
    pub fn gone(&mut self, peer: &Peer) {
        self.0.remove(peer);
    }

    /// It is time for pings.
    pub fn next_round(&mut self) -> Round {
        let mut round = Round::default();
        self.0.retain(|peer, seen| {
            seen.silent_pings += 1;
            let present = seen.silent_pings <= SILENT_PINGS;
            if present { &mut round.present } else { &mut round.silent }.push(peer.clone());
            present
        });
        round
    }

    /// All of them.
    pub fn all(&self) -> Vec<Peer> {
        self.0.keys().cloned().collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: &'static str) -> Peer {
        Peer(name.into())
    }

    #[test]
    fn an_asker_is_forgotten_after_five_pings_without_a_word() {
        let mut askers = Askers::default();
        askers.heard(&peer("silent"));
        askers.heard(&peer("alive"));
        for _ in 0..SILENT_PINGS {
            assert_eq!(askers.next_round().silent, []);
            assert_eq!(askers.heard(&peer("alive")), Known::Before);
        }
        let round = askers.next_round();
        assert_eq!(round, Round { present: vec![peer("alive")], silent: vec![peer("silent")] });
        assert_eq!(askers.heard(&peer("silent")), Known::New);
    }

    #[test]
    fn an_asker_may_have_a_window_of_questions_open_and_no_more() {
        let mut askers = Askers::default();
        let asker = peer("front");
        assert!((0..WINDOW_QUESTIONS).all(|_| askers.opened(&asker)));
        assert!(!askers.opened(&asker));
        askers.closed(&asker);
        assert!(askers.opened(&asker));
    }
}
