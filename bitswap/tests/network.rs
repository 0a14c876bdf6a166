//! A network of these state machines alone: messages are lost with their peers, peers lie, stay silent or repeat
//! themselves, and all the same everything that is wanted is received in the end, or reported.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use bitswap::message::{Extent, There, WantKind};
use bitswap::{
    Action, Block, Client, ClientLimits, Delivery, Gateways, Job, Message, Moment, PeerKey, Presence, Server,
    ServerLimits, SessionId, Urgency,
};
use bytes::Bytes;
use proptest::prelude::*;
use unixfs::{Cid, cid_raw};

const SESSION: SessionId = SessionId(1);

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Honest,
    /// It says HAVE to everything, and sends changed blocks.
    Lies,
    /// It says HAVE to everything, and nothing more.
    Silent,
    /// It sends all blocks twice.
    Repeats,
    /// It goes away after so many messages, and comes back later.
    Leaves(u64),
}

struct Far {
    manner: Manner,
    server: Server,
    blocks: HashMap<Cid, Bytes>,
    messages: u64,
    away_until: Option<Moment>,
}

struct Network {
    now: Moment,
    client: Client,
    far: BTreeMap<PeerKey, Far>,
    gateway: HashMap<Cid, Bytes>,
    to_us: VecDeque<(PeerKey, Message)>,
    received: HashMap<Cid, Bytes>,
    failed: HashSet<Cid>,
    disconnected: HashSet<PeerKey>,
    most_listed: usize,
}

impl Network {
    fn new(peers: Vec<(Manner, HashMap<Cid, Bytes>)>, gateway: HashMap<Cid, Bytes>) -> Self {
        let gateways = if gateway.is_empty() { Gateways::None } else { Gateways::Configured };
        let far = peers.into_iter().enumerate().map(|(at, (manner, blocks))| {
            let mut server = Server::new(ServerLimits::default());
            server.connected(PeerKey(0));
            (PeerKey(at as u64), Far { manner, server, blocks, messages: 0, away_until: None })
        });
        let mut network = Self {
            now: Moment(1),
            client: Client::new(ClientLimits { gateways, ..ClientLimits::default() }),
            far: far.collect(),
            gateway,
            to_us: VecDeque::new(),
            received: HashMap::new(),
            failed: HashSet::new(),
            disconnected: HashSet::new(),
            most_listed: 0,
        };
        for key in network.far.keys().copied().collect::<Vec<_>>() {
            network.client.connected(key, network.now);
        }
        network
    }

    /// Runs until all of `wanted` came or was reported; fails when that takes more than ten minutes of its time.
    fn fetch(&mut self, wanted: &[Cid], urgency: Urgency) {
        self.client.open(SESSION, wanted.first().copied(), self.now);
        for cid in wanted {
            self.client.want(SESSION, *cid, urgency, self.now);
        }
        let end = self.now.plus_ms(600_000);
        while self.received.len() + self.failed.len() < wanted.len() {
            assert!(
                self.now < end,
                "{} of {} came, {} were reported",
                self.received.len(),
                wanted.len(),
                self.failed.len()
            );
            if !self.step() {
                self.now = self.now.plus_ms(250);
                self.client.tick(self.now);
                self.returns();
            }
        }
        assert_eq!(self.client.wantlist().count(), 0);
    }

    /// Lets everybody do what there is to do; false when nobody has anything to do.
    fn step(&mut self) -> bool {
        let mut busy = false;
        while let Some(action) = self.client.action(self.now) {
            busy = true;
            self.act(action);
        }
        for key in self.client.to_be_told().collect::<Vec<_>>() {
            let Some(wantlist) = self.client.message(key, self.now) else { continue };
            busy = true;
            let far = self.far.get_mut(&key).expect("a peer of this network");
            if far.away_until.is_none() && !self.disconnected.contains(&key) {
                far.hear(&Message { wantlist, ..Message::default() }, &mut self.to_us, key);
                self.most_listed = self.most_listed.max(far.server.wants());
            }
        }
        if let Some((key, message)) = self.to_us.pop_front() {
            busy = true;
            let gone = self.far[&key].away_until.is_some() || self.disconnected.contains(&key);
            if !gone {
                self.client.received(key, &message, self.now);
                self.leaves(key);
            }
        }
        busy
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Deliver { cid, bytes, .. } => {
                assert_eq!(cid_raw(&bytes), cid);
                assert!(self.received.insert(cid, bytes).is_none(), "delivered twice");
            }
            Action::Failed { cid, .. } => assert!(self.failed.insert(cid), "reported twice"),
            Action::FindProviders { cid } => self.client.searched(&cid, self.now),
            Action::AskGateways { cid } => {
                let bytes = self.gateway.get(&cid).cloned();
                self.client.from_elsewhere(&cid, bytes.as_ref(), self.now);
            }
            Action::Disconnect { peer } => {
                self.disconnected.insert(peer);
                self.client.disconnected(peer, self.now);
            }
            Action::Dial { .. } => {}
        }
    }

    fn leaves(&mut self, key: PeerKey) {
        let far = self.far.get_mut(&key).expect("a peer of this network");
        far.messages += 1;
        if matches!(far.manner, Manner::Leaves(after) if far.messages == after) {
            far.away_until = Some(self.now.plus_ms(5_000));
            far.server.disconnected(PeerKey(0));
            far.server.connected(PeerKey(0));
            self.client.disconnected(key, self.now);
        }
    }

    fn returns(&mut self) {
        for (key, far) in &mut self.far {
            if far.away_until.is_some_and(|until| until <= self.now) {
                far.away_until = None;
                self.client.connected(*key, self.now);
            }
        }
    }
}

