//! Memory over a long time in which peers come and go: each connects, fetches a file, and is killed.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{Kind, Peer, TCP};
use crate::{
    ipfsd::Daemon,
    row::{Table, round},
};

/// 100 a minute.
const EVERY: Duration = Duration::from_millis(600);
const PARTS: u32 = 10;
const FILE_BYTES: usize = 300_000;

/// So many minutes of it; the memory at the end of each tenth.
pub(super) fn measure(table: &mut Table, minutes: u32) {
    let peer = Peer::start(Kind::Ours);
    let file = peer.path().join("content");
    std::fs::write(&file, vec![b'x'; FILE_BYTES]).expect("a file in our directory");
    let root = peer.daemon().add(&file, "progress=false");
    let part = Duration::from_secs(60) * minutes / PARTS;
    let (mut came, mut first) = (0, None);
    for number in 1..=PARTS {
        let end = Instant::now() + part;
        while Instant::now() < end {
            let next = Instant::now() + EVERY;
            visit(peer.daemon(), &peer.path().join("visitor"), &root);
            came += 1;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        let now = peer.daemon().anonymous_kib() as f64 / 1024.0;
        let ratio = now / *first.get_or_insert(now);
        let what = format!("after {} min, {came} peers", round(f64::from(minutes * number) / f64::from(PARTS)));
        table.figure(what, format!("{} MiB, {ratio:.2} × the first", round(now)), "flat");
        eprintln!("  {number}/{PARTS}: {} MiB", round(now));
    }
}

fn visit(host: &Daemon, folder: &Path, root: &str) {
    let visitor = Daemon::ours(folder, TCP);
    visitor.connect(host);
    visitor.ask(&format!("pin/add?arg={root}&progress=false"));
    drop(visitor);
    std::fs::remove_dir_all(folder).expect("its repository");
}
