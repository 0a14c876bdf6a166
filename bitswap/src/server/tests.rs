//! Lists, looks and replies, step by step.

use bytes::Bytes;
use unixfs::cid_raw;

use super::*;
use crate::message::{Extent, There, WantKind};
use crate::{Entry, Wantlist};

const PEER: PeerKey = PeerKey(1);
const OTHER: PeerKey = PeerKey(2);

fn cid(at: u32) -> Cid {
    cid_raw(&at.to_le_bytes())
}

fn server(limits: Limits) -> Server {
    let mut server = Server::new(limits);
    server.connected(PEER);
    server.connected(OTHER);
    server
}

fn list(entries: impl IntoIterator<Item = Entry>) -> Wantlist {
    Wantlist { entries: entries.into_iter().collect(), ..Wantlist::default() }
}

fn blocks(cids: std::ops::Range<u32>) -> Wantlist {
    list(cids.map(|at| Entry::want(cid(at), WantKind::Block, 0)))
}

/// Answers all look-ups with this size; gives the jobs that are no look-ups.
fn looked(server: &mut Server, bytes: Option<u32>) -> Vec<Job> {
    let mut others = Vec::new();
    while let Some(job) = server.job() {
        match job {
            Job::Look { ticket, cids } => server.looked(ticket, &vec![bytes; cids.len()]),
            other => others.push(other),
        }
    }
    others
}

fn sent(job: &Job) -> (&Ticket, PeerKey, &Message) {
    let Job::Send { ticket, peer, message } = job else { panic!("{job:?} sends nothing") };
    (ticket, *peer, message)
}

fn read(job: &Job) -> (Ticket, &[Cid]) {
    let Job::Read { ticket, cids } = job else { panic!("{job:?} reads nothing") };
    (*ticket, cids)
}

#[test]
fn a_block_is_looked_up_read_and_sent() {
    let mut server = server(Limits::default());
    server.received(PEER, &blocks(0..1));
    let jobs = looked(&mut server, Some(4));
    let (ticket, cids) = read(&jobs[0]);
    assert_eq!((cids, server.in_flight_bytes(), server.wants()), (&[cid(0)][..], 4, 0));
    server.loaded(ticket, vec![Some(Bytes::from_static(b"full"))]);
    let job = server.job().unwrap();
    assert_eq!(sent(&job).2.blocks[0].bytes, "full");
    server.sent(ticket, Delivery::Written);
    assert_eq!((server.in_flight_bytes(), server.job()), (0, None));
    assert_eq!(server.ledger(PEER).unwrap().sent_bytes, 4);
}

#[test]
fn a_want_have_is_answered_with_have_or_with_a_small_block() {
    let mut server = server(Limits::default());
    server.received(PEER, &list([Entry::want(cid(0), WantKind::Have, 0)]));
    let jobs = looked(&mut server, Some(1_025));
    assert_eq!(sent(&jobs[0]).2.presences, [crate::Presence { cid: cid(0), there: There::Have }]);
    server.received(PEER, &list([Entry::want(cid(1), WantKind::Have, 0)]));
    let jobs = looked(&mut server, Some(1_024));
    assert_eq!(read(&jobs[0]).1, [cid(1)]);
}

#[test]
fn absence_is_told_to_those_who_asked_to_be_told() {
    let mut server = server(Limits::default());
    let silent = Entry { absence: crate::message::Absence::Silent, ..Entry::want(cid(1), WantKind::Block, 0) };
    server.received(PEER, &list([Entry::want(cid(0), WantKind::Block, 0), silent]));
    let jobs = looked(&mut server, None);
    assert_eq!(sent(&jobs[0]).2.presences, [crate::Presence { cid: cid(0), there: There::DontHave }]);
    assert_eq!((jobs.len(), server.wants()), (1, 2));
}

#[test]
fn what_comes_later_is_sent_to_all_who_wait() {
    let mut server = server(Limits::default());
    server.received(PEER, &blocks(0..1));
    server.received(OTHER, &blocks(0..1));
    looked(&mut server, None);
    server.has(&[cid(0), cid(9)]);
    let jobs = looked(&mut server, Some(4));
    assert_eq!(jobs.iter().filter(|job| matches!(job, Job::Read { .. })).count(), 2);
}

#[test]
fn what_comes_while_it_is_looked_up_is_not_missed() {
    let mut server = server(Limits::default());
    server.received(PEER, &blocks(0..1));
    let Some(Job::Look { ticket, .. }) = server.job() else { panic!("nothing is looked up") };
    server.has(&[cid(0)]);
    server.looked(ticket, &[None]);
    assert!(matches!(looked(&mut server, Some(4))[0], Job::Read { .. }));
}

#[test]
fn replies_are_packed_and_never_too_many_at_once() {
    let limits = Limits { in_flight_bytes: 3 << 20, ..Limits::default() };
    let mut server = server(limits);
    server.received(PEER, &blocks(0..100));
    let jobs = looked(&mut server, Some(300_000));
    let counts: Vec<usize> = jobs.iter().map(|job| read(job).1.len()).collect();
    assert_eq!((counts, server.in_flight_bytes()), (vec![4, 4], 2_400_000));
    server.received(OTHER, &blocks(0..100));
    let jobs = looked(&mut server, Some(300_000));
    assert_eq!((jobs.len(), server.in_flight_bytes()), (1, 3_600_000));
    let (ticket, _) = read(&jobs[0]);
    server.disconnected(OTHER);
    assert_eq!(server.in_flight_bytes(), 3_600_000, "it is being read all the same");
    server.loaded(ticket, Vec::new());
    assert_eq!((server.job(), server.in_flight_bytes()), (None, 2_400_000));
}