impl Far {
    fn hear(&mut self, message: &Message, out: &mut VecDeque<(PeerKey, Message)>, key: PeerKey) {
        if matches!(self.manner, Manner::Lies | Manner::Silent) {
            return out.extend(self.make_up(message).map(|message| (key, message)));
        }
        self.server.received(PeerKey(0), &message.wantlist);
        while let Some(job) = self.server.job() {
            match job {
                Job::Look { ticket, cids } => {
                    let size = |cid: &Cid| {
                        self.blocks.get(cid).map(|bytes| u32::try_from(bytes.len()).expect("blocks are small"))
                    };
                    self.server.looked(ticket, &cids.iter().map(size).collect::<Vec<_>>());
                }
                Job::Read { ticket, cids } => {
                    self.server.loaded(ticket, cids.iter().map(|cid| self.blocks.get(cid).cloned()).collect());
                }
                Job::Send { ticket, message, .. } => {
                    let copies = if self.manner == Manner::Repeats { 2 } else { 1 };
                    out.extend(std::iter::repeat_n((key, message), copies));
                    self.server.sent(ticket, Delivery::Written);
                }
            }
        }
        assert_eq!(self.server.in_flight_bytes(), 0);
    }

    fn make_up(&self, message: &Message) -> Option<Message> {
        let mut reply = Message::default();
        for entry in &message.wantlist.entries {
            match entry.kind {
                WantKind::Have => reply.presences.push(Presence { cid: entry.cid, there: There::Have }),
                WantKind::Block if self.manner == Manner::Lies => {
                    let bytes = Bytes::from(format!("not {}", entry.cid));
                    reply.blocks.push(Block { cid: cid_raw(&bytes), bytes });
                }
                _ => {}
            }
        }
        (!reply.is_empty()).then_some(reply)
    }
}

fn blocks(count: u32, bytes: usize) -> (Vec<Cid>, HashMap<Cid, Bytes>) {
    let all: Vec<Bytes> = (0..count)
        .map(|at| at.to_le_bytes().into_iter().cycle().take(bytes.max(4)).collect::<Vec<_>>().into())
        .collect();
    let cids = all.iter().map(|bytes| cid_raw(bytes)).collect();
    (cids, all.into_iter().map(|bytes| (cid_raw(&bytes), bytes)).collect())
}

#[test]
fn all_blocks_of_one_honest_peer_come_once() {
    let (cids, all) = blocks(3_000, 4_096);
    let mut network = Network::new(vec![(Manner::Honest, all)], HashMap::new());
    network.fetch(&cids, Urgency::Now);
    assert_eq!((network.received.len(), network.client.stats().duplicate_blocks), (3_000, 0));
    assert!(network.now < Moment(250), "it took {:?}", network.now);
}

#[test]
fn no_peer_ever_has_more_than_a_thousand_of_our_wants() {
    let (cids, all) = blocks(20_000, 64);
    let peers = vec![(Manner::Honest, all.clone()), (Manner::Silent, HashMap::new()), (Manner::Honest, all)];
    let mut network = Network::new(peers, HashMap::new());
    network.fetch(&cids, Urgency::Now);
    assert_eq!(network.received.len(), 20_000);
    assert!(network.most_listed <= 1_000, "{}", network.most_listed);
}

#[test]
fn a_peer_that_lies_is_disconnected_and_another_gives_the_blocks() {
    let (cids, all) = blocks(200, 1_000);
    let mut network = Network::new(vec![(Manner::Lies, HashMap::new())], all);
    network.fetch(&cids, Urgency::Now);
    assert_eq!((network.received.len(), network.disconnected.len()), (200, 1));
    assert!(network.now < Moment(10_000), "it took {:?}", network.now);
    network.client.connected(PeerKey(0), network.now);
    assert_eq!(network.client.action(network.now), Some(Action::Disconnect { peer: PeerKey(0) }));
}

