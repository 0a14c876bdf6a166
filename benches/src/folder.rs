//! The folder CID after one new comment must not depend on how many there are already.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proto::{
    RequestId, Topic,
    posts::{Origin, PostComments},
};

use crate::{
    bus::Desk,
    comment,
    load::{get, post, run},
    row::{Table, median, round},
    tree::Tree,
};

const SIZES: [u64; 3] = [1_000, 100_000, 1_000_000];
const PER_TOPIC: u64 = 10;
const SAMPLES: usize = 101;
/// Questions open at a time while filling.
const TOGETHER: usize = 32;

/// Time of a POST and of the GET of the folder's CID after it, by the size of the store.
pub fn measure() -> Table {
    let mut table =
        Table::new("Folder CID after one new comment, by the number of comments in the store (10 per topic)");
    let tree = Tree::start();
    let front = tree.address("http-front", "http");
    let desk = Desk::join(tree.runtime_dir());
    let mut filled = 0;
    let mut smallest = None;
    for size in SIZES {
        let began = Instant::now();
        desk.runtime.block_on(fill(&desk, filled / PER_TOPIC, size / PER_TOPIC));
        let rate = (size - filled) as f64 / began.elapsed().as_secs_f64();
        filled = size;
        let took_ms = median((0..SAMPLES).map(|sample| post_and_get(front, size, sample)).collect());
        let ratio = took_ms / *smallest.get_or_insert(took_ms);
        table.figure(
            format!("{} comments (filled at {}/s)", round(size as f64), round(rate)),
            format!("{} ms for POST and GET of the root's CID, {ratio:.2} × the smallest", round(took_ms)),
            "",
        );
    }
    table
}

async fn fill(desk: &Desk, first_topic: u64, end_topic: u64) {
    let mut open = tokio::task::JoinSet::new();
    for number in first_topic..end_topic {
        let posts = desk.posts.clone();
        open.spawn(async move {
            let topic = Topic::of_address(&format!("https://fill.example/{number}"));
            let blobs: Vec<_> = (0..PER_TOPIC).map(|n| comment::unsigned(topic, number * PER_TOPIC + n)).collect();
            let lengths = blobs.iter().map(|blob| u32::try_from(blob.len()).expect("short")).collect();
            let blobs = Bytes::from(blobs.concat());
            let question = PostComments { topic, origin: Origin::Server, lengths, blobs };
            let receipts = posts.ask_within(question, RequestId([0; 8]), Duration::from_secs(60)).await;
            let receipts = receipts.expect("the worker answers").expect("the comments are kept");
            assert!(receipts.each.iter().all(Result::is_ok));
        });
        if open.len() >= TOGETHER {
            open.join_next().await.expect("one is open").expect("it does not panic");
        }
    }
    open.join_all().await;
}

fn post_and_get(front: std::net::SocketAddr, size: u64, sample: usize) -> f64 {
    let topic = Topic::of_address(&format!("https://sample.example/{size}/{sample}"));
    let blob = comment::unsigned(topic, sample as u64);
    let mut requests = vec![get("/", "text/plain"), post(&format!("/{topic}"), &blob)];
    let load = run(front, 1, Duration::from_secs(30), move || requests.pop());
    assert_eq!((load.good, load.bad), (2, 0));
    load.seconds * 1_000.0
}
