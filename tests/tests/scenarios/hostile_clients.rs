//! Clients that are slow, endless or broken hold up nobody but themselves.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use rookery_tests::{comments, setup::Setup, tree::Tree};

/// Everything that the server says until it closes the connection.
fn rest(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut said = Vec::new();
    // A connection that is reset has said what it had to say.
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

fn say(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the front listens");
    stream.write_all(bytes).expect("the front takes it");
    stream
}

fn impatient() -> Tree {
    let waits = "header_wait_ms = 300\nbody_wait_ms = 300\nidle_wait_ms = 300\nsend_wait_ms = 300\n";
    Setup::new().with(&format!("[http-front]\n{waits}")).start()
}

#[test]
fn a_header_that_does_not_come_is_answered_408_and_the_connection_ends() {
    let tree = impatient();
    let address = tree.address("http-front.0", "http");
    let said = rest(say(address, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow:"));
    assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("access-control-allow-origin: *"), "{said}");
    assert_eq!(rest(say(address, b"")), "", "a connection without a request is just closed");
}

#[test]
fn a_body_that_does_not_come_is_answered_408_and_the_connection_ends() {
    let tree = impatient();
    let head = format!("POST /{} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nUser:", comments::topic("slow"));
    let said = rest(say(tree.address("http-front.0", "http"), head.as_bytes()));
    assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("application/problem+json"), "{said}");
}

#[test]
fn a_header_that_is_too_large_is_answered_431() {
    let tree = Setup::new().with("[http-front]\nheader_bytes = 8192\n").start();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(100_000));
    let mut stream = TcpStream::connect(tree.address("http-front.0", "http")).expect("the front listens");
    // The front may close before it has all of it.
    let _ = stream.write_all(head.as_bytes());
    let said = rest(stream);
    assert!(said.starts_with("HTTP/1.1 431 ") && said.contains("application/problem+json"), "{said}");
}

#[test]
fn bytes_that_are_no_http_are_answered_400() {
    let tree = Tree::start();
    let address = tree.address("http-front.0", "http");
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], b"hello\r\n\r\n", b"GET\r\n\r\n"] {
        let said = rest(say(address, bytes));
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("access-control-allow-origin: *"), "{said}");
    }
    let _ = tree.web().get("/health/live").expect(200);
}

#[test]
fn a_body_longer_than_announced_or_endless_is_cut_off() {
    let tree = Tree::start();
    let topic = comments::topic("endless");
    let head = format!("POST /{topic} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut stream = say(tree.address("http-front.0", "http"), head.as_bytes());
    let chunk = [&b"4000\r\n"[..], &[b'x'; 0x4000], b"\r\n"].concat();
    let sent = (0..10_000).take_while(|_| stream.write_all(&chunk).is_ok()).count();
    assert!(sent < 10_000, "160 MB were taken");
    let said = rest(stream);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 413 "), "{said}");
}

#[test]
fn a_thousand_idle_connections_do_not_hold_the_others_up() {
    let tree = Tree::start();
    let address = tree.address("http-front.0", "http");
    let idle: Vec<_> = (0..1_000).map(|_| say(address, b"GET / HTTP/1.1\r\nX-Unfinished: ")).collect();
    let began = Instant::now();
    let (mut web, topic) = (tree.web(), comments::topic("busy"));
    for n in 0..20 {
        comments::post(&mut web, &topic, &comments::unsigned(&topic, n, &format!("number {n}")));
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(idle);
}

#[test]
fn a_client_that_does_not_take_its_answer_is_let_go() {
    let tree = impatient();
    let (mut web, topic) = (tree.web(), comments::topic("greedy"));
    for n in 0..40 {
        comments::post(&mut web, &topic, &comments::unsigned(&topic, n, &"x".repeat(16_000)));
    }
    let ask = format!("GET /{topic}?limit=1000 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
    let mut greedy = TcpStream::connect(tree.address("http-front.0", "http")).expect("the front listens");
    greedy.set_write_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // It asks and asks, and takes nothing, until the front has enough of it.
    let asked = (0..1_000_000).take_while(|_| greedy.write_all(ask.as_bytes()).is_ok()).count();
    assert!(asked < 1_000_000);
    let _ = web.get("/health/live").expect(200);
}
