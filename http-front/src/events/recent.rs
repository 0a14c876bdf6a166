//! What a channel told last, bounded: who connects again after a moment is given it without anybody being asked.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use proto::Seq;

use super::text::Batch;

/// A few comments. Whoever is further behind asks for himself.
const KEPT_BYTES: usize = 16 * 1024;
const KEPT_BATCHES: usize = 16;

/// The last batches of a channel.
#[derive(Debug)]
pub(super) struct Recent {
    /// Everything after this is here.
    after: Seq,
    batches: VecDeque<Batch>,
    bytes: usize,
}

impl Recent {
    /// Nothing was told yet; what arrives after this place will be.
    pub(super) fn after(after: Seq) -> Self {
        Self { after, batches: VecDeque::new(), bytes: 0 }
    }

    /// Keeps what was told, and forgets what was told long ago.
    pub(super) fn keep(&mut self, batch: &Batch) {
        self.bytes += batch.bytes.len();
        self.batches.push_back(batch.clone());
        while self.bytes > KEPT_BYTES || self.batches.len() > KEPT_BATCHES {
            let Some(oldest) = self.batches.pop_front() else { return };
            self.bytes -= oldest.bytes.len();
            self.after = oldest.last().unwrap_or(self.after);
        }
    }

    /// What was told after a place; none when some of it is forgotten.
    pub(super) fn since(&self, seq: Seq) -> Option<Bytes> {
        if seq < self.after {
            return None;
        }
        let mut parts = self.batches.iter().map(|batch| batch.after(seq)).filter(|part| !part.is_empty());
        let Some(first) = parts.next() else { return Some(Bytes::new()) };
        let mut rest = parts.peekable();
        if rest.peek().is_none() {
            return Some(first);
        }
        let mut all = BytesMut::from(&first[..]);
        rest.for_each(|part| all.extend_from_slice(&part));
        Some(all.freeze())
    }
}

#[cfg(test)]
mod tests {
    use proto::{
        Epoch,
        threads::{Event, News, ThreadChange},
    };

    use super::*;

    fn batch(seqs: std::ops::Range<u64>, comment_bytes: u32) -> Batch {
        let change = |seq| ThreadChange { seq: Seq(seq), event: Event::Comment, replaces: None, comment_bytes };
        let changes: Vec<_> = seqs.map(change).collect();
        let comments = Bytes::from(vec![b'x'; comment_bytes as usize * changes.len()]);
        Batch::of(&News { epoch: Epoch(1), last_seq: Seq(0), count: 0, folder: None, next: None, changes, comments })
    }

    fn ids(bytes: &[u8]) -> Vec<u64> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("id: 1-")).map(|seq| seq.parse().unwrap()).collect()
    }

    #[test]
    fn whoever_was_away_for_a_moment_is_given_what_he_missed() {
        let mut recent = Recent::after(Seq(10));
        assert_eq!(recent.since(Seq(10)), Some(Bytes::new()));
        assert_eq!(recent.since(Seq(9)), None);
        recent.keep(&batch(11..14, 3));
        recent.keep(&batch(20..22, 3));
        assert_eq!(ids(&recent.since(Seq(12)).unwrap()), [13, 20, 21]);
        assert_eq!(ids(&recent.since(Seq(15)).unwrap()), [20, 21]);
        assert_eq!(recent.since(Seq(21)), Some(Bytes::new()));
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_forgotten_is_known() {
        let mut recent = Recent::after(Seq(0));
        for seq in 1..100 {
            recent.keep(&batch(seq..seq + 1, 2_000));
            assert!(recent.bytes <= KEPT_BYTES);
        }
        assert_eq!(recent.since(Seq(50)), None);
        assert_eq!(ids(&recent.since(recent.after).unwrap()).len(), recent.batches.len());
        recent.keep(&batch(100..102, 20_000));
        assert_eq!((recent.batches.len(), recent.after), (0, Seq(101)));
        assert_eq!(recent.since(Seq(101)), Some(Bytes::new()));
    }

    #[test]
    fn many_small_ones_are_bounded_in_number() {
        let mut recent = Recent::after(Seq(0));
        (1..1_000).for_each(|seq| recent.keep(&batch(seq..seq + 1, 1)));
        assert!(recent.batches.len() <= KEPT_BATCHES);
    }
}
