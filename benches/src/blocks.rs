//! Bytes into blocks: hashing alone, and adding a file to `ipfs-node`, beside `openssl`, `dd` and Kubo.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use bytes::Bytes;
use unixfs::{HashOnly, ImportOptions, Layout, Node, Profile, leaf_nodes};

use crate::{
    ipfsd::{Daemon, init_kubo},
    row::{Table, median},
};

/// What is measured with.
pub const BYTES: usize = 1 << 30;
const RUNS: usize = 3;
/// How Kubo adds with the profile of 2025.
const NEWER: &str = "cid-version=1&raw-leaves=true&chunker=size-1048576&progress=false";

/// 1 GiB of bytes that do not compress, on disk and on tmpfs.
pub fn measure() -> Table {
    let mut table = Table::new("1 GiB into blocks, median of 3");
    let kubo = kubo();
    hash_only(&mut table, kubo.as_deref());
    for (place, root, aim) in [("tmpfs", "/dev/shm", "≥ 2 × Kubo"), ("disk", "/var/tmp", "≥ 0.9 × dd")] {
        add(&mut table, place, Path::new(root), kubo.as_deref(), aim);
    }
    table
}

/// Kubo, if it was built.
pub fn kubo() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/ipfs"));
    if !path.exists() {
        eprintln!("skipped: figures of Kubo (run `make peers`)");
    }
    path.exists().then_some(path)
}

/// [`BYTES`] that do not compress.
pub fn random_file(folder: &Path) -> PathBuf {
    let path = folder.join("1gib");
    let mut file = File::create(&path).expect("a file in our directory");
    let mut block = vec![0; 1 << 20];
    for _ in 0..BYTES >> 20 {
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut block);
        file.write_all(&block).expect("there is room for 1 GiB");
    }
    file.sync_all().expect("the file can be synced");
    path
}

fn seconds(mut work: impl FnMut()) -> f64 {
    median(
        (0..RUNS)
            .map(|_| {
                let began = Instant::now();
                work();
                began.elapsed().as_secs_f64()
            })
            .collect(),
    )
}

/// The rate at which [`BYTES`] were moved.
pub fn mib_per_s(seconds: f64) -> f64 {
    (BYTES >> 20) as f64 / seconds
}

/// Runs a program of which only the time matters.
pub fn quiet(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.expect("the program can be started").success(), "{command:?}");
}

fn hash_only(table: &mut Table, kubo: Option<&Path>) {
    let folder = tempfile::tempdir_in("/dev/shm").expect("a directory on tmpfs");
    let file = random_file(folder.path());
    let bytes = Bytes::from(fs::read(&file).expect("our file"));
    let one = mib_per_s(seconds(|| {
        std::hint::black_box(hash_with_unixfs(&bytes));
    }));
    let openssl = mib_per_s(seconds(|| quiet(Command::new("openssl").args(["dgst", "-sha256"]).arg(&file))));
    table.rate(
        "unixfs hash-only, in memory, both cores",
        one,
        "MiB/s",
        ("openssl dgst -sha256, one core", openssl),
        "",
    );
    if let Some(kubo) = kubo {
        let repo = init_kubo(kubo, folder.path());
        let theirs = mib_per_s(seconds(|| {
            quiet(
                Command::new(kubo)
                    .env("IPFS_PATH", &repo)
                    .args(["add", "--only-hash", "-Q", "--cid-version=1", "--chunker=size-1048576"])
                    .arg(&file),
            );
        }));
        table.rate("unixfs hash-only, in memory, both cores", one, "MiB/s", ("Kubo add --only-hash", theirs), "≥ 3");
    }
}

fn add(table: &mut Table, place: &str, root: &Path, kubo: Option<&Path>, aim: &str) {
    let folder = tempfile::tempdir_in(root).expect("a directory there");
    let file = random_file(folder.path());
    let copy = folder.path().join("copy");
    let dd = mib_per_s(seconds(|| {
        quiet(
            Command::new("dd")
                .arg(format!("if={}", file.display()))
                .arg(format!("of={}", copy.display()))
                .args(["bs=1M", "conv=fsync"]),
        );
        fs::remove_file(&copy).expect("dd made it");
    }));
    let ours =
        mib_per_s(median((0..RUNS).map(|run| add_to_node(&folder.path().join(format!("node{run}")), &file)).collect()));
    let what = format!("ipfs-node add over HTTP, durable, on {place}");
    table.rate(&what, ours, "MiB/s", ("dd conv=fsync", dd), if place == "disk" { aim } else { "" });
    if let Some(kubo) = kubo {
        let theirs = mib_per_s(median(
            (0..RUNS).map(|run| add_to_kubo(kubo, &folder.path().join(format!("k{run}")), &file)).collect(),
        ));
        table.rate(
            &what,
            ours,
            "MiB/s",
            ("Kubo add, daemon, not synced", theirs),
            if place == "tmpfs" { aim } else { "" },
        );
    }
}

/// Starts a node on an empty repository, adds the file with Kubo's RPC, and takes the time of the adding.
fn add_to_node(data: &Path, file: &Path) -> f64 {
    let node = Daemon::ours(data, "");
    let took = timed_add(&node, file, NEWER);
    // While it lives it may write into what is being removed.
    drop(node);
    fs::remove_dir_all(data.join("ipfs")).expect("the repository");
    took
}

fn add_to_kubo(kubo: &Path, folder: &Path, file: &Path) -> f64 {
    fs::create_dir_all(folder).expect("a directory");
    let daemon = Daemon::kubo(kubo, &init_kubo(kubo, folder));
    let took = timed_add(&daemon, file, NEWER);
    drop(daemon);
    fs::remove_dir_all(folder).expect("the repository");
    took
}

/// The same client for both; the time until the answer was read to its end.
pub fn timed_add(daemon: &Daemon, file: &Path, options: &str) -> f64 {
    let began = Instant::now();
    daemon.add(file, options);
    began.elapsed().as_secs_f64()
}

/// The root of a file in memory, its leaves hashed on both cores.
fn hash_with_unixfs(bytes: &Bytes) -> Node {
    const TOGETHER: usize = 64;
    let options = ImportOptions::from(Profile::V1_2025);
    let mut layout = Layout::new(options);
    let mut chunks: Vec<_> =
        (0..bytes.len()).step_by(1 << 20).map(|at| bytes.slice(at..bytes.len().min(at + (1 << 20)))).collect();
    while !chunks.is_empty() {
        let batch: Vec<_> = chunks.drain(..chunks.len().min(TOGETHER)).collect();
        for leaf in leaf_nodes(&options, &batch) {
            layout.push(leaf, &mut HashOnly).expect("hashing keeps nothing that could fail");
        }
    }
    layout.finish(&mut HashOnly).expect("hashing keeps nothing that could fail")
}
