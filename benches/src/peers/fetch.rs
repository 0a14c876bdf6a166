//! Fetching whole DAGs from a peer.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{Kind, Peer};
use crate::row::{Table, median};

const RUNS: usize = 3;
const V0: &str = "progress=false";
const V1: &str = "progress=false&cid-version=1&raw-leaves=true&chunker=size-1048576&max-file-links=1024";
const TINY: &str = "progress=false&cid-version=1&raw-leaves=true&chunker=size-4096";

/// What is fetched: how many MiB in one file, or a folder.
enum Content {
    File(usize),
    Small(usize),
}

struct Dag {
    name: &'static str,
    content: Content,
    options: &'static str,
    /// Aims: ours from ours beside Kubo from Kubo, ours from Kubo beside that, Kubo from ours beside that.
    aims: [&'static str; 3],
}

const DAGS: [Dag; 5] = [
    Dag {
        name: "256 MiB, 256 KiB leaves", content: Content::File(256), options: V0, aims: ["≥ 2", "≥ 1.9", "≥ 1.1"]
    },
    Dag {
        name: "256 MiB, 1 MiB leaves", content: Content::File(256), options: V1, aims: ["≥ 2", "≥ 1.4", "≥ 1.1"]
    },
    Dag {
        name: "1 GiB, 1 MiB leaves", content: Content::File(1024), options: V1, aims: ["≥ 2", "≥ 1.4", "≥ 1.1"]
    },
    Dag {
        name: "64 MiB, 4 KiB leaves", content: Content::File(64), options: TINY, aims: ["≥ 2", "≥ 10", "≥ 1.1"]
    },
    Dag { name: "folder of 10,000 files", content: Content::Small(10_000), options: V0, aims: ["≥ 2", "", ""] },
];

pub(super) fn measure(table: &mut Table) {
    for dag in &DAGS {
        eprintln!("  {} …", dag.name);
        let (ours, theirs) = (Peer::start(Kind::Ours), Peer::start(Kind::Kubo));
        let file = file(ours.path(), &dag.content);
        let roots = [&ours, &theirs].map(|peer| add(peer, dag, file.as_deref()));
        assert_eq!(roots[0], roots[1], "both have to make the same of {}", dag.name);
        let time = |to: Kind, from: &Peer| median((0..RUNS).map(|_| fetch(to, from, &roots[0])).collect());
        let kubo_from_kubo = time(Kind::Kubo, &theirs);
        let pairs = [(Kind::Ours, &ours), (Kind::Ours, &theirs), (Kind::Kubo, &ours)];
        for ((to, from), aim) in pairs.into_iter().zip(dag.aims) {
            let what = format!("{}: {} from {}", dag.name, to.name(), from.kind.name());
            row(table, dag, &what, time(to, from), kubo_from_kubo, aim);
        }
    }
}

fn row(table: &mut Table, dag: &Dag, what: &str, seconds: f64, beside: f64, aim: &str) {
    let (size, unit) = match dag.content {
        Content::File(mib) => (mib, "MiB/s"),
        Content::Small(files) => (files, "files/s"),
    };
    table.rate(what, size as f64 / seconds, unit, ("Kubo from Kubo", size as f64 / beside), aim);
}

fn add(peer: &Peer, dag: &Dag, file: Option<&Path>) -> String {
    match (&dag.content, file) {
        (Content::Small(files), _) => peer.daemon().add_small(*files, 1_000, dag.options),
        (Content::File(_), file) => peer.daemon().add(file.expect("a file was made"), dag.options),
    }
}

/// A file of bytes that do not compress.
fn file(folder: &Path, content: &Content) -> Option<PathBuf> {
    let Content::File(mib) = content else { return None };
    let path = folder.join("content");
    let mut file = File::create(&path).expect("a file in our directory");
    let mut block = vec![0; 1 << 20];
    for _ in 0..*mib {
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut block);
        file.write_all(&block).expect("there is room for it");
    }
    Some(path)
}

/// Seconds from asking for a root until all below it is here and pinned.
fn fetch(to: Kind, from: &Peer, root: &str) -> f64 {
    let peer = Peer::start(to);
    peer.daemon().connect(from.daemon());
    let began = Instant::now();
    peer.daemon().ask(&format!("pin/add?arg={root}&progress=false"));
    began.elapsed().as_secs_f64()
}