#[test]
fn a_peer_that_lies_costs_no_time_beside_an_honest_one() {
    let (cids, all) = blocks(200, 1_000);
    let peers = vec![(Manner::Lies, HashMap::new()), (Manner::Honest, all)];
    let mut network = Network::new(peers, HashMap::new());
    network.fetch(&cids, Urgency::Now);
    assert_eq!(network.received.len(), 200);
    assert!(network.now < Moment(3_000), "it took {:?}", network.now);
}

#[test]
fn a_silent_peer_costs_seconds_and_no_block() {
    let (cids, all) = blocks(500, 1_000);
    let peers = vec![(Manner::Silent, HashMap::new()), (Manner::Honest, all)];
    let mut network = Network::new(peers, HashMap::new());
    network.fetch(&cids, Urgency::Now);
    assert_eq!(network.received.len(), 500);
    assert!(network.now < Moment(6_000), "it took {:?}", network.now);
}

#[test]
fn what_nobody_has_comes_from_a_gateway() {
    let (cids, all) = blocks(100, 1_000);
    let mut network = Network::new(vec![(Manner::Honest, HashMap::new())], all);
    network.fetch(&cids, Urgency::Now);
    assert_eq!((network.received.len(), network.failed.len()), (100, 0));
    assert!(network.now < Moment(10_000), "it took {:?}", network.now);
}

#[test]
fn peers_that_say_have_for_ever_do_not_keep_a_session_waiting_for_ever() {
    let (cids, _) = blocks(100, 8);
    let peers = vec![(Manner::Silent, HashMap::new()), (Manner::Silent, HashMap::new())];
    let mut network = Network::new(peers, HashMap::new());
    network.fetch(&cids, Urgency::Now);
    assert_eq!((network.received.len(), network.failed.len()), (0, 100));
}

#[test]
fn what_is_wanted_while_nobody_is_there_is_reported() {
    let (cids, _) = blocks(100, 8);
    let mut network = Network::new(Vec::new(), HashMap::new());
    network.fetch(&cids, Urgency::Now);
    assert_eq!((network.received.len(), network.failed.len()), (0, 100));
}

#[test]
fn what_nobody_has_at_all_is_reported() {
    let (cids, _) = blocks(40, 1_000);
    let mut network = Network::new(vec![(Manner::Silent, HashMap::new())], HashMap::new());
    network.fetch(&cids, Urgency::Now);
    assert_eq!((network.received.len(), network.failed.len()), (0, 40));
}

#[test]
fn the_peer_that_had_a_root_is_asked_first_the_next_time() {
    let (cids, all) = blocks(2, 10);
    let mut network = Network::new(vec![(Manner::Honest, all), (Manner::Honest, HashMap::new())], HashMap::new());
    network.fetch(&cids, Urgency::Now);
    network.client.close(SESSION, network.now);
    while network.step() {}
    network.client.open(SessionId(2), Some(cids[0]), network.now);
    network.client.want(SessionId(2), cids[1], Urgency::Now, network.now);
    assert_eq!(network.client.action(network.now), None);
    assert_eq!(network.client.to_be_told().collect::<Vec<_>>(), [PeerKey(0)]);
    let wantlist = network.client.message(PeerKey(0), network.now).unwrap();
    assert_eq!((wantlist.entries[0].kind, wantlist.extent), (WantKind::Block, Extent::Changes));
}

fn any_manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        3 => Just(Manner::Honest),
        1 => Just(Manner::Lies),
        1 => Just(Manner::Silent),
        1 => Just(Manner::Repeats),
        2 => (1u64..20).prop_map(Manner::Leaves),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn everything_wanted_is_received_or_reported(
        peers in proptest::collection::vec((any_manner(), 1u32..8), 0..5),
        count in 1u32..300,
        bytes in prop_oneof![Just(8usize), Just(5_000), Just(300_000)],
        behind_gateway in any::<bool>(),
        ahead in any::<bool>(),
    ) {
        let count = if bytes > 100_000 { count.min(40) } else { count };
        let (cids, all) = blocks(count, bytes);
        let part = |every: u32| -> HashMap<_, _> {
            let kept = cids.iter().enumerate().filter(|(at, _)| (*at as u32).is_multiple_of(every));
            kept.map(|(_, cid)| (*cid, all[cid].clone())).collect()
        };
        let peers: Vec<_> = peers.into_iter().map(|(manner, every)| (manner, part(every))).collect();
        let gives = |manner: Manner| !matches!(manner, Manner::Lies | Manner::Silent);
        let there: HashSet<Cid> = peers.iter().filter(|(m, _)| gives(*m)).flat_map(|(_, b)| b.keys().copied()).collect();
        let gateway = if behind_gateway { all.clone() } else { HashMap::new() };
        let mut network = Network::new(peers, gateway);
        network.fetch(&cids, if ahead { Urgency::Ahead } else { Urgency::Now });
        for cid in &cids {
            let findable = behind_gateway || there.contains(cid);
            prop_assert_eq!(network.received.contains_key(cid), findable, "{}", cid);
        }
    }
}
