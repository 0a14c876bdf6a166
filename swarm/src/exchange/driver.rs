//! The driver: a task that owns what we want and what others want of us, and lets things happen in turn.
//!
//! It is told everything as an [`Input`], does what the state machines of crate `bitswap` answer, and never waits for
//! anything else: peers are written to by their writers, blocks are read on threads that may block, gateways and
//! searches are tasks. When it ends, everybody who waits for a block is told.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use bitswap::{
    Action, Client, ClientLimits, Delivery, Message, Moment, Server, ServerLimits, SessionId, Ticket, Urgency,
};
use bytes::Bytes;
use cid::Cid;
use libp2p::{
    PeerId,
    futures::{StreamExt as _, channel::mpsc as slow},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    behaviour::{Change, Order},
    control::Question,
    gateway::Gateways,
    peers::Peers,
    reading::Held,
    room::Room,
    search::Search,
    session::{Desk, FetchError, Request},
    writing::{Kind, Outcome},
};
use crate::store::BlockStore;

/// How often time is looked at while something is wanted.
const TICK: Duration = Duration::from_millis(250);
/// What the driver takes at once.
const BATCH: usize = 64;
/// Messages of peers that nobody said had come; they are dealt with as soon as that is said.
const EARLY: usize = 64;

/// What the driver is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// A message of a peer. Its memory is held until it has been dealt with.
    Arrived { peer: PeerId, message: Message, held: Held },
    /// A long message is coming in.
    Heard(PeerId),
    /// A peer sent what cannot be read.
    Spoiled(PeerId),
    /// What became of a letter.
    Written { peer: PeerId, visit: u64, kind: Kind, outcome: Outcome },
    /// Sizes that were looked up.
    Looked(Ticket, Vec<Option<u32>>),
    /// Blocks that were read.
    Loaded(Ticket, Vec<Option<Bytes>>),
    /// A search has ended.
    Searched(Cid),
    /// What gateways had to say.
    FromGateway(Cid, Option<Bytes>),
    /// Somebody asks, or tells that blocks are here.
    Asked(Question),
}

/// Whom the driver tells.
pub(super) struct Ways {
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) searching: mpsc::Sender<Search>,
    pub(super) store: Arc<dyn BlockStore>,
    pub(super) gateways: Vec<String>,
}

/// Who tells the driver.
pub(super) struct Sources {
    pub(super) inbox: mpsc::Receiver<Input>,
    pub(super) changes: slow::Receiver<Change>,
    pub(super) requests: Arc<Desk>,
}

/// The task.
pub(crate) struct Driver {
    pub(super) client: Client,
    pub(super) server: Server,
    pub(super) peers: Peers,
    pub(super) ways: Ways,
    gateways: Gateways,
    rooms: HashMap<SessionId, Weak<Room>>,
    sources: Sources,
    early: VecDeque<(PeerId, Message, Held)>,
    /// Jobs for the server that run on threads that may block.
    pub(super) jobs: usize,
    pub(super) received_messages: u64,
    started: Instant,
}

impl Driver {
    pub(super) fn new(client: ClientLimits, server: ServerLimits, mut ways: Ways, sources: Sources) -> Self {
        Self {
            client: Client::new(client),
            server: Server::new(server),
            peers: Peers::new(ways.orders.clone(), ways.inputs.clone()),
            gateways: Gateways::new(mem::take(&mut ways.gateways)),
            ways,
            rooms: HashMap::new(),
            sources,
            early: VecDeque::new(),
            jobs: 0,
            received_messages: 0,
            started: Instant::now(),
        }
    }

