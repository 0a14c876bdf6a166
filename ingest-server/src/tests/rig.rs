//! What the tests of the box stand on.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use daemon::{bus::AskError, stop};
use proto::{
    Answer, AnsweredBy as _, Asked, Cid, Question, RequestId,
    blocks::{
        BlockBytes, BlockError, BlockNames, DaemonState, FindDaemon, GetBlock, GetBlocks, NameBlocks, NamedCodec,
        PinRoot, PutBlocks, Replicas, Replicate, SomeBlocks, UnpinRoot,
    },
    interface::{decode, encode},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};
use unixfs::{HashOnly, ImportOptions, Profile};

use crate::{
    blocks::{Blocks, Ipfs},
    download::Downloads,
    journal::{self, Journal},
    measures::Measures,
    patience::Patience,
    quota::Quota,
    settings::Settings,
    upload::Uploads,
    wire::{END, Token},
};

/// Nothing here takes so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the stand-in says instead of doing what it is asked.
#[derive(Debug, Clone)]
pub(super) enum Mishap {
    /// The bus had no answer.
    Bus(AskError),
    /// The daemon is away.
    Away,
}

/// The stand-in.
#[derive(Debug, Clone)]
pub(super) struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    blocks: Mutex<HashMap<Cid, Bytes>>,
    pins: Mutex<HashSet<Cid>>,
    mishaps: Mutex<VecDeque<Mishap>>,
    /// A put waits for one of these.
    puts: Semaphore,
}

impl Default for Shelf {
    fn default() -> Self {
        let puts = Semaphore::new(Semaphore::MAX_PERMITS);
        Self(Arc::new(Inner { blocks: Mutex::default(), pins: Mutex::default(), mishaps: Mutex::default(), puts }))
    }
}

impl Shelf {
    /// One that answers no put.
    pub(super) fn stuck() -> Self {
        let shelf = Self::default();
        shelf.0.puts.forget_permits(Semaphore::MAX_PERMITS);
        shelf
    }

    pub(super) fn blocks(&self) -> MutexGuard<'_, HashMap<Cid, Bytes>> {
        self.0.blocks.lock().unwrap()
    }

    pub(super) fn pins(&self) -> MutexGuard<'_, HashSet<Cid>> {
        self.0.pins.lock().unwrap()
    }

    pub(super) fn will(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        self.0.mishaps.lock().unwrap().extend(mishaps);
    }

    fn mishap(&self) -> Option<Mishap> {
        self.0.mishaps.lock().unwrap().pop_front()
    }
}

impl Answer<PutBlocks> for Shelf {
    async fn answer(&self, question: PutBlocks, _: Asked) -> Result<(), BlockError> {
        self.0.puts.acquire().await.unwrap().forget();
        self.0.puts.add_permits(1);
        let mut bytes = question.bytes;
        for (cid, block_bytes) in question.blocks {
            let block = bytes.split_to(block_bytes as usize);
            unixfs::verify(&cid.0, &block).unwrap();
            self.blocks().insert(cid, block);
        }
        assert!(bytes.is_empty());
        Ok(())
    }
}

impl Answer<NameBlocks> for Shelf {
    async fn answer(&self, question: NameBlocks, _: Asked) -> Result<BlockNames, BlockError> {
        self.0.puts.acquire().await.unwrap().forget();
        self.0.puts.add_permits(1);
        let (mut bytes, mut cids) = (question.bytes, Vec::new());
        for length in question.lengths {
            let block = bytes.split_to(length as usize);
            let cid = match question.codec {
                NamedCodec::Raw => unixfs::cid_raw(&block),
                NamedCodec::DagPb => unixfs::cid_dag_pb(unixfs::Version::V1, &block),
            };
            cids.push(Cid(cid));
            // Kept by its hash, as a daemon keeps it: under every name that it may be asked by.
            let v0 = matches!(question.codec, NamedCodec::DagPb)
                .then(|| Cid(unixfs::cid_dag_pb(unixfs::Version::V0, &block)));
            self.blocks().extend(v0.into_iter().chain([Cid(cid)]).map(|cid| (cid, block.clone())));
        }
        assert!(bytes.is_empty());
        Ok(BlockNames { cids })
    }
}

impl Answer<GetBlock> for Shelf {
    async fn answer(&self, GetBlock { cid }: GetBlock, _: Asked) -> Result<BlockBytes, BlockError> {
        self.blocks().get(&cid).cloned().map(|bytes| BlockBytes { bytes }).ok_or(BlockError::NotFound)
    }
}

impl Answer<Replicate> for Shelf {
    async fn answer(&self, _: Replicate, _: Asked) -> Result<Replicas, BlockError> {
        Ok(Replicas { pinned: 0, wanted: 0 })
    }
}

impl Answer<GetBlocks> for Shelf {
    async fn answer(&self, _: GetBlocks, _: Asked) -> Result<SomeBlocks, BlockError> {
        unreachable!("this box asks for one block at a time")
    }
}

impl Answer<PinRoot> for Shelf {
    async fn answer(&self, PinRoot { cid }: PinRoot, _: Asked) -> Result<(), BlockError> {
        let blocks = self.blocks();
        let mut open = vec![cid.0];
        while let Some(next) = open.pop() {
            let block = blocks.get(&Cid(next)).ok_or(BlockError::NotFound)?;
            open.extend(unixfs::links(&next, block).unwrap());
        }
        self.pins().insert(cid);
        Ok(())
    }
}

