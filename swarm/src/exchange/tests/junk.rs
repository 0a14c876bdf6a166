//! Peers that mean harm: bytes that are no messages, lists without end, answers that never come.

use ::bitswap::{
    Block, Entry, Message, Presence, Protocol, WantKind, Wantlist,
    message::{MAX_ITEMS, There},
};
use bytes::Bytes;
use libp2p::{
    PeerId, StreamProtocol,
    futures::{StreamExt as _, channel::mpsc as slow},
    swarm::dial_opts::DialOpts,
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{mpsc, oneshot},
    time::timeout,
};
use unixfs::cid_raw;

use super::rig::{PATIENCE, Peer, bitswap, fill, swarm};
use crate::streams;

type Opening = (PeerId, oneshot::Sender<Result<crate::Stream, streams::Refusal>>);

/// A peer that opens streams of Bitswap, and says what it is told to say.
struct Rude {
    id: PeerId,
    opening: mpsc::Sender<Opening>,
    incoming: slow::Receiver<crate::Stream>,
}

impl Rude {
    /// Connects to `peer`.
    async fn meet(peer: &Peer) -> Self {
        let behaviour = streams::Behaviour::default();
        let incoming = behaviour.desk().accept(StreamProtocol::new(Protocol::V1_2.name())).unwrap();
        let mut swarm = swarm(behaviour);
        let id = *swarm.local_peer_id();
        swarm.dial(DialOpts::from(peer.address.clone())).unwrap();
        let (opening, mut orders) = mpsc::channel::<Opening>(16);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    order = orders.recv() => match order {
                        Some((peer, reply)) => swarm.behaviour_mut().open(peer, bitswap(), reply),
                        None => return,
                    },
                }
            }
        });
        peer.until_connected(1).await;
        Self { id, opening, incoming }
    }

    async fn open(&self, peer: &Peer) -> crate::Stream {
        let (reply, opened) = oneshot::channel();
        self.opening.send((peer.id, reply)).await.unwrap();
        opened.await.unwrap().unwrap()
    }

    /// Says bytes; whether they can be written to the end is the other's choice.
    async fn say(&self, peer: &Peer, bytes: &[u8]) {
        let mut stream = self.open(peer).await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
    }

    /// The next message that we are sent.
    async fn hear(stream: &mut crate::Stream) -> Message {
        let mut length = 0;
        for at in 0.. {
            let byte = stream.read_u8().await.unwrap();
            length |= usize::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        Message::decode(&body.into()).unwrap()
    }
}

fn frame(message: &Message) -> Vec<u8> {
    message.frame(Protocol::V1_2).concat()
}