    /// Runs until the swarm has ended.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                change = self.sources.changes.next() => match change {
                    Some(change) => self.changed(change),
                    None => return,
                },
                _ = self.sources.inbox.recv_many(&mut batch, BATCH) => {}
                () = self.sources.requests.asked() => {}
                _ = tick.tick(), if self.client.is_waiting() || !self.early.is_empty() => self.tick(),
            }
            for input in batch.drain(..) {
                self.told(input);
            }
            // What has come is handed out before what is asked is looked at: who asked for it has it then.
            self.do_all();
            self.requested();
            self.act();
            self.serve();
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn tick(&mut self) {
        self.client.tick(self.now());
        self.early.clear();
    }

    fn changed(&mut self, change: Change) {
        let now = self.now();
        match change {
            Change::Came(peer, address) => {
                let key = self.peers.came(peer, address);
                self.server.connected(key);
                self.client.connected(key, now);
                for (peer, message, held) in mem::take(&mut self.early) {
                    self.arrived(peer, message, held);
                }
            }
            Change::Went(peer) => {
                if let Some(key) = self.peers.went(peer) {
                    self.server.disconnected(key);
                    self.client.disconnected(key, now);
                }
            }
        }
    }

    fn told(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Arrived { peer, message, held } => self.arrived(peer, message, held),
            Input::Heard(peer) => self.client.heard(self.peers.key(&peer), now),
            Input::Spoiled(peer) => self.peers.order(Order::Disconnect(peer)),
            Input::Written { peer, visit, kind, outcome } => self.written(peer, visit, kind, outcome),
            Input::Looked(ticket, sizes) => {
                self.jobs -= 1;
                self.server.looked(ticket, &sizes);
            }
            Input::Loaded(ticket, blocks) => {
                self.jobs -= 1;
                self.server.loaded(ticket, blocks);
            }
            Input::Searched(cid) => self.client.searched(&cid, now),
            Input::FromGateway(cid, bytes) => self.client.from_elsewhere(&cid, bytes.as_ref(), now),
            Input::Asked(question) => self.asked(question),
        }
    }

    fn arrived(&mut self, peer: PeerId, message: Message, held: Held) {
        if !self.peers.is_here(&peer) && self.early.len() < EARLY {
            self.early.push_back((peer, message, held));
            return;
        }
        self.received_messages += 1;
        let key = self.peers.key(&peer);
        let now = self.now();
        if !message.blocks.is_empty() {
            self.server.credit(key, message.blocks.iter().map(|block| block.bytes.len() as u64).sum());
        }
        self.client.received(key, &message, now);
        self.server.received(key, &message.wantlist);
        drop(held);
    }

    fn written(&mut self, peer: PeerId, visit: u64, kind: Kind, outcome: Outcome) {
        let now = self.now();
        if let Kind::Reply(ticket) = kind {
            let delivery = if outcome == Outcome::Written { Delivery::Written } else { Delivery::Failed };
            self.server.sent(ticket, delivery);
        }
        let Some(key) = self.peers.written(&peer, visit, kind) else { return };
        match outcome {
            Outcome::Written => {}
            Outcome::Failed if kind == Kind::Wants => self.client.unsent(key),
            Outcome::Failed => {}
            Outcome::Deaf => {
                self.client.disconnected(key, now);
                self.server.disconnected(key);
            }
        }
    }

    fn requested(&mut self) {
        let now = self.now();
        for request in self.sources.requests.take() {
            match request {
                Request::Open(room, root) => {
                    self.rooms.insert(room.id(), Arc::downgrade(&room));
                    self.client.open(room.id(), root, now);
                }
                Request::Want(id, cids, urgency) => self.want(id, cids, urgency),
                Request::Forget(id, cid) => self.client.forget(id, &cid, now),
                Request::Taken(id) => self.tell_held(id),
                Request::Close(id) => {
                    self.rooms.remove(&id);
                    self.client.close(id, now);
                }
            }
        }
    }

    /// Wants what the session still waits for: some of it may have come since.
    fn want(&mut self, id: SessionId, cids: Vec<Cid>, urgency: Urgency) {
        let Some(room) = self.rooms.get(&id).and_then(Weak::upgrade) else { return };
        let now = self.now();
        for cid in cids.into_iter().filter(|cid| room.waits_for(cid)) {
            self.client.want(id, cid, urgency, now);
        }
    }

    fn do_all(&mut self) {
        let now = self.now();
        while let Some(action) = self.client.action(now) {
            self.do_one(action);
        }
    }

    /// Does what the client wants done, and tells peers what it wants.
    fn act(&mut self) {
        let now = self.now();
        self.do_all();
        for key in self.client.to_be_told().collect::<Vec<_>>() {
            if let Some(way) = self.peers.way_to_tell(key)
                && let Some(wantlist) = self.client.message(key, now)
            {
                way.tell(Message { wantlist, ..Message::default() }, Kind::Wants);
            }
        }
    }

    fn do_one(&mut self, action: Action) {
        match action {
            Action::Deliver { session, cid, bytes } => {
                self.hand_out(session, &cid, &Ok(bytes));
                self.tell_held(session);
            }
            Action::Failed { session, cid, .. } => {
                self.hand_out(session, &cid, &Err(FetchError::NotFound(cid)));
            }
            Action::FindProviders { cid } => self.search(cid),
            Action::AskGateways { cid } => self.gateways.ask(cid, self.ways.inputs.clone()),
            Action::Disconnect { peer } => {
                if let Some(id) = self.peers.id(peer) {
                    tracing::info!(peer = %id, "peer that sent wrong blocks was disconnected");
                    self.peers.order(Order::Disconnect(id));
                }
            }
            Action::Dial { peer } => self.peers.dial(peer),
        }
    }

    fn hand_out(&self, session: SessionId, cid: &Cid, answer: &Result<Bytes, FetchError>) {
        if let Some(room) = self.rooms.get(&session).and_then(Weak::upgrade) {
            room.deliver(cid, answer);
        }
    }

    fn tell_held(&mut self, session: SessionId) {
        if let Some(room) = self.rooms.get(&session).and_then(Weak::upgrade) {
            self.client.held(session, room.held_bytes());
        }
    }

    fn search(&self, cid: Cid) {
        let (searching, inputs) = (self.ways.searching.clone(), self.ways.inputs.clone());
        tokio::spawn(async move {
            super::search::search(searching, cid).await;
            let _ = inputs.send(Input::Searched(cid)).await;
        });
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let rooms = self.rooms.values().filter_map(Weak::upgrade);
        let newest = self.sources.requests.close().into_iter().filter_map(|request| match request {
            Request::Open(room, _) => Some(room),
            _ => None,
        });
        rooms.chain(newest).for_each(|room| room.close());
    }
}
