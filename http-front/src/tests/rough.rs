//! Clients that are slow, broken or hostile, byte by byte.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;

use super::{
    boxes::{Reads, TOPIC},
    client::{Body, Client, SOON},
    rig::{Rig, request, until},
};

const SHORT_MS: u64 = 150;

#[tokio::test]
async fn a_header_that_trickles_in_ends_in_time() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.header_wait_ms = SHORT_MS).await;
    let mut client = rig.connect().await;
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\n").await;
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            answered = client.stream.readable() => break answered.unwrap(),
            _ = drip.tick() => client.try_send("X: y\r\n").await,
        }
        assert!(began.elapsed() < SOON, "the drips should not have been waited for");
    }
    let reply = client.reply(Body::Expected).await;
    assert_eq!(reply.status, 408);
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    client.closed().await;
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_let_go_without_a_word() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.header_wait_ms = SHORT_MS).await;
    let mut client = rig.connect().await;
    client.closed().await;
    assert!(client.left_over().is_empty());
}

#[tokio::test]
async fn an_idle_connection_outlives_the_wait_for_a_header_but_not_its_own() {
    let rig = Rig::with(Reads::default(), |all| {
        all.http_front.header_wait_ms = SHORT_MS;
        all.http_front.idle_wait_ms = 5 * SHORT_MS;
    })
    .await;
    let mut client = rig.connect().await;
    client.send(request(&["GET /"], "")).await;
    assert_eq!(client.reply(Body::Expected).await.status, 200);
    let began = Instant::now();
    client.closed().await;
    assert!(began.elapsed() > Duration::from_millis(3 * SHORT_MS), "{:?}", began.elapsed());
    assert!(client.left_over().is_empty());
}

#[tokio::test]
async fn a_header_that_is_too_large_is_told_so() {
    let rig = Rig::start().await;
    let many = "X: y\r\n".repeat(101);
    let large = format!("X: {}\r\n", "y".repeat(20_000));
    for headers in [many, large] {
        let mut client = rig.connect().await;
        client.try_send(format!("GET / HTTP/1.1\r\nHost: test\r\n{headers}\r\n")).await;
        let reply = client.reply(Body::Expected).await;
        assert_eq!(reply.status, 431);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert!(reply.body.contains("16384"), "{}", reply.body);
        client.closed().await;
    }
}

#[tokio::test]
async fn bytes_that_are_no_request_are_told_so() {
    let rig = Rig::start().await;
    for bytes in [
        "\u{16}\u{3}\u{1} hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ] {
        let mut client = rig.connect().await;
        client.send(bytes).await;
        let reply = client.reply(Body::Expected).await;
        assert_eq!(reply.status, 400, "{bytes}");
        assert_eq!(reply.json()["type"], "urn:rookery:problem:not-http");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        client.closed().await;
    }
}

#[tokio::test]
async fn rubbish_behind_a_good_request_spoils_only_itself() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    client.send(format!("{}rubbish\r\n\r\n", request(&["GET /"], ""))).await;
    assert_eq!(client.reply(Body::Expected).await.status, 200);
    let reply = client.reply(Body::Expected).await;
    assert_eq!((reply.status, reply.json()["status"].as_u64()), (400, Some(400)));
    client.closed().await;
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_unread() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    client.send(request(&[&format!("POST /{TOPIC}"), "Content-Length: 16385"], "")).await;
    let reply = client.reply(Body::Expected).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.header("connection"), Some("close"));
    client.closed().await;
    assert!(rig.writes.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_turns_out_too_large_is_refused_and_the_refusal_arrives() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    client.send(request(&[&format!("POST /{TOPIC}"), "Transfer-Encoding: chunked"], "")).await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..32 {
        client.try_send(&chunk).await;
    }
    assert_eq!(client.reply(Body::Expected).await.status, 413);
    drop(client.stream.shutdown().await);
    client.closed().await;
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken() {
    let rig = Rig::start().await;
    let reply = rig.post(&format!("/{TOPIC}"), &"x".repeat(16_384)).await;
    assert_eq!(reply.status, 201);
    assert_eq!(rig.post(&format!("/{TOPIC}"), &"x".repeat(16_385)).await.status, 413);
}

#[tokio::test]
async fn a_body_that_does_not_come_holds_no_worker() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.body_wait_ms = SHORT_MS).await;
    let mut client = rig.connect().await;
    client.send(request(&[&format!("POST /{TOPIC}"), "Content-Length: 100"], "only this")).await;
    let reply = client.reply(Body::Expected).await;
    assert_eq!(reply.status, 408);
    assert!(reply.body.contains("9 bytes"), "{}", reply.body);
    assert!(rig.writes.requests.lock().unwrap().is_empty());
    client.closed().await;
}

