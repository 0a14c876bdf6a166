//! All that the peer does on a connection, put together: one field, one protocol or rule.

use std::{num::NonZeroUsize, time::Duration};

use libp2p::{
    autonat, connection_limits, dcutr, gossipsub, identify,
    identity::Keypair,
    mdns, ping, relay,
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};

use crate::{
    dht::{self, Net, Scoped},
    errors::StartError,
    exchange,
    filters::Filters,
    gate::Gate,
    settings::{Dht, Limits, Settings},
    streams,
};

/// As Kubo says it.
const PROTOCOL_VERSION: &str = "ipfs/0.1.0";
/// A peer that has died without a word is noticed by an unanswered ping.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_WAIT: Duration = Duration::from_secs(15);
/// A message of a topic; Kubo's limit.
const MESSAGE_BYTES: usize = 1 << 20;

/// More topics than this nobody reads; who says so is not heard.
const TOPICS_PER_PEER: usize = 1024;

/// Pubsub that remembers only so many topics of a peer.
type Bounded = gossipsub::MaxCountSubscriptionFilter<gossipsub::AllowAllSubscriptionFilter>;
type Pubsub = gossipsub::Behaviour<gossipsub::IdentityTransform, Bounded>;

/// What the peer does on its connections. The first fields decide whether there is one.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    pub(crate) gate: Gate,
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    pub(crate) exchange: exchange::Behaviour,
    pub(crate) streams: streams::Behaviour,
    pub(crate) wide: Toggle<Scoped>,
    pub(crate) local: Toggle<Scoped>,
    pub(crate) pubsub: Toggle<Pubsub>,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(crate) relay: relay::client::Behaviour,
    pub(crate) holes: Toggle<dcutr::Behaviour>,
    pub(crate) reach: Toggle<autonat::v2::client::Behaviour>,
    pub(crate) reach_of_others: Toggle<autonat::v2::server::Behaviour>,
}

impl Behaviour {
    pub(crate) fn new(
        settings: &Settings,
        filters: Filters,
        relay: relay::client::Behaviour,
        exchange: exchange::Behaviour,
    ) -> Result<Self, StartError> {
        let key = &settings.key.0;
        let id = settings.key.peer_id();
        let (wide, local) = dht::make(id, &settings.dht)?;
        // Only in the public network is there anybody who could tell, or to whom it matters.
        let public = settings.dht == Dht::Public;
        Ok(Self {
            gate: Gate::new(filters, settings.limits.connections_per_address),
            limits: connection_limits::Behaviour::new(limits(settings.limits)),
            identify: identify::Behaviour::new(identity(settings)),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING_EVERY).with_timeout(PING_WAIT)),
            exchange,
            streams: streams::Behaviour::default(),
            wide: wide.into(),
            local: local.into(),
            pubsub: settings.pubsub.then(|| pubsub(key)).transpose()?.into(),
            mdns: settings.mdns.then(|| neighbours(id)).transpose()?.into(),
            relay,
            holes: public.then(|| dcutr::Behaviour::new(id)).into(),
            reach: public.then(autonat::v2::client::Behaviour::default).into(),
            reach_of_others: public.then(autonat::v2::server::Behaviour::default).into(),
        })
    }

    /// The DHT of a network, where there is one.
    pub(crate) fn dht(&mut self, net: Net) -> Option<&mut Scoped> {
        match net {
            Net::Wide => self.wide.as_mut(),
            Net::Local => self.local.as_mut(),
        }
    }
}

/// An eighth of all connections is left to those that we begin ourselves.
fn limits(limits: Limits) -> connection_limits::ConnectionLimits {
    let Limits { connections, connections_per_peer, pending, .. } = limits;
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(pending))
        .with_max_pending_outgoing(Some(pending))
        .with_max_established_incoming(Some(connections - connections / 8))
        .with_max_established(Some(connections))
        .with_max_established_per_peer(Some(connections_per_peer))
}

fn identity(settings: &Settings) -> identify::Config {
    identify::Config::new(PROTOCOL_VERSION.to_owned(), settings.key.0.public())
        .with_agent_version(settings.agent_version.clone())
        .with_push_listen_addr_updates(true)
        // Whoever says under which addresses the peer is reached means those alone.
        .with_hide_listen_addrs(!settings.announce.is_empty())
        .with_cache_size(0)
}

fn pubsub(key: &Keypair) -> Result<Pubsub, StartError> {
    let fail = |cause: Box<dyn std::error::Error + Send + Sync>| StartError::Part { part: "pubsub", cause };
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Strict)
        .max_transmit_size(MESSAGE_BYTES)
        .connection_handler_queue_len(256)
        .build()
        .map_err(|cause| fail(Box::new(cause)))?;
    let signed = gossipsub::MessageAuthenticity::Signed(key.clone());
    let bounded = gossipsub::MaxCountSubscriptionFilter {
        filter: gossipsub::AllowAllSubscriptionFilter {},
        max_subscribed_topics: TOPICS_PER_PEER,
        max_subscriptions_per_request: TOPICS_PER_PEER,
    };
    Pubsub::new_with_subscription_filter(signed, config, bounded).map_err(|cause| fail(cause.into()))
}

fn neighbours(id: libp2p::PeerId) -> Result<mdns::tokio::Behaviour, StartError> {
    mdns::tokio::Behaviour::new(mdns::Config::default(), id)
        .map_err(|cause| StartError::Part { part: "the search for neighbours (mdns)", cause: Box::new(cause) })
}

/// How many peers a search of the DHT ends with.
pub(crate) const CLOSEST: NonZeroUsize = libp2p::kad::K_VALUE;
