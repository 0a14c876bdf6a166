//! The bus: questions of this process, answered by a real worker in another.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use daemon::{bus::Asker, context::Context, pulse::Pulse, stop};
use proto::{Posts, RequestId, Threads, Topic, interface::Interface, threads::FindFolder};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    row::{Table, median, round},
    tree::{Tree, wait_until},
};

const ROUND_TRIPS: usize = 5_000;
const TOGETHER: usize = 64;
const TIME: Duration = Duration::from_secs(5);

/// Somebody who asks, from this process.
pub struct Desk {
    /// Drives the askers.
    pub runtime: Runtime,
    /// Asks `get-worker`.
    pub threads: Asker<Threads>,
    /// Asks `post-worker`.
    pub posts: Asker<Posts>,
    _stop: stop::StopSender,
}

impl Desk {
    /// Joins the tree that lives in `runtime_dir`.
    pub fn join(runtime_dir: PathBuf) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let guard = runtime.enter();
        let (sender, stop) = stop::channel();
        let context = Context::new("bench", 0, runtime_dir, stop, Pulse::new(None));
        let threads = open(&context);
        let posts = open(&context);
        drop(guard);
        let desk = Self { runtime, threads, posts, _stop: sender };
        wait_until(|| desk.threads.live() > 0 && desk.posts.live() > 0);
        desk
    }
}

fn open<I: Interface>(context: &Context) -> Asker<I> {
    Asker::open(context.clone()).expect("the runtime directory can be watched")
}

/// Latency of one question, and how many a second when 64 are open.
pub fn measure() -> Table {
    let mut table = Table::new("Bus: `FindFolder` asked of two `get-worker`s over ZeroMQ, answered from the store");
    let tree = Tree::start();
    let desk = Desk::join(tree.runtime_dir());
    let one_by_one = desk.runtime.block_on(latencies(&desk.threads));
    table.figure("round trip, one at a time, median", format!("{} µs", round(median(one_by_one))), "");
    let rate = desk.runtime.block_on(rate(&desk.threads));
    table.figure("round trips with 64 open", format!("{}/s", round(rate)), "");
    table
}

async fn ask(threads: &Asker<Threads>) {
    let answer = threads.ask(FindFolder { topic: Topic([1; 20]) }, RequestId([0; 8])).await;
    answer.expect("a worker answers").expect("the store is sound");
}

async fn latencies(threads: &Asker<Threads>) -> Vec<f64> {
    let mut all = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let began = Instant::now();
        ask(threads).await;
        all.push(began.elapsed().as_secs_f64() * 1e6);
    }
    all
}

async fn rate(threads: &Asker<Threads>) -> f64 {
    let mut askers = JoinSet::new();
    let began = Instant::now();
    for _ in 0..TOGETHER {
        let threads = threads.clone();
        askers.spawn(async move {
            let mut count = 0_u64;
            while began.elapsed() < TIME {
                ask(&threads).await;
                count += 1;
            }
            count
        });
    }
    let counts = askers.join_all().await;
    counts.iter().sum::<u64>() as f64 / began.elapsed().as_secs_f64()
}