#[tokio::test]
async fn a_body_may_come_in_pieces() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    client.send(request(&[&format!("POST /{TOPIC}"), "Transfer-Encoding: chunked"], "")).await;
    for piece in ["5\r\nUser:\r\n", "6\r\n a\n\nhi\r\n", "0\r\n\r\n"] {
        client.send(piece).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.reply(Body::Expected).await.status, 201);
    assert_eq!(rig.writes.handler.kept.lock().unwrap()[0].1, "User: a\n\nhi");
}

#[tokio::test]
async fn who_waits_for_a_continue_gets_it() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    client.send(request(&[&format!("POST /{TOPIC}"), "Content-Length: 2", "Expect: 100-continue"], "")).await;
    assert_eq!(client.reply(Body::None).await.status, 100);
    client.send("hi").await;
    assert_eq!(client.reply(Body::Expected).await.status, 201);
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_their_order() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    let post = request(&[&format!("POST /{TOPIC}"), "Content-Length: 1"], "x");
    let all = [request(&["GET /"], ""), post, request(&["GET /nothing"], ""), request(&["GET /version"], "")];
    client.send(all.concat()).await;
    for status in [200, 201, 404, 200] {
        assert_eq!(client.reply(Body::Expected).await.status, status);
    }
}

#[tokio::test]
async fn who_has_stopped_sending_still_gets_the_answer() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    client.send(request(&["GET /"], "")).await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(client.reply(Body::Expected).await.status, 200);
    client.closed().await;
}

#[tokio::test]
async fn who_does_not_read_is_let_go() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.send_wait_ms = SHORT_MS).await;
    *rig.reads.handler.page.lock().unwrap() = vec![b'x'; 512 * 1024].into();
    let mut client = rig.connect().await;
    let one = request(&[&format!("GET /{TOPIC}"), "Accept: application/json"], "");
    // 64 MiB of answers: more than the kernel's buffers take.
    client.send(one.repeat(128)).await;
    let connections = || rig.connections();
    until(|| connections() == 1).await;
    until(|| connections() == 0).await;
}

#[tokio::test]
async fn a_full_house_takes_the_next_visitor_when_one_leaves() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.connections = 1).await;
    let mut first = rig.connect().await;
    first.send(request(&["GET /"], "")).await;
    assert_eq!(first.reply(Body::Expected).await.status, 200);
    let mut second = Client::connect(rig.address).await;
    second.send(request(&["GET /"], "")).await;
    assert_eq!(rig.connections(), 1);
    drop(first);
    assert_eq!(second.reply(Body::Expected).await.status, 200);
}

#[tokio::test]
async fn a_worker_is_not_asked_for_a_request_that_never_became_whole() {
    let rig = Rig::start().await;
    let mut client = rig.connect().await;
    client.send(request(&[&format!("POST /{TOPIC}"), "Content-Length: 100"], "half")).await;
    client.stream.shutdown().await.unwrap();
    client.closed().await;
    assert!(rig.writes.requests.lock().unwrap().is_empty());
}
