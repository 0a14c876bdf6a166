//! Many at once who are up to no good: the others are answered meanwhile, and what it costs has a ceiling. How fast the
//! others are answered is measured by the bench of the same name.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rookery_tests::{
    comments,
    h2_frames::{self, END_HEADERS, END_STREAM, Kind, NONE, frame},
    process, skipped,
    tree::Tree,
    wait,
};
use socket2::{Domain, Socket, Type};

const MIB: u64 = 1024 * 1024;
/// A request of somebody honest may take so long while others misbehave, on a machine that runs other tests too.
const SOON: Duration = Duration::from_secs(5);

struct Besieged {
    tree: Tree,
    address: SocketAddr,
    before_bytes: u64,
}

impl Besieged {
    fn start() -> Self {
        let tree = Tree::start();
        let address = tree.address("http-front.0", "http");
        let besieged = Self { tree, address, before_bytes: 0 };
        besieged.serve_an_honest_visitor();
        let before_bytes = process::rss_bytes(besieged.tree.pid("http-front.0"));
        Self { before_bytes, ..besieged }
    }

    fn serve_an_honest_visitor(&self) {
        let (mut web, topic) = (self.tree.web(), comments::topic("besieged"));
        for n in 0..10 {
            let answer = web.ask("POST", &format!("/{topic}"), &[], &comments::unsigned(&topic, n, "hello"));
            assert!(answer.status < 300 && answer.took < SOON, "{answer:?}");
            let page = web.ask("GET", &format!("/{topic}"), &[("Accept", "application/json")], b"").expect(200);
            assert!(page.took < SOON, "{:?}", page.took);
        }
    }

    fn grown_bytes(&self) -> u64 {
        process::rss_bytes(self.tree.pid("http-front.0")).saturating_sub(self.before_bytes)
    }

    fn assert_grown_less_than(&self, ceiling_bytes: u64) {
        let grown = self.grown_bytes();
        assert!(grown < ceiling_bytes, "the front grew by {} KiB", grown / 1024);
    }

    fn await_connections(&self, at_most: u64) {
        wait::until("the front has let them go", Duration::from_secs(60), || {
            let metrics = self.tree.web().get("/metrics").text();
            let line = metrics
                .lines()
                .find(|line| line.starts_with("rookery_http_connections{") || line.starts_with("http_connections"))?;
            let open: u64 = line.rsplit(' ').next()?.parse().ok()?;
            (open <= at_most).then_some(())
        });
    }
}

/// Connects from one of several addresses of loopback: each has some 28,000 ports.
fn connect_from(n: usize, to: SocketAddr) -> TcpStream {
    let from = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(n % 8).expect("under 8"));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((from, 0)).into()).expect("loopback has these addresses");
    socket.connect(&to.into()).expect("the front listens");
    socket.into()
}

/// Raises what this process may open; whether so many may be.
fn may_open(files: u64) -> bool {
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return false };
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() && hard >= files
}

#[test]
fn fifteen_thousand_idle_connections_cost_little_and_hold_nobody_up() {
    const IDLE: usize = 15_000;
    if !may_open(IDLE as u64 + 1_000) {
        let name = "fifteen_thousand_idle_connections_cost_little_and_hold_nobody_up";
        return skipped::tell(name, "this process may not open 16,000 files; raise `ulimit -n`");
    }
    let besieged = Besieged::start();
    let idle: Vec<_> = (0..IDLE)
        .map(|n| {
            let mut stream = connect_from(n, besieged.address);
            stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").expect("the front takes it");
            let mut answer = [0; 64];
            assert!(stream.read(&mut answer).expect("an answer") > 12 && answer.starts_with(b"HTTP/1.1 200"));
            stream
        })
        .collect();
    besieged.serve_an_honest_visitor();
    besieged.assert_grown_less_than(IDLE as u64 * 24 * 1024);
    drop(idle);
    besieged.await_connections(16);
}

#[test]
fn sockets_that_are_closed_by_half_are_let_go() {
    let besieged = Besieged::start();
    let half: Vec<_> = (0..2_000)
        .map(|n| {
            let mut stream = connect_from(n, besieged.address);
            // Nothing, half a request, a whole one: then they say that they will say no more.
            let said: &[u8] =
                [&b""[..], b"GET / HTTP/1.1\r\nHo", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"][n % 3];
            stream.write_all(said).expect("the front takes it");
            stream.shutdown(Shutdown::Write).expect("a connected socket");
            stream
        })
        .collect();
    besieged.serve_an_honest_visitor();
    besieged.await_connections(16);
    besieged.assert_grown_less_than(64 * MIB);
    drop(half);
}

type Flood = fn(u32) -> Vec<u8>;

fn rapid_reset(n: u32) -> Vec<u8> {
    let stream = 2 * n + 1;
    let open = frame(Kind::Headers, END_STREAM | END_HEADERS, stream, &h2_frames::get("/"));
    [open, frame(Kind::Reset, NONE, stream, &8_u32.to_be_bytes())].concat()
}

fn continuations(n: u32) -> Vec<u8> {
    match n {
        0 => frame(Kind::Headers, END_STREAM, 1, &h2_frames::get("/")),
        _ => frame(Kind::Continuation, NONE, 1, b"\0\x01a\x01b"),
    }
}

fn pings(n: u32) -> Vec<u8> {
    frame(Kind::Ping, NONE, 0, &u64::from(n).to_be_bytes())
}

fn settings(_: u32) -> Vec<u8> {
    frame(Kind::Settings, NONE, 0, b"")
}

#[test]
fn floods_of_frames_cost_little_and_hold_nobody_up() {
    let (besieged, over) = (Besieged::start(), AtomicBool::new(false));
    let floods: [Flood; 4] = [rapid_reset, continuations, pings, settings];
    thread::scope(|scope| {
        for flood in floods {
            let (address, over) = (besieged.address, &over);
            scope.spawn(move || {
                while !over.load(SeqCst) {
                    let mut stream = TcpStream::connect(address).expect("the front listens");
                    let _ = stream.write_all(h2_frames::BEGIN);
                    let sent = (0..10_000_000).take_while(|n| stream.write_all(&flood(*n)).is_ok()).count();
                    assert!(sent < 10_000_000, "all of a flood was taken");
                }
            });
        }
        for _ in 0..5 {
            besieged.serve_an_honest_visitor();
        }
        over.store(true, SeqCst);
    });
    besieged.await_connections(16);
    besieged.assert_grown_less_than(64 * MIB);
}

#[test]
fn windows_that_stay_shut_cost_little_and_hold_nobody_up() {
    let besieged = Besieged::start();
    let (mut web, topic) = (besieged.tree.web(), comments::topic("large"));
    for n in 0..30 {
        let _ = comments::post(&mut web, &topic, &comments::unsigned(&topic, n, &"x".repeat(16_000)));
    }
    let shut: Vec<_> = (0..50)
        .map(|n| {
            let mut stream = connect_from(n, besieged.address);
            let mut ask = [h2_frames::BEGIN, &h2_frames::no_window()].concat();
            for n in 0..100 {
                let path = format!("/{topic}?limit={}", 900 + n % 3);
                ask.extend(frame(Kind::Headers, END_STREAM | END_HEADERS, 2 * n + 1, &h2_frames::get(&path)));
            }
            stream.write_all(&ask).expect("the front takes it");
            stream
        })
        .collect();
    // 5,000 answers of half a MiB are asked for, and not taken.
    besieged.serve_an_honest_visitor();
    besieged.assert_grown_less_than(160 * MIB);
    drop(shut);
    besieged.await_connections(16);
}
