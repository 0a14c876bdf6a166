//! Who is connected, by what number the state machines know them, and how they are written to.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
};

use bitswap::{Message, PeerKey};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::mpsc;

use super::{
    behaviour::Order,
    driver::Input,
    writing::{Kind, LETTERS, Letter, Writer},
};

/// The most peers whose addresses are remembered after they went.
const MAX_GONE: usize = 256;

/// All peers.
pub(super) struct Peers {
    here: HashMap<PeerId, Visit>,
    ids: HashMap<PeerKey, PeerId>,
    gone: HashMap<PeerKey, (PeerId, Vec<Multiaddr>)>,
    gone_order: VecDeque<PeerKey>,
    /// Gives the same peer the same number, and nobody knows which.
    numbers: RandomState,
    visits: u64,
    orders: mpsc::Sender<Order>,
    inputs: mpsc::Sender<Input>,
}

/// A peer that is connected.
struct Visit {
    visit: u64,
    key: PeerKey,
    address: Option<Multiaddr>,
    letters: mpsc::Sender<Letter>,
    /// Whether our wants are on their way to it: the next are told when it has these.
    being_told: bool,
}

/// A peer that can be told something now.
pub(super) struct Way<'a>(&'a mut Visit);

impl Peers {
    pub(super) fn new(orders: mpsc::Sender<Order>, inputs: mpsc::Sender<Input>) -> Self {
        Self {
            here: HashMap::new(),
            ids: HashMap::new(),
            gone: HashMap::new(),
            gone_order: VecDeque::new(),
            numbers: RandomState::new(),
            visits: 0,
            orders,
            inputs,
        }
    }

    /// The number of a peer, here or not.
    pub(super) fn key(&self, peer: &PeerId) -> PeerKey {
        PeerKey(self.numbers.hash_one(peer))
    }

    pub(super) fn id(&self, key: PeerKey) -> Option<PeerId> {
        self.ids.get(&key).copied()
    }

    pub(super) fn is_here(&self, peer: &PeerId) -> bool {
        self.here.contains_key(peer)
    }

    pub(super) fn all(&self) -> Vec<PeerId> {
        self.here.keys().copied().collect()
    }

    /// A peer is connected: it gets a writer.
    pub(super) fn came(&mut self, peer: PeerId, address: Option<Multiaddr>) -> PeerKey {
        let key = self.key(&peer);
        self.visits += 1;
        let (letters, waiting) = mpsc::channel(LETTERS);
        let (orders, inputs) = (self.orders.clone(), self.inputs.clone());
        tokio::spawn(Writer { peer, visit: self.visits, letters: waiting, orders, inputs }.run());
        self.here.insert(peer, Visit { visit: self.visits, key, address, letters, being_told: false });
        self.ids.insert(key, peer);
        key
    }

    /// A peer has gone. Its writer ends; where it was is remembered.
    pub(super) fn went(&mut self, peer: PeerId) -> Option<PeerKey> {
        let visit = self.here.remove(&peer)?;
        self.ids.remove(&visit.key);
        if self.gone.insert(visit.key, (peer, visit.address.into_iter().collect())).is_none() {
            self.gone_order.push_back(visit.key);
        }
        if self.gone_order.len() > MAX_GONE
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
        Some(visit.key)
    }

    /// A letter is out of the way. None when that was another visit.
    pub(super) fn written(&mut self, peer: &PeerId, visit: u64, kind: Kind) -> Option<PeerKey> {
        let here = self.here.get_mut(peer).filter(|here| here.visit == visit)?;
        if kind == Kind::Wants {
            here.being_told = false;
        }
        Some(here.key)
    }

    /// A peer to tell our wants, if it has those that it was told before.
    pub(super) fn way_to_tell(&mut self, key: PeerKey) -> Option<Way<'_>> {
        let id = self.ids.get(&key)?;
        self.here.get_mut(id).filter(|visit| !visit.being_told).map(Way)
    }

    /// A peer to send a reply.
    pub(super) fn way_to_reply(&mut self, key: PeerKey) -> Option<Way<'_>> {
        let id = self.ids.get(&key)?;
        self.here.get_mut(id).map(Way)
    }

    /// Orders something of the swarm. There are never more orders on their way than peers.
    pub(super) fn order(&self, order: Order) {
        let orders = self.orders.clone();
        tokio::spawn(async move { orders.send(order).await });
    }

    /// Connects again to a peer that went away.
    pub(super) fn dial(&self, key: PeerKey) {
        if let Some((peer, addresses)) = self.gone.get(&key) {
            self.order(Order::Dial(*peer, addresses.clone()));
        }
    }
}

impl Way<'_> {
    /// Gives a letter to the peer's writer. False when there is no room, which does not happen while the limits of the
    /// server and of [`Peers::way_to_tell`] hold.
    pub(super) fn tell(self, message: Message, kind: Kind) -> bool {
        if kind == Kind::Wants {
            self.0.being_told = true;
        }
        self.0.letters.try_send(Letter { message, kind }).is_ok()
    }
}
