//! Whom the client asks for what, step by step.

use unixfs::cid_raw;

use super::*;
use crate::message::{Absence, Extent, There, WantKind};
use crate::{Block, Entry, Message, Presence};

const ONE: PeerKey = PeerKey(1);
const TWO: PeerKey = PeerKey(2);
const SESSION: SessionId = SessionId(7);
const START: Moment = Moment(1_000);

fn block(at: u32) -> Block {
    let bytes = Bytes::from(at.to_le_bytes().to_vec());
    Block { cid: cid_raw(&bytes), bytes }
}

fn cid(at: u32) -> Cid {
    block(at).cid
}

fn client(peers: &[PeerKey]) -> Client {
    let mut client = Client::new(Limits::default());
    peers.iter().for_each(|peer| client.connected(*peer, START));
    client.open(SESSION, None, START);
    client
}

fn told(client: &mut Client, peer: PeerKey, now: Moment) -> Vec<(WantKind, Cid)> {
    let wantlist = client.message(peer, now).map(|list| list.entries).unwrap_or_default();
    wantlist.iter().map(|entry| (entry.kind, entry.cid)).collect()
}

fn presence(cid: Cid, there: There) -> Message {
    Message { presences: vec![Presence { cid, there }], ..Message::default() }
}

fn with(block: Block) -> Message {
    Message { blocks: vec![block], ..Message::default() }
}

/// A session in which `peers` have block 0 and are asked for it.
fn begun(peers: &[PeerKey]) -> Client {
    let mut client = client(peers);
    client.want(SESSION, cid(0), Urgency::Now, START);
    peers.iter().for_each(|peer| drop(told(&mut client, *peer, START)));
    peers.iter().for_each(|peer| client.received(*peer, &presence(cid(0), There::Have), START));
    client
}

#[test]
fn everybody_is_asked_whether_they_have_it_and_one_is_asked_for_it() {
    let mut client = client(&[ONE, TWO]);
    client.want(SESSION, cid(0), Urgency::Now, START);
    assert_eq!(told(&mut client, ONE, START), [(WantKind::Have, cid(0))]);
    assert_eq!(told(&mut client, TWO, START), [(WantKind::Have, cid(0))]);
    client.received(TWO, &presence(cid(0), There::Have), START);
    assert_eq!(told(&mut client, ONE, START), []);
    assert_eq!(told(&mut client, TWO, START), [(WantKind::Block, cid(0))]);
    client.received(TWO, &with(block(0)), START);
    assert_eq!(told(&mut client, ONE, START), [(WantKind::Cancel, cid(0))]);
    assert_eq!(told(&mut client, TWO, START), []);
    let delivered = Action::Deliver { session: SESSION, cid: cid(0), bytes: block(0).bytes };
    assert_eq!((client.action(START), client.action(START)), (Some(delivered), None));
}

#[test]
fn the_first_list_is_full_and_asks_to_be_told_of_absence() {
    let mut client = client(&[ONE]);
    client.want(SESSION, cid(0), Urgency::Now, START);
    let list = client.message(ONE, START).unwrap();
    assert_eq!((list.extent, list.entries[0].absence), (Extent::Full, Absence::Tell));
    client.want(SESSION, cid(1), Urgency::Now, START);
    assert_eq!(client.message(ONE, START).unwrap().extent, Extent::Changes);
}

#[test]
fn after_a_failed_write_everything_is_said_again() {
    let mut client = begun(&[ONE]);
    told(&mut client, ONE, START);
    client.unsent(ONE);
    let list = client.message(ONE, START).unwrap();
    assert_eq!((list.extent, list.entries.len(), list.entries[0].kind), (Extent::Full, 1, WantKind::Block));
}

#[test]
fn who_does_not_have_a_block_is_not_asked_again_for_it() {
    let mut client = begun(&[ONE, TWO]);
    let first = [ONE, TWO].into_iter().find(|peer| !told(&mut client, *peer, START).is_empty()).unwrap();
    let second = if first == ONE { TWO } else { ONE };
    client.received(first, &presence(cid(0), There::DontHave), START);
    assert_eq!(told(&mut client, second, START), [(WantKind::Block, cid(0))]);
    assert_eq!(told(&mut client, first, START), [(WantKind::Cancel, cid(0))]);
}

#[test]
fn a_silent_peer_is_passed_over_and_heard_when_it_speaks_after_all() {
    let mut client = begun(&[ONE, TWO]);
    let first = [ONE, TWO].into_iter().find(|peer| !told(&mut client, *peer, START).is_empty()).unwrap();
    let second = if first == ONE { TWO } else { ONE };
    let later = START.plus_ms(2_499);
    client.tick(later);
    assert_eq!(told(&mut client, second, later), []);
    let later = START.plus_ms(2_500);
    client.tick(later);
    assert_eq!(told(&mut client, second, later), [(WantKind::Block, cid(0))]);
    client.received(first, &with(block(0)), later);
    assert!(matches!(client.action(later), Some(Action::Deliver { .. })));
    assert_eq!(client.stats().wrong_blocks, 0);
}

#[test]
fn a_lone_peer_that_is_slow_is_not_asked_twice() {
    let mut client = begun(&[ONE]);
    assert_eq!(told(&mut client, ONE, START), [(WantKind::Block, cid(0))]);
    let later = START.plus_ms(5_000);
    client.tick(later);
    client.received(ONE, &presence(cid(0), There::Have), later);
    assert_eq!(told(&mut client, ONE, later), []);
    let much_later = later.plus_ms(20_000);
    client.tick(much_later);
    client.tick(much_later.plus_ms(15_000));
    assert_eq!(told(&mut client, ONE, much_later), [(WantKind::Block, cid(0))], "it may have been lost");
}

