//! Many clients, fast and slow ones.

use std::{thread, time::Duration};

use rookery_tests::{
    artc::{self, Uploader},
    process, wait,
};

use super::{file, listed, start, uploads};

const CLIENTS: usize = 500;
const THREADS: usize = 10;
/// What the box may have in memory with all of them.
const BOX_BYTES: u64 = 64 << 20;

/// Each client holds most of a chunk at first, so that all of them together would hold twice what the box may.
#[test]
fn five_hundred_uploads_at_once_are_all_kept_in_64_mib() {
    const FIRST: usize = 250_000;
    let tree = start();
    let server = uploads(&tree);
    let files: Vec<_> = (0..4).map(|n| file(600_000 + n, n as u64)).collect();
    let expected: Vec<_> = files.iter().map(|file| artc::upload(server, file, 65_536)).collect();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Uploader::connect(server).unwrap()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&files[n % files.len()][..FIRST]).unwrap();
    }
    thread::scope(|scope| {
        for (part, clients) in clients.chunks_mut(CLIENTS / THREADS).enumerate() {
            let (files, expected) = (&files, &expected);
            scope.spawn(move || {
                let of = |at: usize| (part * (CLIENTS / THREADS) + at) % files.len();
                for (at, client) in clients.iter_mut().enumerate() {
                    client.send(&files[of(at)][FIRST..]).unwrap();
                    client.end().unwrap();
                }
                for (at, client) in clients.iter_mut().enumerate() {
                    assert_eq!(client.hash().unwrap(), expected[of(at)]);
                }
            });
        }
    });
    let peak = process::peak_rss_bytes(tree.pid("ingest-server.0"));
    assert!((1..=BOX_BYTES).contains(&peak), "{peak} bytes at the most");
    assert_eq!(listed(&tree).len(), CLIENTS + files.len());
}

#[test]
fn a_fast_client_does_not_wait_for_slow_ones() {
    let tree = start();
    let server = uploads(&tree);
    let slow_file = file(400_000, 1);
    let mut slow: Vec<_> = (0..8).map(|_| Uploader::connect(server).unwrap()).collect();
    for client in &mut slow {
        client.send(&slow_file[..300_000]).unwrap();
    }
    let fast_file = file(30_000_000, 2);
    let fast = artc::upload(server, &fast_file, 1 << 20);
    assert!(fast.starts_with("Qm"), "{fast}");
    assert_eq!(listed(&tree).len(), 1, "the slow ones are still on their way");
    let expected = artc::upload(server, &slow_file, 65_536);
    for mut client in slow {
        client.send(&slow_file[300_000..]).unwrap();
        client.end().unwrap();
        assert_eq!(client.hash().unwrap(), expected);
    }
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let tree = start();
    let bytes = file(1 << 20, 1);
    let mut client = Uploader::connect(uploads(&tree)).unwrap();
    for _ in 0..400 {
        client.send(&bytes).unwrap();
    }
    client.end().unwrap();
    assert!(client.hash().unwrap().starts_with("Qm"));
    let peak = process::peak_rss_bytes(tree.pid("ingest-server.0"));
    assert!((1..=BOX_BYTES / 2).contains(&peak), "{peak} bytes at the most");
}

#[test]
fn a_silent_client_is_let_go_with_a_line() {
    let tree = rookery_tests::setup::Setup::new().with(&format!("{}idle_wait_ms = 300\n", super::ENABLED)).start();
    let mut client = Uploader::connect(uploads(&tree)).unwrap();
    client.send(b"half a file").unwrap();
    let line = wait::until("the client is told", Duration::from_secs(10), || client.hash().ok());
    assert_eq!(line, "ERROR nothing came for 300ms; nothing was kept, send the file again\n");
}
