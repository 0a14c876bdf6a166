//! The front as it is met most: answers that it keeps, beside hyper's hello world; reading as the store grows; idle connections.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use bytes::Bytes;
use comment_store::{Incoming, Options, Writer};
use proto::{Topic, posts::Origin, record::Limits};

use crate::{
    comment,
    hello::Hello,
    load::{Load, get, request, run},
    row::{Table, round},
    tree::{Tree, pss_kib},
    web::{CONNECTIONS, beside, fill},
};

const JSON: &str = "application/json";
const ADDRESS: &str = "https://hot.example/";
const COUNTED: usize = 5;

const SIZES: [usize; 3] = [100, 10_000, 1_000_000];
const PER_TOPIC: usize = 10;
/// One after the other: this is about the time of one answer, not about how many fit into a second.
const READING: Duration = Duration::from_secs(4);

const IDLE: usize = 5_000;

/// What the front keeps ready.
pub fn measure() -> Table {
    let mut table = Table::new(
        "Front: answers that are kept; 64 connections, one request at a time on each, load generator on the same two cores",
    );
    let (hello, tree) = (Hello::start(), Tree::start());
    let front = tree.address("http-front", "http");
    let (topic, large) = (Topic::of_address(ADDRESS), Topic::of_address("https://large.example/"));
    fill(front, topic, 25);
    fill(front, large, 100);
    for (what, asked, aim) in hot(front, topic, large) {
        let answer = ask(front, &asked);
        eprintln!("  {what} …");
        let (ceiling, load) = beside(hello.address, front, std::slice::from_ref(&asked));
        let what = format!("{what}: {}, {} bytes", load.words(), round(answer.len() as f64));
        table.rate(&what, load.rate(), "/s", ("hyper hello world", ceiling.rate()), aim);
    }
    idle(&mut table, &tree, front);
    table
}

/// `rookery-bench load ADDRESS PATH SECONDS [HEADER:VALUE]…`: nothing but load, for a profiler beside it.
pub fn load(arguments: &[String]) -> std::process::ExitCode {
    let [address, path, seconds, headers @ ..] = arguments else { return std::process::ExitCode::from(2) };
    let headers: Vec<_> = headers.iter().filter_map(|header| header.split_once(':')).collect();
    let (Ok(address), Ok(seconds)) = (address.parse(), seconds.parse()) else { return std::process::ExitCode::from(2) };
    let asked = request(path, &headers);
    let load = run(address, CONNECTIONS, Duration::from_secs(seconds), move || Some(asked.clone()));
    println!("{}", load.words());
    std::process::ExitCode::SUCCESS
}

/// Reading as the store grows: kept answers and, with nothing kept, the worker's.
pub fn growth() -> Table {
    let mut table =
        Table::new("GET JSON of random topics by the number of comments (10 per topic), one after the other");
    for (what, keeping) in [("as it is", ""), ("nothing kept", "cache_mib = 0\n")] {
        let mut smallest = None;
        for size in SIZES {
            let load = random_topics(size, keeping);
            let took_ms = load.percentile_ms(50);
            let ratio = took_ms / *smallest.get_or_insert(took_ms);
            let what = format!("{} comments, {what}: {}", round(size as f64), load.words());
            table.figure(what, format!("{ratio:.2} × the smallest"), "≤ 1.5 ×");
        }
    }
    table
}

fn hot(front: SocketAddr, topic: Topic, large: Topic) -> Vec<(&'static str, Bytes, &'static str)> {
    let page = format!("/{topic}");
    let coded = |coding| request(&page, &[("Accept", JSON), ("Accept-Encoding", coding)]);
    let tag = header(&ask(front, &get(&page, JSON)), "etag");
    let topics: Vec<_> = (0..COUNTED).map(|n| Topic::of_address(&format!("{ADDRESS}{n}")).to_string()).collect();
    let counts = format!("/counts?topics={}", topics.join(","));
    vec![
        ("hot GET JSON of 25 comments", get(&page, JSON), "≥ 0.6"),
        ("the same, zstd", coded("zstd"), ""),
        ("the same, br", coded("br"), ""),
        ("the same, gzip", coded("gzip"), ""),
        ("304 of it", request(&page, &[("Accept", JSON), ("If-None-Match", &tag)]), "≥ 0.7"),
        ("folder CID", get(&page, "text/plain"), ""),
        ("counts of 5", get(&counts, JSON), ""),
        ("HTML of the site", get("/", "text/html"), ""),
        ("HTML of the thread", get(&format!("/t/{topic}"), "text/html"), ""),
        ("CAR of a topic of 100", get(&format!("/{large}"), "application/vnd.ipld.car"), ""),
    ]
}

