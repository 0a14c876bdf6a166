//! Live events: how soon all readers of a page are told of a comment, and what a reader costs who waits.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use proto::Topic;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};

use crate::{
    comment,
    load::{get, post},
    row::{Table, median, round},
    tree::{Tree, pss_kib},
};

const ADDRESS: &str = "https://live.example/";
const READERS: usize = 1_000;
const WAITING_READERS: usize = 10_000;
const COMMENTS: usize = 20;
/// Connections that are made at a time: more would only wait in the listener.
const CONNECTING: usize = 256;
const PATIENCE: Duration = Duration::from_secs(60);

/// From the commit to the last of a thousand readers, and the memory of each of ten thousand who wait.
pub fn measure() -> Table {
    let mut table = Table::new("Live events: readers on the same two cores as the tree");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    told(&mut table, &runtime);
    let readers = memory(&runtime, Asks::Events);
    let idle = memory(&runtime, Asks::Once);
    let what =
        format!("memory of each of {} readers who were told of a comment and wait", round(WAITING_READERS as f64));
    table.rate(&what, readers, "KiB", ("an idle connection that was answered once", idle), "≤ 24 KiB");
    table
}

fn told(table: &mut Table, runtime: &Runtime) {
    let tree = Tree::start();
    let (front, topic) = (tree.address("http-front", "http"), Topic::of_address(ADDRESS));
    let (all, last): (Vec<f64>, Vec<f64>) = runtime.block_on(async {
        let (arrivals, mut arrived) = mpsc::channel(READERS);
        let readers = connect(front, READERS, &asks_for_events(), b"event: state").await;
        let mut reading = JoinSet::new();
        readers.into_iter().for_each(|reader| drop(reading.spawn(read(reader, arrivals.clone()))));
        let mut writer = TcpStream::connect(front).await.expect("the front accepts");
        let mut figures = Vec::with_capacity(COMMENTS);
        for blob in comment::signed(topic, COMMENTS) {
            figures.push(one_comment(&mut writer, &post(&format!("/{topic}"), &blob), &mut arrived).await);
        }
        figures.into_iter().unzip()
    });
    let worst = last.iter().copied().fold(0.0, f64::max);
    let what = format!("201 received until the last of {READERS} readers was told, median of {COMMENTS}");
    table.figure(what, format!("{} ms (worst {} ms)", round(median(last)), round(worst)), "≤ 50 ms");
    table.figure("the same, until half of them were told", format!("{} ms", round(median(all))), "");
}

/// Milliseconds from its acknowledgement until half of the readers, and all, were told of a comment.
async fn one_comment(writer: &mut TcpStream, request: &[u8], arrived: &mut mpsc::Receiver<Instant>) -> (f64, f64) {
    writer.write_all(request).await.expect("the front reads");
    let mut answer = [0; 4_096];
    let bytes = writer.read(&mut answer).await.expect("the front answers");
    let committed = Instant::now();
    assert!(answer[..bytes].starts_with(b"HTTP/1.1 201"), "{}", answer[..bytes].escape_ascii());
    let mut told = Vec::with_capacity(READERS);
    while told.len() < READERS {
        let arrival = timeout(PATIENCE, arrived.recv()).await.expect("all are told").expect("readers read");
        told.push(arrival.saturating_duration_since(committed).as_secs_f64() * 1_000.0);
    }
    told.sort_by(f64::total_cmp);
    (told[READERS / 2], told[READERS - 1])
}

/// Says when each comment came.
async fn read(mut reader: TcpStream, arrivals: mpsc::Sender<Instant>) {
    let mut piece = [0; 4_096];
    while let Ok(bytes @ 1..) = reader.read(&mut piece).await {
        let events = piece[..bytes].windows(14).filter(|window| window == b"event: comment").count();
        for _ in 0..events {
            if arrivals.send(Instant::now()).await.is_err() {
                return;
            }
        }
    }
}

/// What somebody asks for before he rests.
#[derive(Clone, Copy)]
enum Asks {
    Events,
    Once,
}

/// KiB that each of so many connections costs a fresh front, each answered and then at rest.
fn memory(runtime: &Runtime, asks: Asks) -> f64 {
    let tree = Tree::start();
    let (front, pid) = (tree.address("http-front", "http"), tree.instance("http-front").pid.expect("it runs"));
    let before_kib = pss_kib(pid);
    let connections = runtime.block_on(async {
        match asks {
            Asks::Once => {
                let asked = get("/version", "application/json");
                connect(front, WAITING_READERS, &asked, b"HTTP/1.1 200").await
            }
            Asks::Events => {
                let mut readers = connect(front, WAITING_READERS, &asks_for_events(), b"event: state").await;
                comments_once(front).await;
                for reader in &mut readers {
                    hear(reader, b"event: comment").await;
                }
                readers
            }
        }
    });
    let after_kib = pss_kib(pid);
    drop(connections);
    after_kib.saturating_sub(before_kib) as f64 / WAITING_READERS as f64
}

async fn comments_once(front: SocketAddr) {
    let topic = Topic::of_address(ADDRESS);
    let mut writer = TcpStream::connect(front).await.expect("the front accepts");
    let request = post(&format!("/{topic}"), &comment::signed(topic, 1)[0]);
    writer.write_all(&request).await.expect("the front reads");
    hear(&mut writer, b"HTTP/1.1 201").await;
}

/// Reads until this has come.
async fn hear(stream: &mut TcpStream, wanted: &[u8]) {
    let mut heard = Vec::new();
    while !heard.windows(wanted.len()).any(|window| window == wanted) {
        let more = timeout(PATIENCE, stream.read_buf(&mut heard)).await.expect("the front says it in time");
        assert!(more.is_ok_and(|bytes| bytes > 0), "{}", heard.escape_ascii());
    }
}

fn asks_for_events() -> Vec<u8> {
    get(&format!("/{}/events", Topic::of_address(ADDRESS)), "text/event-stream").to_vec()
}

/// Makes connections that have each asked for something and been answered.
async fn connect(front: SocketAddr, count: usize, asked: &[u8], answered: &'static [u8]) -> Vec<TcpStream> {
    let (turns, asked) = (Arc::new(Semaphore::new(CONNECTING)), Arc::new(asked.to_vec()));
    let mut connecting = JoinSet::new();
    for _ in 0..count {
        let (turns, asked) = (Arc::clone(&turns), Arc::clone(&asked));
        connecting.spawn(async move {
            let _turn = turns.acquire_owned().await.expect("the semaphore is never closed");
            let mut stream = TcpStream::connect(front).await.expect("the front accepts");
            stream.write_all(&asked).await.expect("the front reads");
            hear(&mut stream, answered).await;
            stream
        });
    }
    connecting.join_all().await
}