fn wanting(entries: Vec<Entry>) -> Message {
    Message { wantlist: Wantlist { entries, ..Wantlist::default() }, ..Message::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_do_no_harm_to_others() {
    let (one, honest) = (Peer::start().await, Peer::start().await);
    let mut bytes: Vec<Vec<u8>> = Vec::new();
    let mut runner = TestRunner::deterministic();
    for _ in 0..64 {
        let any = proptest::collection::vec(any::<u8>(), 0..2_000).new_tree(&mut runner).unwrap().current();
        bytes.push(any);
    }
    let rude = Rude::meet(&one).await;
    for bytes in bytes {
        if one.connected().await == 0 {
            break;
        }
        let (reply, opened) = oneshot::channel();
        rude.opening.send((one.id, reply)).await.unwrap();
        if let Ok(Ok(mut stream)) = opened.await {
            let _ = stream.write_all(&bytes).await;
        }
    }
    one.connect(&honest.address).await;
    let cids = fill(&honest.store, 10, 1_000);
    one.get_all(&cids).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_what_is_no_message_is_hung_up_on() {
    for junk in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"[..], b"\x81\x80\x80\x02", b"\x05\x0a\xff\xff\xff\x7f"] {
        let one = Peer::start().await;
        let rude = Rude::meet(&one).await;
        rude.say(&one, junk).await;
        one.until_connected(0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_without_end_is_kept_to_its_limit_and_others_are_served() {
    let (one, reader) = (Peer::start().await, Peer::start().await);
    let rude = Rude::meet(&one).await;
    let mut stream = rude.open(&one).await;
    for part in 0..8u32 {
        let cid = |at: u32| cid_raw(&(part * 10_000 + at).to_le_bytes());
        let entries = (0..10_000).map(|at| Entry::want(cid(at), WantKind::Block, 1)).collect();
        stream.write_all(&frame(&wanting(entries))).await.unwrap();
    }
    let cids = fill(&one.store, 50, 10_000);
    reader.connect(&one.address).await;
    reader.get_all(&cids).await;
    let wants = one.control.wants_of(rude.id).await.unwrap().len();
    assert!(wants <= 2_048, "{wants}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_with_too_many_entries_is_hung_up_on() {
    let one = Peer::start().await;
    let rude = Rude::meet(&one).await;
    let entries = vec![Entry::cancel(cid_raw(b"x")); MAX_ITEMS + 1];
    rude.say(&one, &frame(&wanting(entries))).await;
    one.until_connected(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_asks_for_everything_and_reads_nothing_holds_up_nobody() {
    let (one, reader) = (Peer::start().await, Peer::start().await);
    let cids = fill(&one.store, 100, 500_000);
    let rude = Rude::meet(&one).await;
    let entries = cids.iter().map(|cid| Entry::want(*cid, WantKind::Block, 1)).collect();
    let mut stream = rude.open(&one).await;
    stream.write_all(&frame(&wanting(entries))).await.unwrap();
    reader.connect(&one.address).await;
    reader.get_all(&cids).await;
    drop(rude);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_says_it_has_all_and_sends_nothing_is_passed_over() {
    let (one, honest) = (Peer::start().await, Peer::start().await);
    let mut rude = Rude::meet(&one).await;
    let cids = fill(&honest.store, 100, 10_000);
    let silent = tokio::spawn({
        let one_id = one.id;
        async move {
            let mut theirs = rude.incoming.next().await.unwrap();
            let (reply, opened) = oneshot::channel();
            rude.opening.send((one_id, reply)).await.unwrap();
            let mut ours = opened.await.unwrap().unwrap();
            loop {
                let asked = Rude::hear(&mut theirs).await.wantlist.entries;
                let haves = asked.iter().filter(|entry| entry.kind == WantKind::Have);
                let presences = haves.map(|entry| Presence { cid: entry.cid, there: There::Have }).collect();
                ours.write_all(&frame(&Message { presences, ..Message::default() })).await.unwrap();
            }
        }
    });
    one.connect(&honest.address).await;
    one.get_all(&cids).await;
    silent.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_that_nobody_asked_for_are_dropped_and_their_sender_is_hung_up_on() {
    let one = Peer::start().await;
    let rude = Rude::meet(&one).await;
    let block = |at: u8| Block { cid: cid_raw(&[at]), bytes: Bytes::copy_from_slice(&[at]) };
    let message = Message { blocks: (0..10).map(block).collect(), ..Message::default() };
    rude.say(&one, &frame(&message)).await;
    one.until_connected(0).await;
    assert_eq!(one.control.tally().await.unwrap().wrong_blocks, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_never_ends_costs_only_its_own_connection() {
    let (one, honest) = (Peer::start().await, Peer::start().await);
    let rude = Rude::meet(&one).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = rude.open(&one).await;
        // Claims 4 MiB, and sends a little of it.
        stream.write_all(b"\x80\x80\x80\x02\x00\x00\x00").await.unwrap();
        open.push(stream);
    }
    one.connect(&honest.address).await;
    let cids = fill(&honest.store, 40, 100_000);
    timeout(PATIENCE, one.get_all(&cids)).await.unwrap();
}