impl Answer<UnpinRoot> for Shelf {
    async fn answer(&self, _: UnpinRoot, _: Asked) -> Result<(), BlockError> {
        unreachable!("this box never unpins: the same file may be somebody else's")
    }
}

impl Answer<FindDaemon> for Shelf {
    async fn answer(&self, _: FindDaemon, _: Asked) -> Result<DaemonState, BlockError> {
        unreachable!("this box does not ask how the daemon is")
    }
}

impl Blocks for Shelf {
    async fn ask<Q: Question<Of = proto::Blocks>>(&self, question: Q, within: Duration) -> Result<Q::Reply, AskError> {
        match self.mishap() {
            Some(Mishap::Bus(error)) => return Err(error),
            Some(Mishap::Away) => {
                // Every reply of `Blocks` is a result with the same error.
                let away: Result<(), _> = Err(BlockError::DaemonDown("it is being restarted".to_owned()));
                return Ok(decode(encode(away)).unwrap());
            }
            None => {}
        }
        let asked = Asked { request: RequestId([0; 8]), left: within };
        let answer = proto::Blocks::dispatch(self, Q::OP, encode(question), asked);
        let answer = timeout(within, answer).await.map_err(|_| AskError::TimedOut)?;
        Ok(decode(answer.unwrap()).unwrap())
    }
}

/// The parts of a box.
pub(super) struct Rig {
    pub(super) shelf: Shelf,
    pub(super) settings: Settings,
    pub(super) measures: Measures,
    pub(super) stop: stop::StopSender,
    pub(super) quota_bytes: u64,
    folder: TempDir,
}

impl Rig {
    pub(super) fn new() -> Self {
        let (stop, asked) = stop::channel();
        let patience = Patience { idle: DEADLINE, total: DEADLINE, stop: asked, grace: Duration::ZERO };
        let settings = Settings {
            options: Profile::V0_2015.into(),
            file_bytes_max: u64::MAX,
            ipfs_wait: DEADLINE,
            patience,
            tls: None,
        };
        let folder = tempfile::tempdir().unwrap();
        Self { shelf: Shelf::default(), settings, measures: Measures::default(), stop, quota_bytes: 0, folder }
    }

    pub(super) fn ipfs(&self) -> Ipfs<Shelf> {
        Ipfs::new(self.shelf.clone(), self.settings.ipfs_wait)
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.folder.path().join("uploads.jsonl")
    }

    pub(super) fn journal_sizes(&self) -> Vec<u64> {
        journal::read(&self.journal()).unwrap().map(|upload| upload.bytes).collect()
    }

    pub(super) fn uploads(&self) -> Uploads<Shelf> {
        let journal = Journal::open(&self.journal()).unwrap();
        let quota = Quota::new(self.quota_bytes, []);
        Uploads::new(self.ipfs(), journal, quota, self.settings.clone(), self.measures.clone())
    }

    pub(super) fn downloads(&self) -> Downloads<Shelf> {
        Downloads::new(self.ipfs(), &self.settings, self.measures.clone())
    }

    /// The value of a metric; 0 when it was never counted.
    pub(super) fn counted(&self, metric: &str) -> u64 {
        let mut registry = prometheus_client::registry::Registry::default();
        self.measures.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

/// A connection to whoever `attend`s it.
pub(super) async fn connect<F>(attend: impl FnOnce(TcpStream, SocketAddr) -> F) -> (TcpStream, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    // So that a client that reads nothing is soon felt.
    socket.set_recv_buffer_size(4_096).unwrap();
    let (client, accepted) = tokio::join!(socket.connect(listener.local_addr().unwrap()), listener.accept());
    let (client, (server, peer)) = (client.unwrap(), accepted.unwrap());
    client.set_nodelay(true).unwrap();
    (client, tokio::spawn(attend(server, peer)))
}

/// A client that uploads.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    pub(super) token: String,
    pub(super) served: JoinHandle<()>,
}

impl Client {
    /// One that has been greeted.
    pub(super) async fn greeted(uploads: &Arc<Uploads<Shelf>>, bits: u64) -> Self {
        let uploads = Arc::clone(uploads);
        let token = Token::from_random(bits);
        let (mut stream, served) = connect(async move |stream, peer| uploads.attend(stream, peer, token).await).await;
        let mut greeting = [0; 1024];
        let count = stream.read(&mut greeting).await.unwrap();
        Self { stream, token: String::from_utf8(greeting[..count].to_vec()).unwrap(), served }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(super) async fn end(&mut self) {
        self.send(format!("{END}{}", self.token).as_bytes()).await;
    }

    /// The answer, as clients read it: at once.
    pub(super) async fn answer(&mut self) -> String {
        let mut line = [0; 1024];
        let count = timeout(DEADLINE, self.stream.read(&mut line)).await.expect("an answer in time").unwrap();
        String::from_utf8(line[..count].to_vec()).unwrap()
    }

    pub(super) async fn upload(mut self, file: &[u8]) -> String {
        self.send(file).await;
        self.end().await;
        self.answer().await
    }
}

/// Bytes that do not repeat.
pub(super) fn file(bytes: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(next).collect()
}

/// The answer that a file should get, worked out in another way than the box does.
pub(super) fn expected(options: ImportOptions, file: &Bytes) -> String {
    let mut builder = unixfs::FileBuilder::new(options, HashOnly);
    let Ok(()) = builder.push(file.clone());
    let Ok(root) = builder.finish();
    format!("{}\n", root.cid)
}
