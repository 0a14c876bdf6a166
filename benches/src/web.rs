//! The web: reading through the worker and durable posting, beside hyper's hello world.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use proto::Topic;

use crate::{
    hello::Hello,
    load::{Load, get, post, run},
    row::Table,
    tree::Tree,
};

pub const CONNECTIONS: usize = 64;
const TIME: Duration = Duration::from_secs(5);
/// More than can be posted in the time.
const POSTS: usize = 120_000;
const POST_TOPICS: usize = 1_000;
/// Twice as many as connections, in turn: who asks for what is just being asked for shares the answer, and the worker would be
/// asked less often than the visitors ask.
const READ_TOPICS: usize = 128;

/// Cold GET, folder CID and durable POST.
pub fn measure() -> Table {
    let mut table =
        Table::new("Web: 64 connections, one request at a time on each, load generator on the same two cores");
    let hello = Hello::start();
    // Nothing kept: this is about what stands behind the front. What it keeps is the scenario `front`.
    let tree = Tree::start_filled("cache_mib = 0\n", |_| {});
    let front = tree.address("http-front", "http");
    let topics: Vec<_> = (0..READ_TOPICS).map(|n| Topic::of_address(&format!("https://read.example/{n}"))).collect();
    topics.iter().for_each(|topic| fill(front, *topic, 25));
    let each = |accept| topics.iter().map(|topic| get(&format!("/{topic}"), accept)).collect::<Vec<_>>();
    let (ceiling, load) = beside(hello.address, front, &each("application/json"));
    read(
        &mut table,
        "cold GET JSON of 25 comments of 128 topics in turn, through the worker",
        &load,
        &ceiling,
        "≥ 0.25",
    );
    let (ceiling, load) = beside(hello.address, front, &each("text/plain"));
    read(&mut table, "cold GET of the folder CID of 128 topics in turn", &load, &ceiling, "");
    let load = durable_posts(front);
    table.figure("durable signed POST, 1,000 topics", load.words(), "≥ 5,000/s");
    table
}

fn read(table: &mut Table, what: &str, load: &Load, ceiling: &Load, aim: &str) {
    let what = format!("{what}: {}", load.words());
    table.rate(&what, load.rate(), "/s", ("hyper hello world", ceiling.rate()), aim);
}

/// Requests in turn, and the ceiling before and after them: the machine's speed drifts.
pub fn beside(hello: SocketAddr, front: SocketAddr, requests: &[Bytes]) -> (Load, Load) {
    let repeat = |address, time| {
        let mut turn = Vec::from(requests).into_iter().cycle();
        run(address, CONNECTIONS, time, move || turn.next())
    };
    repeat(front, TIME / 5);
    let mut ceiling = repeat(hello, TIME / 2);
    let load = repeat(front, TIME);
    let after = repeat(hello, TIME / 2);
    ceiling.good += after.good;
    ceiling.seconds += after.seconds;
    (ceiling, load)
}

/// Posts so many signed comments.
pub fn fill(front: SocketAddr, topic: Topic, comments: usize) {
    let mut requests = crate::comment::signed(topic, comments).into_iter();
    let path = format!("/{topic}");
    let load = run(front, 1, Duration::from_secs(60), move || requests.next().map(|blob| post(&path, &blob)));
    assert_eq!(load.bad, 0, "the comments are accepted");
}

fn durable_posts(front: SocketAddr) -> Load {
    let topics: Vec<_> = (0..POST_TOPICS).map(|n| Topic::of_address(&format!("https://bench.example/{n}"))).collect();
    let per_topic = POSTS / POST_TOPICS;
    let blobs: Vec<_> = topics.iter().map(|topic| crate::comment::signed(*topic, per_topic)).collect();
    let mut next = (0..per_topic).flat_map(move |comment| (0..POST_TOPICS).map(move |topic| (topic, comment)));
    run(front, CONNECTIONS, TIME, move || {
        let (topic, comment) = next.next()?;
        Some(post(&format!("/{}", topics[topic]), &blobs[topic][comment]))
    })
}
