//! What a daemon costs by itself: start and stop, small files, collection, gateway, memory while it serves.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Kind, Peer};
use crate::{
    load::{get, run},
    row::{Table, median, round},
};

const RUNS: usize = 5;
const SMALL: usize = 10_000;
const READERS: usize = 4;
const READING: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 32;
const LOOK_EVERY: Duration = Duration::from_millis(20);
const V1: &str = "progress=false&cid-version=1&raw-leaves=true&chunker=size-1048576&max-file-links=1024";

pub(super) fn measure(table: &mut Table) {
    life(table);
    small_files(table);
    gateway(table);
    collection(table);
    serving(table, Kind::Kubo, "");
    serving(table, Kind::Ours, "≤ 64 MiB more");
}

fn life(table: &mut Table) {
    for (kind, aim) in [(Kind::Kubo, ""), (Kind::Ours, "≤ 50 ms")] {
        let mut peer = Peer::start(kind);
        let (mut starts, mut stops) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            stops.extend(peer.daemon.take().map(|daemon| ms(daemon.stop())));
            peer.start_again();
            starts.push(ms(peer.daemon().start));
        }
        let (start, stop) = (round(median(starts)), round(median(stops)));
        table.figure(format!("{}: start until it can be asked", kind.name()), format!("{start} ms"), aim);
        table.figure(format!("{}: stop", kind.name()), format!("{stop} ms"), "");
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn small_files(table: &mut Table) {
    let [ours, theirs] = [Kind::Ours, Kind::Kubo].map(|kind| {
        let peer = Peer::start(kind);
        let began = Instant::now();
        peer.daemon().add_small(SMALL, 1_000, "progress=false");
        SMALL as f64 / began.elapsed().as_secs_f64()
    });
    table.rate("add 10,000 files of 1,000 bytes", ours, "files/s", ("Kubo", theirs), "");
}

fn gateway(table: &mut Table) {
    for (name, bytes) in [("1 KiB", 1 << 10), ("1 MiB", 1 << 20)] {
        let [ours, theirs] = [Kind::Ours, Kind::Kubo].map(|kind| {
            let peer = Peer::start(kind);
            let file = peer.path().join("content");
            std::fs::write(&file, vec![b'x'; bytes]).expect("a file in our directory");
            let root = peer.daemon().add(&file, V1);
            let asked = get(&format!("/ipfs/{root}"), "*/*");
            let load = run(peer.daemon().gateway(), CONNECTIONS, READING, move || Some(asked.clone()));
            assert_eq!(load.bad, 0, "{} answers", kind.name());
            load.rate()
        });
        table.rate(&format!("gateway, GET of {name}"), ours, "/s", ("Kubo", theirs), "");
    }
}

/// 1 GiB that nothing pins any more.
fn collection(table: &mut Table) {
    let [ours, theirs] = [Kind::Ours, Kind::Kubo].map(|kind| {
        let peer = Peer::start(kind);
        let file = crate::blocks::random_file(peer.path());
        peer.daemon().add(&file, &format!("{V1}&pin=false"));
        let began = Instant::now();
        peer.daemon().ask("repo/gc?quiet=true");
        1_024.0 / began.elapsed().as_secs_f64()
    });
    table.rate("collection of 1 GiB", ours, "MiB/s", ("Kubo", theirs), "");
}

/// Memory that is idle, and the most of it while four peers fetch 1 GiB at once.
fn serving(table: &mut Table, kind: Kind, aim: &str) {
    let peer = Peer::start(kind);
    let idle = peer.daemon().anonymous_kib();
    let file = crate::blocks::random_file(peer.path());
    let root = peer.daemon().add(&file, V1);
    std::fs::remove_file(&file).expect("it was read");
    let before = peer.daemon().anonymous_kib();
    let most = most_while_read(&peer, &root);
    let name = kind.name();
    let idle_aim = if kind == Kind::Ours { "≤ 15 MiB" } else { "" };
    table.figure(format!("{name}: anonymous memory, idle"), format!("{} MiB", round(idle as f64 / 1024.0)), idle_aim);
    let words = format!("{} MiB, {} MiB before", round(most as f64 / 1024.0), round(before as f64 / 1024.0));
    table.figure(format!("{name}: the most while four peers fetch 1 GiB at once"), words, aim);
}

fn most_while_read(peer: &Peer, root: &str) -> u64 {
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(|| fetch(peer, root))).collect();
        let mut most = 0;
        while !readers.iter().all(thread::ScopedJoinHandle::is_finished) {
            most = most.max(peer.daemon().anonymous_kib());
            thread::sleep(LOOK_EVERY);
        }
        most
    })
}

/// All of it, into a repository on the disk: four more on tmpfs would need the memory that is looked at.
fn fetch(from: &Peer, root: &str) {
    let reader = Peer::start_in(Kind::Ours, "/var/tmp");
    reader.daemon().connect(from.daemon());
    reader.daemon().ask(&format!("pin/add?arg={root}&progress=false"));
}
