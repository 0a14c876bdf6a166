//! Topics: who reads them here, and what is published.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use libp2p::{
    PeerId,
    gossipsub::{self, IdentTopic, PublishError, TopicHash},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Host;
use crate::{errors::PubsubError, views::Message};

/// Messages that wait for a reader. A reader that is slower loses some, as pubsub promises nobody all of them.
const WAITING: usize = 256;
/// And so many bytes of them.
const WAITING_BYTES: usize = 4 << 20;

/// A message with its part of a reader's memory.
pub(crate) type Parcel = (Message, OwnedSemaphorePermit);

/// The readers of each topic.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    readers: HashMap<TopicHash, Readers>,
    lost: u64,
}

#[derive(Debug)]
struct Readers {
    topic: IdentTopic,
    queues: Vec<Queue>,
}

/// What waits for one reader.
#[derive(Debug)]
struct Queue {
    parcels: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
}

impl Queue {
    /// Whether there was room for it.
    fn put(&self, message: Message) -> bool {
        let bytes = u32::try_from(message.body.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        room.is_ok_and(|room| self.parcels.try_send((message, room)).is_ok())
    }
}

impl Topics {
    /// The topics that are read here.
    pub(crate) fn names(&self) -> Vec<String> {
        self.readers.values().map(|readers| readers.topic.to_string()).collect()
    }

    fn tell(&mut self, topic: &TopicHash, from: PeerId, body: &Bytes, sequence: u64) {
        let Some(readers) = self.readers.get(topic) else { return };
        for queue in &readers.queues {
            let message = Message { from, body: body.clone(), sequence, topic: readers.topic.to_string() };
            if !queue.put(message) {
                self.lost += 1;
            }
        }
    }
}

impl Host {
    /// Begins to read a topic.
    pub(crate) fn subscribe(&mut self, topic: &str) -> Result<mpsc::Receiver<Parcel>, PubsubError> {
        let pubsub = self.swarm.behaviour_mut().pubsub.as_mut().ok_or(PubsubError::Off)?;
        let topic = IdentTopic::new(topic);
        pubsub.subscribe(&topic).map_err(|cause| PubsubError::Refused(cause.to_string()))?;
        let (parcels, receiver) = mpsc::channel(WAITING);
        let queue = Queue { parcels, room: Arc::new(Semaphore::new(WAITING_BYTES)) };
        let new = || Readers { topic: topic.clone(), queues: Vec::new() };
        self.topics.readers.entry(topic.hash()).or_insert_with(new).queues.push(queue);
        Ok(receiver)
    }

    /// Publishes a message. That nobody else reads the topic is no error: it is published all the same, to those here.
    pub(crate) fn publish(&mut self, topic: &str, body: &[u8]) -> Result<(), PubsubError> {
        let me = *self.swarm.local_peer_id();
        let pubsub = self.swarm.behaviour_mut().pubsub.as_mut().ok_or(PubsubError::Off)?;
        let topic = IdentTopic::new(topic).hash();
        let sequence = match pubsub.publish(topic.clone(), body) {
            Ok(id) => sequence_of(&id, me),
            Err(PublishError::NoPeersSubscribedToTopic | PublishError::AllQueuesFull(_)) => 0,
            Err(cause) => return Err(PubsubError::Refused(cause.to_string())),
        };
        self.topics.tell(&topic, me, &Bytes::copy_from_slice(body), sequence);
        Ok(())
    }

    /// Who reads the topic elsewhere; without a topic, who reads any.
    pub(crate) fn readers_elsewhere(&self, topic: Option<&str>) -> Result<Vec<PeerId>, PubsubError> {
        let pubsub = self.swarm.behaviour().pubsub.as_ref().ok_or(PubsubError::Off)?;
        let wanted = topic.map(|topic| IdentTopic::new(topic).hash());
        let all = pubsub.all_peers();
        let reading =
            all.filter(|(_, topics)| wanted.as_ref().map_or(!topics.is_empty(), |wanted| topics.contains(&wanted)));
        Ok(reading.map(|(peer, _)| *peer).collect())
    }

    pub(super) fn on_pubsub(&mut self, event: gossipsub::Event) {
        if let gossipsub::Event::Message { message, .. } = event
            && let Some(from) = message.source
        {
            self.topics.tell(&message.topic, from, &message.data.into(), message.sequence_number.unwrap_or_default());
        }
    }

    pub(super) fn forget_left_topics(&mut self) {
        let Some(pubsub) = self.swarm.behaviour_mut().pubsub.as_mut() else { return };
        self.topics.readers.retain(|_, readers| {
            readers.queues.retain(|queue| !queue.parcels.is_closed());
            let read = !readers.queues.is_empty();
            if !read {
                pubsub.unsubscribe(&readers.topic);
            }
            read
        });
    }
}

/// The library names a message by its publisher and number, one after the other.
fn sequence_of(id: &gossipsub::MessageId, publisher: PeerId) -> u64 {
    let name = String::from_utf8_lossy(&id.0).into_owned();
    name.strip_prefix(&publisher.to_base58()).and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_does_not_read_keeps_so_many_bytes_and_no_more() {
        let (parcels, mut receiver) = mpsc::channel(WAITING);
        let queue = Queue { parcels, room: Arc::new(Semaphore::new(WAITING_BYTES)) };
        let large = || Message {
            from: PeerId::random(),
            body: vec![0; WAITING_BYTES / 2].into(),
            sequence: 0,
            topic: "t".to_owned(),
        };
        assert!(queue.put(large()) && queue.put(large()));
        assert!(!queue.put(large()), "there is room for two");
        drop(receiver.try_recv());
        assert!(queue.put(large()), "one was read");
    }
}
