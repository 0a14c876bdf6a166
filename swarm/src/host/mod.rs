//! The peer's own task: it alone owns the swarm. It never waits for anything but the swarm, its commands and the clock.
//!
//! The [handle](crate::Swarm) sends it commands: closures that are run between two events, each of which answers through
//! a channel of its own, at once or when the swarm tells. What it keeps is bounded: by the limit of connections
//! ([`peers`]), by the time that a search may take ([`search`]), by the number of topics ([`topics`]).

mod dials;
mod keep;
mod news;
mod peers;
mod search;
mod topics;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId,
    futures::StreamExt as _,
    swarm::{DialError, SwarmEvent},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout},
};

pub(crate) use search::Hunt;
pub(crate) use topics::{Parcel, Topics};

use crate::{
    behaviour::{Behaviour, BehaviourEvent},
    book::peer_of,
    settings::{Dht, Limits, Settings},
    transport::Meter,
    views::Bandwidth,
};
use dials::Dials;
use keep::Peering;
use peers::Peers;
use search::Searches;

/// Something to do between two events.
pub(crate) type Job = Box<dyn FnOnce(&mut Host) + Send>;

const TICK: Duration = Duration::from_secs(1);
/// So many peers of old are tried when nobody else is there.
const MET_LAST: usize = 8;
const LISTEN_WAIT: Duration = Duration::from_secs(2);

/// The swarm and all that is known around it.
pub(crate) struct Host {
    pub(crate) swarm: libp2p::Swarm<Behaviour>,
    pub(crate) peers: Peers,
    pub(crate) peering: Peering,
    pub(crate) topics: Topics,
    dials: Dials,
    searches: Searches,
    bootstrap: Vec<Multiaddr>,
    announced: bool,
    has_dht: bool,
    limits: Limits,
    meter: Meter,
    bandwidth: Bandwidth,
    jobs: mpsc::Receiver<Job>,
    last_bootstrap: Instant,
    last_refresh: Instant,
    stopping: bool,
}

impl Host {
    pub(crate) fn new(
        swarm: libp2p::Swarm<Behaviour>,
        settings: &Settings,
        meter: Meter,
        jobs: mpsc::Receiver<Job>,
    ) -> Self {
        Self {
            swarm,
            peers: Peers::default(),
            peering: Peering::new(&settings.peering),
            topics: Topics::default(),
            dials: Dials::default(),
            searches: Searches::default(),
            bootstrap: settings.bootstrap.clone(),
            announced: !settings.announce.is_empty(),
            has_dht: settings.dht != Dht::Off,
            limits: settings.limits,
            meter,
            bandwidth: Bandwidth::default(),
            jobs,
            last_bootstrap: Instant::now(),
            last_refresh: Instant::now(),
            stopping: false,
        }
    }

    /// Waits until each listener has its address, so that nobody is told an incomplete list. A listener that has none
    /// yet does not keep the peer from starting.
    pub(crate) async fn until_listening(&mut self, listeners: usize) {
        let all = async {
            let mut heard = HashSet::new();
            while heard.len() < listeners {
                let event = self.swarm.select_next_some().await;
                if let SwarmEvent::NewListenAddr { listener_id, .. } | SwarmEvent::ListenerClosed { listener_id, .. } =
                    &event
                {
                    heard.insert(*listener_id);
                }
                self.on_event(event);
            }
        };
        if timeout(LISTEN_WAIT, all).await.is_err() {
            tracing::warn!("not every address to listen at is known yet");
        }
    }

    /// Runs until it is told to stop, or until nobody holds a handle any more.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.stopping {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                job = self.jobs.recv() => match job {
                    Some(job) => job(&mut self),
                    None => break,
                },
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        }
    }

    /// Ends the task; connections are closed.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn bandwidth(&self) -> Bandwidth {
        self.bandwidth.now(self.meter.read())
    }

    /// What passes with one peer; nothing while it is not connected.
    pub(crate) fn bandwidth_with(&self, peer: &PeerId) -> Bandwidth {
        self.meter.with(peer)
    }

    fn on_tick(&mut self, now: Instant) {
        self.bandwidth = self.bandwidth.after_a_second(self.meter.read());
        self.meter.tick();
        self.keep_peering(now);
        self.keep_bootstrapped(now);
        self.keep_refreshed(now);
        self.trim(now);
        self.end_abandoned_searches();
        self.forget_left_topics();
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_news(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.peers.connected(peer_id, connection_id, &endpoint);
                self.peering.connected(&peer_id);
                self.dials.done(connection_id, Ok(peer_id));
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.on_closed(peer_id, connection_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error } => {
                self.on_failed_dial(connection_id, peer_id, &error);
            }
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.swarm.remove_external_address(&address),
            SwarmEvent::ListenerClosed { addresses, reason: Err(cause), .. } => {
                tracing::warn!(?addresses, %cause, "stopped to listen for peers");
            }
            SwarmEvent::ListenerError { error, .. } => tracing::debug!(%error, "a connection could not be accepted"),
            _ => {}
        }
    }

    fn on_closed(&mut self, peer: PeerId, id: libp2p::swarm::ConnectionId) {
        if self.peers.disconnected(peer, id) {
            self.peering.lost(&peer, Instant::now());
            self.meter.forget(&peer);
        }
    }

    fn on_failed_dial(&mut self, id: libp2p::swarm::ConnectionId, peer: Option<PeerId>, error: &DialError) {
        if let Some(peer) = peer {
            self.peering.lost(&peer, Instant::now());
        }
        self.dials.done(id, Err(dials::explain(error)));
    }

    /// Whoever listens in a private or local network is reachable there; in the public one that has to be shown, unless the
    /// address is of the world itself. The networks take only the addresses of their own scope.
    fn on_listening(&mut self, address: Multiaddr) {
        tracing::info!(%address, "listening for peers");
        if !self.announced {
            self.swarm.add_external_address(address);
        }
    }

    /// Peers of the configuration: into the routing tables, and connected to.
    pub(crate) fn enter(&mut self) {
        self.last_bootstrap = Instant::now();
        if self.peers.count() == 0 {
            self.meet_again();
        }
        for address in self.bootstrap.clone() {
            if let Some(peer) = peer_of(&address) {
                self.learn(peer, [address]);
                self.dial_known(peer);
            }
        }
    }

    /// Those who were met last, in case that a network has no other door: a small one needs no list of peers to enter it.
    fn meet_again(&mut self) {
        if !self.has_dht {
            return;
        }
        let last = self.swarm.behaviour().gate.book.all().into_iter().map(|(peer, _)| peer).take(MET_LAST);
        for peer in last.collect::<Vec<_>>() {
            self.dial_known(peer);
        }
    }
}
