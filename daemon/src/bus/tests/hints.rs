//! Hints, with both sides in one process, and what the library does with those who do not read.

use std::fs;

use proto::{Message, hints::Hint};
use serde::{Deserialize, Serialize};

use super::*;
use crate::bus::{
    binding::{Binding as _, Peer, Subscriber as _},
    links::CONNECT_WAIT,
    teller::HINTS_PER_CONNECTION,
    zmq::ZeroMq,
};

/// A hint of about the length that real ones have when a commit touches many topics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Tick {
    number: u32,
    padding: Vec<u64>,
}

impl Message for Tick {}

impl Hint for Tick {
    const NAME: &'static str = "tick";
    const VERSION: u16 = 1;
    const TITLE: &'static str = "Tick";
}

fn tick(number: u32) -> Tick {
    Tick { number, padding: vec![u64::MAX; 600] }
}

/// One that tells, and whom to stop for it to end.
struct Tower {
    teller: Teller<Tick>,
    counted: crate::bus::traffic::CountedHints,
    _stop: StopSender,
}

fn tower(folder: &Path) -> Tower {
    let (stop, context) = context(folder, 0);
    let counted = context.traffic.of_hint(Tick::NAME);
    Tower { teller: Teller::open(context), counted, _stop: stop }
}

impl Tower {
    /// Tells, and waits until the socket has taken it.
    async fn tell(&self, number: u32) {
        let before = self.counted.told.get();
        self.teller.tell(tick(number));
        until(|| self.counted.told.get() > before).await;
    }
}

fn listener(folder: &Path) -> Listener<Tick> {
    Listener::open(context(folder, 8).1)
}

async fn next(listener: &mut Listener<Tick>) -> Tick {
    match timeout(LONG, listener.next()).await.expect("heard in time") {
        Heard::Hint(hint) => hint,
        Heard::Lost(hints) => panic!("{hints} hints were lost"),
    }
}

/// Tells the same until all have heard it: connections come about at their own pace, and hints before that are lost.
async fn until_heard(tower: &Tower, number: u32, listeners: &mut [&mut Listener<Tick>]) {
    for listener in listeners {
        let hearing = async { while next(listener).await.number != number {} };
        tokio::pin!(hearing);
        let mut again = interval(Duration::from_millis(5));
        let telling = async {
            loop {
                tokio::select! {
                    () = &mut hearing => return,
                    _ = again.tick() => tower.teller.tell(tick(number)),
                }
            }
        };
        timeout(LONG, telling).await.expect("heard in time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hint_reaches_everybody_who_listens() {
    let folder = tempfile::tempdir().unwrap();
    let (mut early, tower) = (listener(folder.path()), tower(folder.path()));
    let mut late = listener(folder.path());
    until_heard(&tower, 1, &mut [&mut early, &mut late]).await;
    tower.teller.tell(tick(2));
    for listener in [&mut early, &mut late] {
        let heard = async {
            loop {
                let hint = next(listener).await;
                if hint.number == 2 {
                    return hint;
                }
            }
        };
        assert_eq!(heard.await, tick(2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_for_nobody_are_gone_and_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tower = tower(folder.path());
    for number in 0..200 {
        tower.tell(number).await;
    }
    assert_eq!(tower.counted.untold.get(), 0);
    let mut listener = listener(folder.path());
    until_heard(&tower, 1_000, &mut [&mut listener]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_is_heard_although_the_socket_of_its_predecessor_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut listener = listener(folder.path());
    // What a process leaves that was killed.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("tick.0.hint")).unwrap());
    for number in 0..3 {
        let tower = tower(folder.path());
        until_heard(&tower, number, &mut [&mut listener]).await;
        drop(tower);
        until(|| !folder.path().join("tick.0.hint").exists()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_tell_goes_on_and_counts_what_was_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("tick.0.hint");
    fs::create_dir(&in_the_way).unwrap();
    let tower = tower(folder.path());
    let told = Instant::now();
    (0..1_000).for_each(|number| tower.teller.tell(tick(number)));
    assert!(told.elapsed() < Duration::from_secs(1));
    until(|| tower.counted.untold.get() == 1_000).await;
    fs::remove_dir(&in_the_way).unwrap();
    let mut listener = listener(folder.path());
    until_heard(&tower, 7, &mut [&mut listener]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_somebody_removed_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let tower = tower(folder.path());
    let mut listener = listener(folder.path());
    until_heard(&tower, 1, &mut [&mut listener]).await;
    fs::remove_file(folder.path().join("tick.0.hint")).unwrap();
    until(|| folder.path().join("tick.0.hint").exists()).await;
    until_heard(&tower, 2, &mut [&mut listener]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_not_asked_loses_the_oldest_and_is_told_how_many() {
    let folder = tempfile::tempdir().unwrap();
    let tower = tower(folder.path());
    let mut listener = listener(folder.path());
    until_heard(&tower, 0, &mut [&mut listener]).await;
    let before = listener.counted.heard.get();
    for number in 1..=300 {
        tower.tell(number).await;
    }
    until(|| listener.counted.heard.get() >= before + 300).await;
    let Heard::Lost(lost) = timeout(LONG, listener.next()).await.unwrap() else { panic!("nothing was lost") };
    let rest = next(&mut listener).await.number;
    assert!(lost >= 44 && rest > 1, "{lost} lost, then {rest}");
    assert_eq!(listener.counted.unheard.get(), lost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_comes_back_before_it_is_cut_and_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tower = tower(folder.path());
    let mut listener = listener(folder.path());
    until_heard(&tower, 0, &mut [&mut listener]).await;
    for number in 1..4 * HINTS_PER_CONNECTION {
        tower.teller.tell(tick(number));
        // What was told while two connections were up is heard twice.
        let mut heard = next(&mut listener).await.number;
        while heard < number {
            heard = next(&mut listener).await.number;
        }
        assert_eq!(heard, number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_does_not_read_is_cut_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let tower = tower(folder.path());
    let mut listener = listener(folder.path());
    until_heard(&tower, 0, &mut [&mut listener]).await;
    let name = Peer("does-not-read".into());
    let path = folder.path().join("tick.0.hint");
    let mut idle = ZeroMq::subscribe(&path, &name, CONNECT_WAIT).await.unwrap();
    // It hears this one: so it is subscribed.
    let first = async {
        loop {
            tower.teller.tell(tick(1));
            if let Ok(parcel) = timeout(Duration::from_millis(20), idle.next()).await {
                return parcel;
            }
        }
    };
    assert!(timeout(LONG, first).await.unwrap().is_some());
    let (mut slowest, all) = (Duration::ZERO, 3 * HINTS_PER_CONNECTION);
    for number in 2..all {
        let told = Instant::now();
        tower.teller.tell(tick(number));
        while next(&mut listener).await.number != number {}
        slowest = slowest.max(told.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "held up for {slowest:?}");
    let mut kept = 0;
    while timeout(LONG, idle.next()).await.expect("its connection ends").is_some() {
        kept += 1;
    }
    assert!(kept <= HINTS_PER_CONNECTION, "{kept} hints were kept for it, of {all}");
}