#[test]
fn a_peer_whose_long_message_is_coming_in_is_not_silent() {
    let mut client = begun(&[ONE, TWO]);
    let first = [ONE, TWO].into_iter().find(|peer| !told(&mut client, *peer, START).is_empty()).unwrap();
    let second = if first == ONE { TWO } else { ONE };
    for seconds in 1..20 {
        let now = START.plus_ms(seconds * 1_000);
        client.heard(first, now);
        client.tick(now);
        assert_eq!(told(&mut client, second, now), []);
    }
}

#[test]
fn a_lost_peer_is_dialled_and_gets_everything_when_it_returns() {
    let mut client = begun(&[ONE]);
    client.received(ONE, &with(block(0)), START);
    client.want(SESSION, cid(1), Urgency::Now, START);
    told(&mut client, ONE, START);
    client.disconnected(ONE, START);
    while client.action(START).is_some() {}
    client.tick(START.plus_ms(250));
    let actions: Vec<_> = std::iter::from_fn(|| client.action(START)).collect();
    assert!(actions.contains(&Action::Dial { peer: ONE }), "{actions:?}");
    client.connected(ONE, START.plus_ms(300));
    let list = client.message(ONE, START.plus_ms(300)).unwrap();
    assert_eq!((list.extent, list.entries[0].cid), (Extent::Full, cid(1)));
}

#[test]
fn few_large_blocks_and_many_small_ones_are_asked_for_at_once() {
    for (bytes, most) in [(1 << 20, 8), (256 << 10, 32), (4 << 10, 512), (10, 512)] {
        let mut client = client(&[ONE]);
        let mut session = Session::new(None, std::iter::empty(), START);
        (0..50).for_each(|_| session.received(bytes, Some(ONE), START));
        client.sessions.insert(SESSION, session);
        (0..2_000).for_each(|at| client.want(SESSION, cid(at), Urgency::Now, START));
        assert_eq!(told(&mut client, ONE, START).len(), most, "of {bytes} bytes");
    }
}

#[test]
fn what_nobody_fetches_is_not_piled_up() {
    let mut client = begun(&[ONE]);
    client.received(ONE, &with(block(0)), START);
    client.held(SESSION, 16 << 20);
    client.want(SESSION, cid(1), Urgency::Ahead, START);
    assert_eq!(told(&mut client, ONE, START), []);
    client.want(SESSION, cid(2), Urgency::Now, START);
    assert_eq!(told(&mut client, ONE, START), [(WantKind::Block, cid(2))]);
    client.held(SESSION, 0);
    assert_eq!(told(&mut client, ONE, START), [(WantKind::Block, cid(1))]);
}

#[test]
fn two_sessions_share_one_block_and_one_may_leave() {
    let mut client = begun(&[ONE]);
    client.open(SessionId(8), None, START);
    client.want(SessionId(8), cid(0), Urgency::Now, START);
    assert_eq!(told(&mut client, ONE, START), [(WantKind::Block, cid(0))]);
    client.close(SESSION, START);
    assert_eq!(told(&mut client, ONE, START), []);
    client.received(ONE, &with(block(0)), START);
    assert!(matches!(client.action(START), Some(Action::Deliver { session: SessionId(8), .. })));
    assert_eq!(client.action(START), None);
}

#[test]
fn what_nobody_wants_any_more_is_cancelled() {
    let mut client = begun(&[ONE]);
    told(&mut client, ONE, START);
    client.forget(SESSION, &cid(0), START);
    assert_eq!(told(&mut client, ONE, START), [(WantKind::Cancel, cid(0))]);
    client.received(ONE, &with(block(0)), START);
    assert_eq!((client.stats().duplicate_blocks, client.stats().wrong_blocks), (1, 0));
}

#[test]
fn a_want_that_was_never_told_needs_no_cancel() {
    let mut client = client(&[ONE]);
    client.want(SESSION, cid(0), Urgency::Now, START);
    assert_eq!(client.action(START), None);
    client.forget(SESSION, &cid(0), START);
    assert_eq!(client.message(ONE, START), None);
}

#[test]
fn the_root_is_looked_up_too_since_many_announce_no_more() {
    let mut client = Client::new(Limits::default());
    client.open(SESSION, Some(cid(9)), START);
    client.want(SESSION, cid(0), Urgency::Now, START);
    let actions: Vec<_> = std::iter::from_fn(|| client.action(START)).collect();
    assert_eq!(actions, [Action::FindProviders { cid: cid(9) }, Action::FindProviders { cid: cid(0) }]);
}

#[test]
fn a_few_wrong_blocks_are_forgiven_and_more_are_not() {
    let mut client = begun(&[ONE]);
    client.received(ONE, &Message { blocks: (10..14).map(block).collect(), ..Message::default() }, START);
    assert_eq!(client.action(START), None);
    client.received(ONE, &with(block(14)), START);
    let actions: Vec<_> = std::iter::from_fn(|| client.action(START)).collect();
    assert!(actions.contains(&Action::Disconnect { peer: ONE }), "{actions:?}");
}

#[test]
fn entries_are_in_the_order_in_which_they_were_wanted() {
    let mut client = begun(&[ONE]);
    client.received(ONE, &with(block(0)), START);
    (1..20).for_each(|at| client.want(SESSION, cid(at), Urgency::Now, START));
    let list: Vec<Entry> = client.message(ONE, START).unwrap().entries;
    assert!(list.iter().map(|entry| entry.cid).eq((1..20).map(cid)));
    assert!(list.is_sorted_by_key(|entry| std::cmp::Reverse(entry.priority)));
}