/// One whole answer, on a connection that ends with it.
fn ask(front: SocketAddr, asked: &Bytes) -> Vec<u8> {
    let mut stream = TcpStream::connect(front).expect("the front accepts");
    let (head, end) = asked.split_at(asked.len() - 2);
    stream.write_all(&[head, b"Connection: close\r\n", end].concat()).expect("the front reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the front answers");
    assert!(answer.starts_with(b"HTTP/1.1 200") || answer.starts_with(b"HTTP/1.1 304"), "{}", answer.escape_ascii());
    answer
}

fn header(answer: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(answer);
    let line =
        text.lines().find_map(|line| line.split_once(": ").filter(|(other, _)| other.eq_ignore_ascii_case(name)));
    line.map(|(_, value)| value.to_owned()).expect("the answer has it")
}

/// The memory of a front with so many idle connections that have each been answered once.
fn idle(table: &mut Table, tree: &Tree, front: SocketAddr) {
    let pid = tree.instance("http-front").pid.expect("it runs");
    let before_kib = pss_kib(pid);
    let asked = get(&format!("/{}", Topic::of_address(ADDRESS)), "text/plain");
    let connections: Vec<_> = (0..IDLE)
        .map(|_| {
            let mut stream = TcpStream::connect(front).expect("the front accepts");
            stream.write_all(&asked).expect("the front reads");
            assert!(stream.read(&mut [0; 4_096]).expect("the front answers") > 0);
            stream
        })
        .collect();
    let bytes = (pss_kib(pid).saturating_sub(before_kib) * 1_024) as f64 / connections.len() as f64;
    table.figure(
        format!("memory of each of {} idle connections", round(IDLE as f64)),
        format!("{} bytes", round(bytes)),
        "",
    );
}

fn random_topics(comments: usize, keeping: &str) -> Load {
    let topics = comments / PER_TOPIC;
    let tree = Tree::start_filled(keeping, |store| seed(store, topics));
    let front = tree.address("http-front", "http");
    run(front, 1, READING / 4, random_requests(topics, 1));
    // Others than those that were just read, as far as there are others.
    run(front, 1, READING, random_requests(topics, 2))
}

/// An xorshift: the same topics in each run, and no time spent on choosing them.
fn random_requests(topics: usize, seed: u64) -> impl FnMut() -> Option<Bytes> {
    let mut random = seed;
    move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let number = usize::try_from(random % topics as u64).expect("fewer than a million");
        Some(get(&format!("/{}", seeded(number)), JSON))
    }
}

fn seeded(number: usize) -> Topic {
    Topic::of_address(&format!("https://seed.example/{number}"))
}

/// Fills a store that nobody has opened, without folders: those are not read here.
fn seed(store: &std::path::Path, topics: usize) {
    const GROUP: usize = 1_000;
    let mut writer = Writer::open(store, &Options::default()).expect("a new store");
    for first in (0..topics).step_by(GROUP) {
        let mut batch = writer.batch().expect("there is room");
        for number in first..topics.min(first + GROUP) {
            for serial in 0..PER_TOPIC {
                let blob = comment::unsigned(seeded(number), (number * PER_TOPIC + serial) as u64);
                let comment = Incoming::read(seeded(number), Origin::Server, Bytes::from(blob), Limits::NONE);
                batch.insert(&comment.expect("our own comments are right")).expect("it is new");
            }
        }
        batch.commit().expect("the disk takes it");
    }
}
