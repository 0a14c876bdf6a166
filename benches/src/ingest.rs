//! Files over TCP to a CID, through the whole tree: one connection with 1 GiB, and 16 with 64 MiB each, beside Kubo's add,
//! `dd` and `openssl` with the same bytes in the same run; and what the box has in memory meanwhile.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::Instant,
};

use crate::{
    blocks::{BYTES, kubo, mib_per_s, quiet, random_file, timed_add},
    ipfsd::{Daemon, init_kubo},
    row::{Table, round},
    tree::Tree,
};

const CONNECTIONS: usize = 16;
const WAITING: usize = 500;
const ENABLED: &str =
    "[ingest-server]\nenabled = true\nupload_listen = \"127.0.0.1:0\"\ndownload_listen = \"127.0.0.1:0\"\n";
const END: &str = "This is the end of the file: ";

/// 1 GiB in, on tmpfs and on disk. One run each: the whole takes minutes.
pub fn measure() -> Table {
    let mut table = Table::new("Ingest: 1 GiB of bytes over TCP, client on the same two cores, one run");
    let kubo = kubo();
    for (place, root) in [("tmpfs", "/dev/shm"), ("disk", "/var/tmp")] {
        beside(&mut table, place, Path::new(root), kubo.as_deref());
    }
    crowd(&mut table);
    table
}

fn beside(table: &mut Table, place: &str, root: &Path, kubo: Option<&Path>) {
    let folder = tempfile::tempdir_in(root).expect("a directory there");
    let file = random_file(folder.path());
    let on_disk = place == "disk";
    let one = whole(table, place, root, &file);
    let openssl = mib_per_s(seconds(|| quiet(Command::new("openssl").args(["dgst", "-sha256"]).arg(&file))));
    let what = format!("one connection, 1 GiB, {place}");
    table.rate(&what, one, "MiB/s", ("openssl dgst -sha256", openssl), if on_disk { "" } else { "≥ 0.7" });
    let copy = folder.path().join("copy");
    let (from, to) = (format!("if={}", file.display()), format!("of={}", copy.display()));
    let dd = mib_per_s(seconds(|| quiet(Command::new("dd").args([&from, &to]).args(["bs=1M", "conv=fsync"]))));
    fs::remove_file(&copy).expect("dd made it");
    table.rate(&what, one, "MiB/s", ("dd conv=fsync", dd), if on_disk { "≥ 0.9" } else { "" });
    if let Some(kubo) = kubo {
        let repo = init_kubo(kubo, folder.path());
        let daemon = Daemon::kubo(kubo, &repo);
        let theirs = mib_per_s(timed_add(&daemon, &file, "progress=false"));
        table.rate(&what, one, "MiB/s", ("Kubo add, daemon, not synced", theirs), if on_disk { "" } else { "≥ 2" });
    }
}

fn whole(table: &mut Table, place: &str, root: &Path, file: &Path) -> f64 {
    let tree = Tree::start_in(root, ENABLED);
    let server = tree.address("ingest-server", "upload");
    let one = mib_per_s(seconds(|| send(server, file, 0, BYTES)));
    let peak = peak_mib(&tree);
    table.figure(format!("memory of the box at the most, one connection, {place}"), format!("{peak} MiB"), "");
    let tree = Tree::start_in(root, ENABLED);
    let server = tree.address("ingest-server", "upload");
    let part = BYTES / CONNECTIONS;
    let many = mib_per_s(seconds(|| {
        thread::scope(|scope| {
            for n in 0..CONNECTIONS {
                scope.spawn(move || send(server, file, n * part, part));
            }
        });
    }));
    table.figure(format!("16 connections, 64 MiB each, {place}"), format!("{} MiB/s", round(many)), "");
    let peak = peak_mib(&tree);
    table.figure(format!("memory of the box at the most, 16 connections, {place}"), format!("{peak} MiB"), "≤ 64 MiB");
    one
}

/// Uploads that have begun and do not go on, each with most of a chunk sent.
fn crowd(table: &mut Table) {
    let tree = Tree::start_with(ENABLED);
    let server = tree.address("ingest-server", "upload");
    let piece = vec![7; 250_000];
    let mut open: Vec<_> = (0..WAITING).map(|_| greeted(server)).collect();
    for (stream, _) in &mut open {
        stream.write_all(&piece).expect("the server reads");
    }
    // Each of them ends, so all bytes were taken in.
    for (stream, token) in &mut open {
        finish(stream, token);
    }
    let peak = peak_mib(&tree);
    table.figure("memory of the box at the most, 500 uploads open", format!("{peak} MiB"), "≤ 64 MiB");
}

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

fn greeted(server: SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server).expect("the server listens");
    let mut token = [0; 1024];
    let count = stream.read(&mut token).expect("a greeting");
    (stream, String::from_utf8_lossy(&token[..count]).into_owned())
}

fn send(server: SocketAddr, file: &Path, from: usize, bytes: usize) {
    use std::io::{Seek as _, SeekFrom};
    let (mut stream, token) = greeted(server);
    let mut file = File::open(file).expect("our file");
    file.seek(SeekFrom::Start(from as u64)).expect("our file is as long");
    let mut piece = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        file.read_exact(&mut piece).expect("our file is as long");
        stream.write_all(&piece).expect("the server reads");
    }
    finish(&mut stream, &token);
}

fn finish(stream: &mut TcpStream, token: &str) {
    stream.write_all(format!("{END}{token}").as_bytes()).expect("the server reads");
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"Qm"), "{}", String::from_utf8_lossy(&answer[..count]));
}

fn peak_mib(tree: &Tree) -> u64 {
    let pid = tree.instance("ingest-server").pid.expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0).div_ceil(1024)
}
