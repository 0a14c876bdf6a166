//! HTTP/2: the same answers as over HTTP/1, and clients that are slow, broken or hostile, frame by frame.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, Version, body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, sync::Notify};

use super::{
    boxes::{Reads, TOPIC, folder},
    raw_h2::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_FLAG, PING, PREFACE, RST_STREAM, RawH2,
        SETTINGS, WINDOW_UPDATE, frame, get, setting,
    },
    rig::{Rig, until},
};

const SHORT_MS: u64 = 150;
const INITIAL_WINDOW: u16 = 4;

type Flood = Box<dyn FnMut(u32) -> Vec<u8>>;
type Sender = http2::SendRequest<Full<Bytes>>;

async fn client(rig: &Rig) -> Sender {
    let stream = TcpStream::connect(rig.address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut Sender, method: &str, path: &str, body: &str) -> (Response<()>, String) {
    let uri = format!("http://test{path}");
    let request = Request::builder().method(method).uri(uri).body(Full::from(body.to_owned())).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    (Response::from_parts(head, ()), text(body).await)
}

async fn text(body: Incoming) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// The status of an answer, without a table of headers: the first field is `:status`, and these are in the static table.
fn status(headers: &[u8]) -> u16 {
    match headers[0] & 0x7f {
        8 => 200,
        12 => 400,
        13 => 404,
        14 => 500,
        _ => 0,
    }
}

#[tokio::test]
async fn a_connection_carries_many_requests_at_once() {
    let rig = Rig::start().await;
    let sender = client(&rig).await;
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..60_u16 {
        let mut sender = sender.clone();
        asked.spawn(async move {
            let (method, path) =
                [("GET", "/".to_owned()), ("POST", format!("/{TOPIC}")), ("GET", "/nothing".to_owned())]
                    [usize::from(n % 3)]
                .clone();
            let (head, body) = ask(&mut sender, method, &path, &n.to_string()).await;
            assert_eq!(head.version(), Version::HTTP_2);
            assert!(!head.headers().contains_key("connection") && head.headers().contains_key("x-request-id"));
            match n % 3 {
                0 => assert_eq!((head.status().as_u16(), body), (200, format!("{}\n", folder()))),
                1 => assert_eq!(head.status(), 201, "{body}"),
                _ => assert_eq!(head.status(), 404),
            }
        });
    }
    asked.join_all().await;
    assert_eq!(rig.connections(), 1);
    assert_eq!(rig.writes.handler.kept.lock().unwrap().len(), 20);
}

#[tokio::test]
async fn head_gets_what_get_does_without_the_content() {
    let rig = Rig::start().await;
    let mut sender = client(&rig).await;
    for path in ["/", &format!("/{TOPIC}"), "/version", "/nothing", "/embed.js"] {
        let (get, content) = ask(&mut sender, "GET", path, "").await;
        let (head, nothing) = ask(&mut sender, "HEAD", path, "").await;
        assert_eq!((head.status(), nothing.as_str()), (get.status(), ""), "{path}");
        let length = |answer: &Response<()>| answer.headers().get("content-length").cloned();
        assert_eq!(length(&head), length(&get), "{path}");
        assert!(!content.is_empty(), "{path}");
    }
    // A client that is less patient than hyper's takes a single byte of content for a broken stream.
    let head = [&[0x02, 4][..], b"HEAD", &get("/")[1..]].concat();
    let mut raw = RawH2::begin(rig.address, b"").await;
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &head)).await;
    assert_eq!(raw.next(HEADERS).await.flags, END_STREAM | END_HEADERS);
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let rig = Rig::start().await;
    let page = format!("\"{}\"", "x".repeat(512 * 1024));
    *rig.reads.handler.page.lock().unwrap() = page.clone().into();
    let mut sender = client(&rig).await;
    let request = Request::get(format!("http://test/{TOPIC}")).header("accept", "application/json");
    let answer = sender.send_request(request.body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-length"], page.len().to_string());
    assert!(text(answer.into_body()).await == page);
}

