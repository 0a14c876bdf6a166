//! Uploads over a line that breaks again and again.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use serde_json::Value;

use super::{INGEST, content, only_hash, out, start, write};
use rookery_tests::programs;

/// A line that breaks after so many bytes.
struct Line {
    port: u16,
    /// What clients have sent over it in all.
    sent_bytes: Arc<AtomicU64>,
}

impl Line {
    fn to(server: SocketAddr, breaks_after_bytes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let sent_bytes = Arc::<AtomicU64>::default();
        let count = Arc::clone(&sent_bytes);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let count = Arc::clone(&count);
                // Whatever goes wrong on a line that breaks is as it should be.
                thread::spawn(move || pass(&client, server, breaks_after_bytes, &count));
            }
        });
        Self { port, sent_bytes }
    }
}

fn pass(client: &TcpStream, server: SocketAddr, breaks_after_bytes: u64, count: &AtomicU64) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    let (mut back_from, mut back_to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut back_from, &mut back_to));
    let (mut from, mut to) = (client, &server);
    let (mut piece, mut passed) = (vec![0; 65_536], 0);
    while passed < breaks_after_bytes {
        let bytes = from.read(&mut piece)?;
        if bytes == 0 {
            return Ok(());
        }
        to.write_all(&piece[..bytes])?;
        passed += bytes as u64;
        count.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    server.shutdown(Shutdown::Both)?;
    client.shutdown(Shutdown::Both)
}

#[test]
fn a_file_gets_over_a_line_that_breaks_again_and_again_and_hardly_a_byte_is_sent_twice() {
    let tree = start();
    let bytes = content(60_000_000);
    let path = write(&tree, "file", &bytes);
    let line = Line::to(tree.address(INGEST, "upload"), 9_000_000);
    let mut client = std::process::Command::new(programs::program("ingest"));
    client.args(["--json", "--retries", "2", "--upload-port", &line.port.to_string(), &path]);
    let told: Value = serde_json::from_str(&out(&client.output().expect("the client can be started"))).expect("JSON");
    assert_eq!(told["cid"], only_hash(&tree, &bytes));
    // More than `--retries` would allow without getting on.
    assert!(told["tries"].as_u64() > Some(5), "{told}");
    let sent = line.sent_bytes.load(Ordering::Relaxed);
    assert!(sent < 90_000_000, "{sent} bytes were sent for a file of 60,000,000");
}
