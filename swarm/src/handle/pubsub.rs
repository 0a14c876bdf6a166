//! Topics: messages to all who read them, and from all who write.

use libp2p::PeerId;
use tokio::sync::mpsc;

use super::Swarm;
use crate::{
    errors::{Gone, PubsubError},
    host::Parcel,
    views::Message,
};

/// The messages of a topic. Dropped, the topic is read no more. Who reads slowly loses messages.
#[derive(Debug)]
pub struct Subscription(mpsc::Receiver<Parcel>);

impl Subscription {
    /// The next message; none when the peer has stopped.
    pub async fn next(&mut self) -> Option<Message> {
        self.0.recv().await.map(|(message, _)| message)
    }
}

impl Swarm {
    /// Publishes a message, to readers elsewhere and here.
    ///
    /// # Errors
    ///
    /// [`PubsubError::Off`] when pubsub is off, [`PubsubError::Refused`] when the message is too large or said already.
    pub async fn publish(&self, topic: &str, body: Vec<u8>) -> Result<(), PubsubError> {
        let topic = topic.to_owned();
        self.ask(move |host| host.publish(&topic, &body)).await?
    }

    /// Reads a topic from now on.
    ///
    /// # Errors
    ///
    /// [`PubsubError::Off`] when pubsub is off.
    pub async fn subscribe(&self, topic: &str) -> Result<Subscription, PubsubError> {
        let topic = topic.to_owned();
        self.ask(move |host| host.subscribe(&topic)).await?.map(Subscription)
    }

    /// The topics that are read here.
    ///
    /// # Errors
    ///
    /// When the peer has stopped.
    pub async fn topics(&self) -> Result<Vec<String>, Gone> {
        self.ask(|host| host.topics.names()).await
    }

    /// Who reads a topic elsewhere; without a topic, who reads any.
    ///
    /// # Errors
    ///
    /// [`PubsubError::Off`] when pubsub is off.
    pub async fn topic_peers(&self, topic: Option<&str>) -> Result<Vec<PeerId>, PubsubError> {
        let topic = topic.map(str::to_owned);
        self.ask(move |host| host.readers_elsewhere(topic.as_deref())).await?
    }
}
