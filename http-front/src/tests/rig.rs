//! A front on a free port, with stand-ins behind it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use daemon::{
    board::{BoardReader, BoardWriter},
    bus::Heard,
    pulse::Pulse,
    stop::{self, StopSender},
};
use prometheus_client::registry::Registry;
use proto::{Arrived, config::Rookery};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

use super::{
    boxes::{Reads, Shelf, Stand, Writes},
    client::{Body, Client, Reply, SOON},
};
use crate::{
    cache::Cache,
    connection::door::Door,
    crowd::Crowd,
    events::hub::{Hints, Hub},
    front::Front,
    health::tree::Tree,
    ipfs::Turns,
    measures::Measures,
    origin::Origins,
    settings,
    sides::Sides,
};

/// The stand-ins, as the front sees them.
struct StandIns;

impl Sides for StandIns {
    type Reads = Arc<Stand<Reads>>;
    type Writes = Arc<Stand<Writes>>;
    type Blocks = Arc<Stand<Shelf>>;
}

impl Hints for mpsc::Receiver<Heard<Arrived>> {
    async fn next(&mut self) -> Heard<Arrived> {
        match self.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }
}

/// A running front.
pub(super) struct Rig {
    pub(super) address: SocketAddr,
    pub(super) reads: Arc<Stand<Reads>>,
    pub(super) writes: Arc<Stand<Writes>>,
    pub(super) shelf: Arc<Stand<Shelf>>,
    pub(super) turns: Turns,
    pub(super) board: BoardWriter,
    /// Where hints of the writer come in.
    pub(super) hints: mpsc::Sender<Heard<Arrived>>,
    _runtime_dir: TempDir,
    measures: Measures,
    registry: Registry,
    pub(super) stop: StopSender,
    door: JoinHandle<()>,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(Reads::default(), |_| {}).await
    }

    /// A front with other settings than the default.
    pub(super) async fn with(reads: Reads, change: impl FnOnce(&mut Rookery)) -> Self {
        Self::with_crowd(reads, change, |crowd| crowd).await
    }

    /// A front that counts its visitors otherwise.
    pub(super) async fn with_crowd(
        reads: Reads,
        change: impl FnOnce(&mut Rookery),
        count: impl FnOnce(Crowd) -> Crowd,
    ) -> Self {
        let mut all = Rookery::default();
        change(&mut all);
        let (reads, writes) = (Stand::new(reads), Stand::new(Writes::default()));
        let (shelf, turns) = (Stand::new(Shelf::default()), Turns::default());
        let measures = Measures::default();
        let runtime_dir = tempfile::tempdir().unwrap();
        let board = BoardWriter::open(runtime_dir.path()).unwrap();
        let cache = Cache::new(u64::from(all.http_front.cache_mib) << 20);
        let mut registry = Registry::default();
        cache.register(&mut registry);
        let watched = BoardReader::open(runtime_dir.path()).unwrap();
        let events = Hub::new(Arc::clone(&reads), watched, settings::events(&all.http_front));
        let (hints, heard) = mpsc::channel(64);
        let (sender, stop) = stop::channel();
        tokio::spawn(events.clone().keep_awake(heard, stop.clone()));
        let front = Front::<StandIns> {
            reads: Arc::clone(&reads),
            events,
            writes: Arc::clone(&writes),
            blocks: Arc::clone(&shelf),
            board: BoardReader::open(runtime_dir.path()).unwrap(),
            tree: Tree::new("/nonexistent/status.sock".into(), "http-front.0".to_owned(), String::new),
            measures: measures.clone(),
            cache,
            limits: settings::limits(&all.http_front, &all),
            origins: Origins::new(&all.http_front),
            crowd: count(Crowd::new(&all.http_front)),
            turns: turns.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let manners = settings::manners(&all.http_front, &all);
        let door = Door::new(listener, Arc::new(front), manners, stop, Pulse::new(None));
        Self {
            address,
            reads,
            writes,
            shelf,
            turns,
            board,
            hints,
            _runtime_dir: runtime_dir,
            measures,
            registry,
            stop: sender,
            door: tokio::spawn(door.keep_open()),
        }
    }

    pub(super) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request over a connection of its own, of lines without their ends, and its answer.
    pub(super) async fn ask(&self, lines: &[&str]) -> Reply {
        let mut client = self.connect().await;
        client.send(request(lines, "")).await;
        let body = if lines[0].starts_with("HEAD ") { Body::None } else { Body::Expected };
        client.reply(body).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.ask(&[&format!("GET {path}")]).await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Reply {
        let mut client = self.connect().await;
        client.send(request(&[&format!("POST {path}"), &format!("Content-Length: {}", body.len())], body)).await;
        client.reply(Body::Expected).await
    }

    /// What a metric stands at, by its name and labels as they are written.
    pub(super) fn metric(&self, name: &str) -> f64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.trim().parse().unwrap()
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> i64 {
        self.measures.open_connections()
    }

    /// Waits until the door is closed and everybody is out.
    pub(super) async fn ended(self) {
        tokio::time::timeout(SOON, self.door).await.expect("the front should have ended").unwrap();
    }
}

/// The bytes of a request: the first line without its version, headers, body.
pub(super) fn request(lines: &[&str], body: &str) -> String {
    let (first, rest) = lines.split_first().unwrap();
    let headers: String = rest.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{first} HTTP/1.1\r\nHost: test\r\n{headers}\r\n{body}")
}

/// Waits until something is so.
pub(super) async fn until(mut so: impl FnMut() -> bool) {
    let mut look = tokio::time::interval(Duration::from_millis(2));
    let waiting = async {
        while !so() {
            look.tick().await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.expect("it should have become so");
}

/// The room that a connection has for the request that it is busy with.
pub(super) fn visit_bytes() -> usize {
    fn of<A, B, C, Visit>(_: impl FnOnce(A, B, C) -> Visit) -> usize {
        size_of::<Visit>()
    }
    of(Front::<StandIns>::visit)
}