#[test]
fn peers_are_served_in_turn() {
    let mut server = server(Limits { replies_per_peer: 1, ..Limits::default() });
    server.received(PEER, &blocks(0..1_000));
    server.received(OTHER, &blocks(0..3));
    let jobs = looked(&mut server, Some(200_000));
    let mut counts: Vec<usize> = jobs.iter().map(|job| read(job).1.len()).collect();
    counts.sort_unstable();
    assert_eq!(counts, [3, 6], "one reply each, however much the first wants");
}

#[test]
fn what_is_wanted_most_is_sent_first() {
    let mut server = server(Limits::default());
    server.received(PEER, &list((0..50).map(|at| Entry::want(cid(at as u32), WantKind::Block, at))));
    let jobs = looked(&mut server, Some(400_000));
    assert_eq!(read(&jobs[0]).1, [cid(49), cid(48), cid(47)]);
}

#[test]
fn a_list_has_a_limit_and_what_exceeds_it_is_denied() {
    let mut server = server(Limits { wants_per_peer: 10, wants_in_all: 15, sure_wants: 2, ..Limits::default() });
    server.received(PEER, &blocks(0..100));
    server.received(OTHER, &blocks(0..100));
    assert_eq!((server.wants(), server.wantlist_of(PEER).len()), (15, 10));
    let jobs = looked(&mut server, Some(4));
    let denied = jobs.iter().map(|job| match job {
        Job::Send { message, .. } => message.presences.len(),
        _ => 0,
    });
    // The denials go out with the blocks.
    assert_eq!(denied.sum::<usize>(), 0);
    for job in &jobs {
        let (ticket, cids) = read(job);
        server.loaded(ticket, vec![Some(Bytes::from_static(b"full")); cids.len()]);
    }
    let mut denied = 0;
    while let Some(job) = server.job() {
        denied += sent(&job).2.presences.len();
    }
    assert_eq!(denied, 90 + 95);
}

#[test]
fn a_peer_is_served_however_much_others_want_that_is_not_there() {
    let limits = Limits::default();
    let mut server = server(limits.clone());
    for at in 0..32 {
        let key = PeerKey(100 + at);
        server.connected(key);
        server.received(key, &blocks(10_000..10_000 + 2_048));
        looked(&mut server, None);
    }
    assert_eq!(server.wants(), limits.wants_in_all);
    server.received(PEER, &blocks(0..300));
    assert_eq!(server.wantlist_of(PEER).len(), limits.sure_wants);
    let jobs = looked(&mut server, Some(4));
    assert!(jobs.iter().any(|job| matches!(job, Job::Read { .. })), "nothing is read for an honest peer");
}

#[test]
fn a_cancel_and_a_full_list_take_wants_back() {
    let mut server = server(Limits::default());
    server.received(PEER, &blocks(0..10));
    server.received(PEER, &list([Entry::cancel(cid(3)), Entry::cancel(cid(99))]));
    assert_eq!(server.wants(), 9);
    server.received(PEER, &Wantlist { extent: Extent::Full, ..blocks(20..22) });
    assert_eq!(server.wants(), 2);
    let jobs = looked(&mut server, Some(4));
    assert_eq!(read(&jobs[0]).1, [cid(20), cid(21)]);
}

#[test]
fn a_reply_that_was_not_written_is_made_again() {
    let mut server = server(Limits::default());
    let have = Entry::want(cid(7), WantKind::Have, 0);
    server.received(PEER, &list([Entry::want(cid(0), WantKind::Block, 0), have]));
    let mut jobs = Vec::new();
    while let Some(job) = server.job() {
        match job {
            Job::Look { ticket, .. } => server.looked(ticket, &[Some(4), Some(5_000)]),
            other => jobs.push(other),
        }
    }
    let (ticket, _) = read(&jobs[0]);
    server.loaded(ticket, vec![Some(Bytes::from_static(b"full"))]);
    let first = server.job().unwrap();
    server.sent(ticket, Delivery::Failed);
    let again = server.job().unwrap();
    let (ticket, _) = read(&again);
    server.loaded(ticket, vec![Some(Bytes::from_static(b"full"))]);
    assert_eq!(sent(&server.job().unwrap()).2, sent(&first).2);
}

#[test]
fn what_was_collected_since_it_was_looked_up_is_denied() {
    let mut server = server(Limits::default());
    server.received(PEER, &blocks(0..1));
    let jobs = looked(&mut server, Some(4));
    server.loaded(read(&jobs[0]).0, vec![None]);
    assert_eq!(sent(&server.job().unwrap()).2.presences[0].there, There::DontHave);
}

#[test]
fn a_block_that_fits_in_no_message_is_not_here() {
    let mut server = server(Limits::default());
    server.received(PEER, &blocks(0..1));
    let jobs = looked(&mut server, Some(3_900_001));
    assert_eq!(sent(&jobs[0]).2.presences[0].there, There::DontHave);
}

#[test]
fn a_peer_that_returns_finds_its_account_and_no_wants() {
    let mut server = server(Limits::default());
    server.credit(PEER, 1_000);
    server.received(PEER, &blocks(0..10));
    server.disconnected(PEER);
    assert_eq!((server.wants(), server.ledger(PEER).unwrap().received_bytes), (0, 1_000));
    server.connected(PEER);
    assert_eq!((server.job(), server.ledger(PEER).unwrap().received_bytes), (None, 1_000));
}
