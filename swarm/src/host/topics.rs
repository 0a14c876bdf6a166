//! Topics: who reads them here, and what is published.

use std::collections::HashMap;

use libp2p::{
    PeerId,
    gossipsub::{self, IdentTopic, PublishError, TopicHash},
};
use tokio::sync::mpsc;

use super::Host;
use crate::{errors::PubsubError, views::Message};

/// Messages that wait for a reader. A reader that is slower loses some, as pubsub promises nobody all of them.
const WAITING: usize = 256;

/// The readers of each topic.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    readers: HashMap<TopicHash, Readers>,
    lost: u64,
}

#[derive(Debug)]
struct Readers {
    topic: IdentTopic,
    queues: Vec<mpsc::Sender<Message>>,
}

impl Topics {
    /// The topics that are read here.
    pub(crate) fn names(&self) -> Vec<String> {
        self.readers.values().map(|readers| readers.topic.to_string()).collect()
    }

    fn tell(&mut self, topic: &TopicHash, from: PeerId, body: &[u8], sequence: u64) {
        let Some(readers) = self.readers.get(topic) else { return };
        for queue in &readers.queues {
            let message = Message { from, body: body.to_vec(), sequence, topic: readers.topic.to_string() };
            if queue.try_send(message).is_err() {
                self.lost += 1;
            }
        }
    }
}

impl Host {
    /// Begins to read a topic.
    pub(crate) fn subscribe(&mut self, topic: &str) -> Result<mpsc::Receiver<Message>, PubsubError> {
        let pubsub = self.swarm.behaviour_mut().pubsub.as_mut().ok_or(PubsubError::Off)?;
        let topic = IdentTopic::new(topic);
        pubsub.subscribe(&topic).map_err(|cause| PubsubError::Refused(cause.to_string()))?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let new = || Readers { topic: topic.clone(), queues: Vec::new() };
        self.topics.readers.entry(topic.hash()).or_insert_with(new).queues.push(sender);
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
        self.topics.tell(&topic, me, body, sequence);
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
            self.topics.tell(&message.topic, from, &message.data, message.sequence_number.unwrap_or_default());
        }
    }

    pub(super) fn forget_left_topics(&mut self) {
        let Some(pubsub) = self.swarm.behaviour_mut().pubsub.as_mut() else { return };
        self.topics.readers.retain(|_, readers| {
            readers.queues.retain(|queue| !queue.is_closed());
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
