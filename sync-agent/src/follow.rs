//! The work: one server after the other is asked what is new, and what is new there and unknown here is kept.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use bytes::Bytes;
use daemon::{Failure, Running, pulse::Pulse, request_id, stop::Stop};
use prometheus_client::metrics::counter::Counter;
use proto::{
    RequestId, Seq, Topic,
    config::SyncAgent as Config,
    threads::{Change, Changes},
    wiring::SyncAgent,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    cursor::{Cursor, Cursors},
    home::{Home, HomeError},
    peer::{Found, Peer, PeerError},
};

/// The most bytes posted in one message.
const BATCH_BYTES: usize = 512 * 1024;
const BEAT_EVERY: Duration = Duration::from_millis(500);

/// Follows all servers.
pub struct Follower {
    home: Home,
    cursors: Cursors,
    peers: Vec<Peer>,
    poll_every: Duration,
    stop: Stop,
    pulse: Pulse,
    running: Running<SyncAgent>,
    copied: Counter,
    refused: Counter,
}

/// Why a step with one server was broken off; it is taken again later.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("cannot write the cursor")]
    Cursor(#[from] std::io::Error),
}

/// Whether a server has more to tell at once.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    More,
    UpToDate,
}

impl Follower {
    /// A follower that has not begun.
    pub fn new(running: &Running<SyncAgent>, config: &Config, home: Home, cursors: Cursors, peers: Vec<Peer>) -> Self {
        let (copied, refused) = (Counter::default(), Counter::default());
        running.register(|registry| {
            registry.register("sync_copied", "Comments copied from other servers", copied.clone());
            registry.register("sync_refused", "Comments of other servers that were refused", refused.clone());
        });
        let poll_every = Duration::from_millis(config.poll_every_ms.max(10));
        let (stop, pulse) = (running.stop(), running.pulse());
        Self { home, cursors, peers, poll_every, stop, pulse, running: running.clone(), copied, refused }
    }

    /// Works until the box is asked to stop.
    ///
    /// # Errors
    ///
    /// Never for what another server does.
    pub async fn run(mut self) -> Result<(), Failure> {
        self.running.ready();
        let (stop, pulse) = (self.stop.clone(), self.pulse.clone());
        let mut beats = interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = self.work();
        tokio::pin!(work);
        // One task: a beat is sent only while the work itself is being polled.
        loop {
            tokio::select! {
                () = stop.asked() => return Ok(()),
                _ = beats.tick() => pulse.beat(),
                never = &mut work => match never {},
            }
        }
    }

    async fn work(&mut self) -> Infallible {
        if self.peers.is_empty() {
            tracing::warn!("[sync-agent] peers is empty: nothing to copy from");
        }
        let mut polls = interval(self.poll_every);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            polls.tick().await;
            for peer in self.peers.clone() {
                self.catch_up(&peer).await;
            }
        }
    }

    async fn catch_up(&mut self, peer: &Peer) {
        loop {
            match self.step(peer).await {
                Ok(Step::More) => {}
                Ok(Step::UpToDate) => return,
                Err(error) => {
                    let error = Failure::failed("copying broken off, tried again later").because(error);
                    return tracing::warn!(peer = peer.address, %error);
                }
            }
        }
    }

    async fn step(&mut self, peer: &Peer) -> Result<Step, StepError> {
        let cursor = self.cursors.of(&peer.address);
        let page = peer.changes(cursor.seq).await?;
        if page.epoch != cursor.epoch && cursor.seq != Seq(0) {
            // Another log: its numbers mean nothing to us.
            self.cursors.set(&peer.address, Cursor { epoch: page.epoch, seq: Seq(0) })?;
            return Ok(Step::More);
        }
        self.copy(peer, &page).await?;
        if page.told_seq > cursor.seq || page.epoch != cursor.epoch {
            self.cursors.set(&peer.address, Cursor { epoch: page.epoch, seq: page.told_seq })?;
        }
        Ok(if page.told_seq < page.last_seq && page.told_seq > cursor.seq { Step::More } else { Step::UpToDate })
    }

    async fn copy(&self, peer: &Peer, page: &Changes) -> Result<(), StepError> {
        let request = request_id();
        for (topic, changes) in by_topic(&page.changes) {
            let mut batch = Vec::new();
            for change in changes {
                match self.fetch_unknown(peer, change, request).await {
                    Ok(blob) => batch.extend(blob),
                    Err(error) => {
                        // A server may let us fetch only so much at a time: what we have is not fetched again.
                        self.keep(topic, &batch, request).await?;
                        return Err(error);
                    }
                }
                if batch.iter().map(Bytes::len).sum::<usize>() > BATCH_BYTES {
                    self.keep(topic, &std::mem::take(&mut batch), request).await?;
                }
            }
            self.keep(topic, &batch, request).await?;
        }
        Ok(())
    }

    async fn fetch_unknown(&self, peer: &Peer, change: Change, request: RequestId) -> Result<Option<Bytes>, StepError> {
        if self.home.knows(change.topic, change.id, request).await? {
            return Ok(None);
        }
        match peer.comment(change.topic, change.id).await? {
            Found::Blob(blob) => Ok(Some(blob)),
            Found::Gone => Ok(None),
        }
    }

    async fn keep(&self, topic: Topic, batch: &[Bytes], request: RequestId) -> Result<(), StepError> {
        if batch.is_empty() {
            return Ok(());
        }
        let refused = self.home.keep(topic, batch, request).await?;
        self.copied.inc_by((batch.len() - refused) as u64);
        self.refused.inc_by(refused as u64);
        Ok(())
    }
}

fn by_topic(changes: &[Change]) -> BTreeMap<Topic, Vec<Change>> {
    let mut topics: BTreeMap<Topic, Vec<Change>> = BTreeMap::new();
    changes.iter().for_each(|change| topics.entry(change.topic).or_default().push(*change));
    topics
}

#[cfg(test)]
mod tests {
    use proto::CommentId;

    use super::*;

    #[test]
    fn arrivals_of_a_topic_stay_in_their_order() {
        let change = |seq, topic| Change { seq: Seq(seq), topic: Topic([topic; 20]), id: CommentId([seq as u8; 32]) };
        let topics = by_topic(&[change(1, 7), change(2, 3), change(3, 7)]);
        assert_eq!(topics[&Topic([7; 20])], [change(1, 7), change(3, 7)]);
        assert_eq!(topics.len(), 2);
    }
}