#[tokio::test]
async fn a_preface_may_come_byte_by_byte() {
    let rig = Rig::start().await;
    let mut raw = RawH2::connect(rig.address).await;
    raw.stream.set_nodelay(true).unwrap();
    for byte in
        [PREFACE, &frame(SETTINGS, NO_FLAG, 0, b""), &frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/"))].concat()
    {
        raw.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(status(&raw.next(HEADERS).await.content), 200);
}

fn impatient(all: &mut proto::config::Rookery) {
    all.http_front.header_wait_ms = SHORT_MS;
    all.http_front.send_wait_ms = SHORT_MS;
}

#[tokio::test]
async fn what_has_begun_must_end_in_time() {
    let rig = Rig::with(Reads::default(), impatient).await;
    let settings = frame(SETTINGS, NO_FLAG, 0, b"");
    let open_header = frame(HEADERS, END_STREAM, 1, &get("/"));
    let rows = [
        (&PREFACE[..7], "half a preface"),
        (PREFACE, "a preface and no settings"),
        (&[PREFACE, &settings[..5]].concat(), "half a frame"),
        (&[PREFACE, &settings, &open_header].concat(), "a header that is not ended"),
        (&[PREFACE, &settings, &open_header, &frame(CONTINUATION, NO_FLAG, 1, b"")].concat(), "nor by this"),
    ];
    for (bytes, what) in rows {
        let mut raw = RawH2::connect(rig.address).await;
        raw.send(bytes).await;
        let began = Instant::now();
        raw.rest().await;
        assert!(began.elapsed() >= Duration::from_millis(SHORT_MS / 2), "{what}");
    }
    until(|| rig.connections() == 0).await;
}

#[tokio::test]
async fn half_a_preface_is_told_that_it_is_too_slow() {
    let rig = Rig::with(Reads::default(), impatient).await;
    let mut client = rig.connect().await;
    client.send("PRI * HTTP").await;
    assert_eq!(client.reply(super::client::Body::Expected).await.status, 408);
    client.closed().await;
}

#[tokio::test]
async fn a_header_that_is_too_large_is_told_so() {
    let rig = Rig::start().await;
    let mut sender = client(&rig).await;
    // More than is allowed, though less than the client would refuse to send by what it was told.
    let mut request = Request::get("http://test/");
    for n in 0..600 {
        request = request.header(format!("x-{n}"), "y");
    }
    let outcome = sender.send_request(request.body(Full::default()).unwrap()).await;
    assert!(outcome.is_err() || outcome.unwrap().status() == 431);
    assert_eq!(rig.get("/").await.status, 200);
}

#[tokio::test]
async fn floods_end_their_connection_and_hurt_nobody_else() {
    let rig = Rig::with(Reads::default(), impatient).await;
    let open = frame(HEADERS, END_STREAM, 1, &get("/"));
    let rapid_reset = |n: u32| {
        let stream = 2 * n + 1;
        let cancel = 8_u32.to_be_bytes();
        [frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/")), frame(RST_STREAM, NO_FLAG, stream, &cancel)]
            .concat()
    };
    let continuation =
        move |n: u32| if n == 0 { open.clone() } else { frame(CONTINUATION, NO_FLAG, 1, b"\x00\x01a\x01b") };
    // Makes us reset streams, which costs us as much: CVE-2025-8671.
    let made_you_reset = |n: u32| {
        let stream = 2 * n + 1;
        let (opened, nothing) = (frame(HEADERS, END_STREAM | END_HEADERS, stream, &get("/")), 0_u32.to_be_bytes());
        [opened, frame(WINDOW_UPDATE, NO_FLAG, stream, &nothing)].concat()
    };
    let floods: [(&str, Flood); 9] = [
        ("rapid reset", Box::new(rapid_reset)),
        ("resets that we make", Box::new(made_you_reset)),
        ("empty data", Box::new(|n| if n == 0 { post() } else { frame(DATA, NO_FLAG, 1, b"") })),
        ("continuations", Box::new(continuation)),
        ("pings", Box::new(|n| frame(PING, NO_FLAG, 0, &u64::from(n).to_be_bytes()))),
        ("settings", Box::new(|n| frame(SETTINGS, NO_FLAG, 0, &setting(INITIAL_WINDOW, n)))),
        ("acknowledgements", Box::new(|_| frame(SETTINGS, ACK, 0, b""))),
        ("window updates", Box::new(|_| frame(WINDOW_UPDATE, NO_FLAG, 0, &1_u32.to_be_bytes()))),
        ("unknown frames", Box::new(|_| frame(0xb7, NO_FLAG, 0, b""))),
    ];
    for (what, flood) in floods {
        let mut raw = RawH2::begin(rig.address, b"").await;
        let taken = raw.flood(flood, 1_000_000).await;
        assert!(taken < 1_000_000, "{what}: all were taken");
        let mut sender = client(&rig).await;
        assert_eq!(ask(&mut sender, "GET", "/", "").await.0.status(), 200, "{what}");
    }
    until(|| rig.connections() == 0).await;
}

#[tokio::test]
async fn a_stream_whose_client_takes_nothing_is_reset_and_the_others_go_on() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.send_wait_ms = SHORT_MS).await;
    *rig.reads.handler.page.lock().unwrap() = vec![b'x'; 512 * 1024].into();
    let mut raw = RawH2::begin(rig.address, &setting(INITIAL_WINDOW, 0)).await;
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get(&format!("/{TOPIC}")))).await;
    assert_eq!(status(&raw.next(HEADERS).await.content), 200);
    assert_eq!(raw.next(RST_STREAM).await.stream, 1);
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 3, &get("/"))).await;
    raw.send(&frame(WINDOW_UPDATE, NO_FLAG, 3, &1_000_u32.to_be_bytes())).await;
    assert_eq!(status(&raw.next(HEADERS).await.content), 200);
    assert_eq!(raw.next(DATA).await.stream, 3);
}

