//! Programs that take the tree for the IPFS Cluster behind an ingest server.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
};

use rookery_tests::{
    http::Client,
    ipfscluster::IpfsCluster,
    multipart::{self, Form},
    setup::Setup,
    tree::Tree,
    wait,
};
use serde_json::Value;

use super::{CONFIG, DEADLINE, INGEST, content, ingest, only_hash, only_hash_with, start, write};

/// Sends bytes as they are, and reads to the end.
fn exchange(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time limit");
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is answered, and then closed");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

#[test]
fn the_requests_of_the_original_servers_are_answered_byte_by_byte() {
    let tree = start();
    let cluster = tree.address(INGEST, "cluster");
    let (head, body) = exchange(
        cluster,
        "GET /version?stream-channels=true HTTP/1.1\r\nHost: 127.0.0.1:9094\r\nUser-Agent: python-requests/2.22.0\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("application/json"), "{head}");
    assert_eq!(body, format!("{{\"version\":\"{}\"}}", env!("CARGO_PKG_VERSION")));
    // As it was recorded, chunk by chunk: the disposition is `file`, and a header stands before it.
    let (head, body) = exchange(
        cluster,
        "POST /add?stream-channels=true&name=files HTTP/1.1\r\nHost: 127.0.0.1:9094\r\nUser-Agent: python-requests/2.22.0\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: close\r\n\
         Content-Disposition: form-data; filename=\"files\"\r\n\
         Content-Type: multipart/form-data; boundary=\"06c319a44d10415abd8bed970c0d9189\"\r\nTransfer-Encoding: chunked\r\n\r\n\
         24\r\n--06c319a44d10415abd8bed970c0d9189\r\n\r\n\
         22\r\nAbspath: /srv/ipfs/socket_file.txt\r\n\
         2\r\n\r\n\r\n\
         37\r\nContent-Disposition: file; filename=\"socket_file.txt\"\r\n\r\n\
         1a\r\nContent-Type: text/plain\r\n\r\n\
         2\r\n\r\n\r\n\
         3\r\nhi\n\r\n\
         2\r\n\r\n\r\n\
         26\r\n--06c319a44d10415abd8bed970c0d9189--\r\n\r\n0\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head} {body}");
    let cid = only_hash(&tree, b"hi\n");
    assert_eq!(body, format!("{{\"cid\":{{\"/\":{cid}}},\"name\":\"socket_file.txt\",\"size\":11}}\n"));
}

#[test]
fn the_library_of_the_original_servers_works_unchanged() {
    let Some(library) = IpfsCluster::or_skip("the_library_of_the_original_servers_works_unchanged") else { return };
    let tree = start();
    let contents = [b"".to_vec(), b"text\n".to_vec(), content(30_000_000)];
    let files: Vec<_> =
        contents.iter().enumerate().map(|(at, bytes)| write(&tree, &format!("{at}.txt"), bytes)).collect();
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let added = library.add(tree.address(INGEST, "cluster"), &paths);
    for (at, (answer, bytes)) in added.iter().zip(&contents).enumerate() {
        assert_eq!(
            (&answer["cid"]["/"], &answer["name"]),
            (&only_hash(&tree, bytes), &Value::from(format!("{at}.txt")))
        );
        let back = ingest(&tree, &["--get", answer["cid"]["/"].as_str().expect("text")]);
        assert!(back.status.success() && back.stdout == *bytes, "{answer}");
    }
    assert_eq!(added.len(), contents.len());
    assert_eq!(journal_lines(&tree), contents.len());
}

#[test]
fn a_client_of_todays_cluster_reads_what_it_expects_and_what_is_not_offered_is_said() {
    let tree = start();
    let mut cluster = Client::new(tree.address(INGEST, "cluster"));
    let kind = multipart::content_type();
    let headers = [("Content-Type", &*kind)];
    let two = Form::new().file("a", b"one").file("b c", b"two").end();
    let added = cluster.ask("POST", "/add?stream-channels=false&cid-version=1", &headers, &two).expect(200).json();
    let expected = |bytes: &[u8]| only_hash_with(&tree, "&cid-version=1", bytes);
    assert_eq!((&added[0]["cid"], &added[1]["cid"]), (&expected(b"one"), &expected(b"two")), "{added}");
    assert_eq!((&added[0]["name"], &added[1]["name"]), (&Value::from("a"), &Value::from("b c")), "{added}");
    let refusals = [
        ("POST", "/add?shard=true", &two[..], 400, "shard=true is not offered"),
        ("POST", "/add?cid-version=7", &two, 400, "expected 0 or 1"),
        ("POST", "/add", b"no form, and longer than a boundary would be", 400, "does not begin with its boundary"),
        ("POST", "/add", &two[..two.len() - 10], 400, "EOF"),
        ("GET", "/add", b"", 405, "expected GET /version or POST /add"),
        ("GET", "/pins", b"", 404, "/pins is not offered here"),
    ];
    for (method, path, body, status, words) in refusals {
        let mut cluster = Client::new(tree.address(INGEST, "cluster"));
        let answer = cluster.ask(method, path, &headers, body).expect(status).json();
        assert_eq!(answer["code"], status);
        assert!(answer["message"].as_str().is_some_and(|message| message.contains(words)), "{answer}");
    }
    let page = [("Content-Type", &*kind), ("Origin", "https://example.org")];
    let _ = cluster.ask("POST", "/add", &page, &two).expect(403);
}

fn journal_lines(tree: &Tree) -> usize {
    let journal = fs::read_to_string(tree.folder().join("data").join(proto::uploads::JOURNAL)).expect("a journal");
    journal.lines().count()
}

/// A request whose body comes in chunks, as the original servers send it, up to the middle of its file.
fn begin_to_add(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time limit");
    let head = "POST /add HTTP/1.1\r\nHost: here\r\nContent-Type: multipart/form-data; boundary=b\r\n\
        Transfer-Encoding: chunked\r\n\r\n34\r\n--b\r\nContent-Disposition: file; filename=\"a\"\r\n\r\nsome\r\n";
    stream.write_all(head.as_bytes()).expect("it is read");
    stream
}

fn answer_to(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn limits_hold_for_files_that_come_over_http_and_nothing_of_them_is_kept() {
    let tree = Setup::new().with(&format!("{CONFIG}file_mib = 1\nidle_wait_ms = 700\n")).start();
    let cluster = tree.address(INGEST, "cluster");

    let mut large = begin_to_add(cluster);
    let chunk = [&b"10000\r\n"[..], &[b'x'; 0x1_0000], b"\r\n"].concat();
    // It may be cut off before it has sent all.
    let _ = (0..64).try_for_each(|_| large.write_all(&chunk));
    let answer = answer_to(large);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("more than 1048576 bytes"), "{answer}");

    let answer = answer_to(begin_to_add(cluster));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("nothing came for 700ms"), "{answer}");

    let cut = begin_to_add(cluster);
    cut.shutdown(Shutdown::Write).expect("our own socket");
    let answer = answer_to(cut);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");

    assert_eq!(journal_lines(&tree), 0);
    let added =
        Client::new(cluster).ask("POST", "/add", &[("Content-Type", &*multipart::content_type())], &Form::of(b"ok"));
    assert_eq!(added.expect(200).json()["cid"], only_hash(&tree, b"ok"));
    assert_eq!(journal_lines(&tree), 1);
}

#[test]
fn more_clients_than_are_served_at_a_time_all_get_their_answer() {
    let tree = start();
    let cluster = tree.address(INGEST, "cluster");
    let (kind, clients) = (multipart::content_type(), 100);
    let bytes = |at: usize| content(70_000 + at);
    let answers: Vec<Value> = thread::scope(|scope| {
        let add = |at: usize| {
            let headers = [("Content-Type", &*kind), ("Connection", "close")];
            Client::new(cluster).ask("POST", "/add", &headers, &Form::of(&bytes(at))).expect(200).json()
        };
        let threads: Vec<_> = (0..clients).map(|at| scope.spawn(move || add(at))).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    for (at, answer) in answers.iter().enumerate().step_by(9) {
        assert_eq!(answer["cid"], only_hash(&tree, &bytes(at)));
    }
    assert_eq!((answers.len(), journal_lines(&tree)), (clients, clients));
}

#[test]
fn an_add_is_answered_although_the_ipfs_daemon_dies_under_it() {
    let tree = start();
    let bytes = content(40_000_000);
    let (cluster, kind) = (tree.address(INGEST, "cluster"), multipart::content_type());
    let added = thread::scope(|scope| {
        let add = || Client::new(cluster).ask("POST", "/add", &[("Content-Type", &*kind)], &Form::of(&bytes));
        let adding = scope.spawn(add);
        let metrics = || tree.web().get("/metrics").text();
        let begun = || metrics().lines().any(|line| line.contains("ingest_moved_bytes_total") && !line.ends_with(" 0"));
        wait::until("bytes have come", DEADLINE, || begun().then_some(()));
        let old = tree.kill("ipfs-node.0");
        tree.await_successor("ipfs-node.0", old);
        adding.join().expect("an answer")
    });
    assert_eq!(added.expect(200).json()["cid"], only_hash(&tree, &bytes));
}