#[tokio::test]
async fn a_stream_that_is_taken_bit_by_bit_goes_on() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.send_wait_ms = SHORT_MS).await;
    *rig.reads.handler.page.lock().unwrap() = vec![b'x'; 100 * 1024].into();
    let mut raw = RawH2::begin(rig.address, &setting(INITIAL_WINDOW, 0)).await;
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get(&format!("/{TOPIC}")))).await;
    let (mut got, mut bit) = (0, tokio::time::interval(Duration::from_millis(SHORT_MS / 5)));
    while got < 100 * 1024 {
        bit.tick().await;
        let more = 10_240_u32.to_be_bytes();
        raw.send(&[frame(WINDOW_UPDATE, NO_FLAG, 0, &more), frame(WINDOW_UPDATE, NO_FLAG, 1, &more)].concat()).await;
        got += raw.next(DATA).await.content.len();
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_at_all_is_let_go() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.send_wait_ms = SHORT_MS).await;
    *rig.reads.handler.page.lock().unwrap() = vec![b'x'; 512 * 1024].into();
    let mut raw = RawH2::begin(rig.address, &setting(INITIAL_WINDOW, 0x7fff_ffff)).await;
    raw.send(&frame(WINDOW_UPDATE, NO_FLAG, 0, &0x7fff_0000_u32.to_be_bytes())).await;
    for n in 0..100 {
        raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, &get(&format!("/{TOPIC}")))).await;
    }
    until(|| rig.connections() == 1).await;
    until(|| rig.connections() == 0).await;
}

#[tokio::test]
async fn an_idle_connection_is_let_go_with_a_word() {
    let rig = Rig::with(Reads::default(), |all| {
        (all.http_front.idle_wait_ms, all.http_front.send_wait_ms) = (SHORT_MS, SHORT_MS);
    })
    .await;
    let mut raw = RawH2::begin(rig.address, b"").await;
    assert_eq!(raw.next(GOAWAY).await.content[4..8], [0; 4], "no error");
    raw.rest().await;
    until(|| rig.connections() == 0).await;
}

/// The beginning of a request that has a body.
fn post() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, &[&[0x83][..], &get(&format!("/{TOPIC}"))[1..]].concat())
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_and_the_connection_goes_on() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.body_wait_ms = SHORT_MS).await;
    let mut raw = RawH2::begin(rig.address, b"").await;
    raw.send(&post()).await;
    raw.send(&frame(DATA, NO_FLAG, 1, b"User: a")).await;
    let refusal = raw.next(DATA).await;
    assert!(String::from_utf8(refusal.content).unwrap().contains("\"status\":408"));
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 3, &get("/"))).await;
    assert_eq!(status(&raw.next(HEADERS).await.content), 200);
    assert!(rig.writes.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn event_streams_share_a_connection_outlive_the_waits_and_end_with_the_server() {
    let rig = Rig::with(Reads::default(), |all| {
        (all.http_front.idle_wait_ms, all.http_front.send_wait_ms) = (SHORT_MS, SHORT_MS);
    })
    .await;
    let mut raw = RawH2::begin(rig.address, b"").await;
    let events = get(&format!("/{TOPIC}/events"));
    for stream in [1, 3] {
        raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &events)).await;
        assert_eq!(raw.next(DATA).await.stream, stream);
    }
    let quiet = async { while raw.frame().await.is_some_and(|frame| frame.kind == PING) {} };
    assert!(tokio::time::timeout(Duration::from_millis(4 * SHORT_MS), quiet).await.is_err(), "only pings should come");
    rig.arrives(1).await;
    let told = [raw.next(DATA).await, raw.next(DATA).await];
    for event in &told {
        assert!(String::from_utf8_lossy(&event.content).contains("event: comment"), "{event:?}");
    }
    assert_ne!(told[0].stream, told[1].stream);
    rig.stop.ask();
    raw.next(GOAWAY).await;
    drop(raw);
    rig.ended().await;
}

async fn rig_with_gate(change: impl FnOnce(&mut proto::config::Rookery)) -> (Rig, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let reads = Reads { gate: Some(Arc::clone(&gate)), ..Reads::default() };
    (Rig::with(reads, change).await, gate)
}

#[tokio::test]
async fn a_connection_with_an_open_request_is_not_idle() {
    let (rig, gate) = rig_with_gate(|all| {
        (all.http_front.idle_wait_ms, all.http_front.send_wait_ms) = (SHORT_MS / 3, SHORT_MS);
    })
    .await;
    let mut sender = client(&rig).await;
    let began = Instant::now();
    let opener = tokio::spawn(async move {
        until(|| began.elapsed() > Duration::from_millis(5 * SHORT_MS)).await;
        gate.notify_one();
    });
    assert_eq!(ask(&mut sender, "GET", "/", "").await.0.status(), 200);
    opener.await.unwrap();
}

#[tokio::test]
async fn an_open_request_is_answered_before_the_end() {
    let (rig, gate) = rig_with_gate(|_| {}).await;
    let mut raw = RawH2::begin(rig.address, b"").await;
    raw.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/"))).await;
    until(|| !rig.reads.requests.lock().unwrap().is_empty()).await;
    rig.stop.ask();
    assert_eq!(raw.next(GOAWAY).await.content[4..8], [0; 4], "no error");
    gate.notify_one();
    assert_eq!(status(&raw.next(HEADERS).await.content), 200);
    raw.rest().await;
    rig.ended().await;
}
