//! A daemon for tests that answers what a test tells it to, byte by byte, also what no sound daemon would answer.
#![expect(dead_code, reason = "each test file uses a part of it")]

pub mod daemon;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use ipfs_shim::{
    kubo::{Kubo, Waits},
    metrics::Metrics,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::interval,
};

/// A question as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `block/get?arg=…`
    pub call: String,
    /// The whole head, in lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What is done with the connection, step by step. Then it is open for the next question.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends a byte every 20 ms, for ever.
    Drip,
    /// Waits until a test opens the gate.
    Gate(watch::Receiver<bool>),
    /// Does nothing, for ever.
    Stall,
    /// Closes the connection.
    Close,
}

/// What a fake does with a question.
pub type Answers = Arc<dyn Fn(&Asked) -> Vec<Step> + Send + Sync>;

/// The fake, until it is dropped with its runtime.
pub struct Fake {
    folder: TempDir,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers each question by the next of `plays`; those beyond the last are never answered.
    pub async fn scripted(plays: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let plays = Mutex::new(plays.into_iter().collect::<VecDeque<_>>());
        Self::answering(Arc::new(move |_| plays.lock().unwrap().pop_front().unwrap_or_else(|| vec![Step::Stall]))).await
    }

    /// Answers each question by what `answers` says.
    pub async fn answering(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let port = listener.local_addr().unwrap().port();
        std::fs::write(folder.path().join("api"), format!("/ip4/127.0.0.1/tcp/{port}")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(accept(listener, answers, asked.clone()));
        Self { folder, asked }
    }

    /// Where the address is written.
    pub fn api_file(&self) -> PathBuf {
        self.folder.path().join("api")
    }

    /// A client that waits so long for an answer.
    pub fn kubo(&self, answer_ms: u64) -> Kubo {
        Kubo::new(self.api_file(), Waits::of(Duration::from_millis(answer_ms)), Metrics::default())
    }

    /// Waits until so many questions have come.
    pub async fn has_been_asked(&self, times: usize) {
        let come = async {
            while self.asked().len() < times {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), come).await.expect("the questions come");
    }

    /// All questions so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn accept(listener: TcpListener, answers: Answers, asked: Arc<Mutex<Vec<Asked>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(converse(stream, answers.clone(), asked.clone()));
    }
}

async fn converse(mut stream: TcpStream, answers: Answers, asked: Arc<Mutex<Vec<Asked>>>) {
    let mut unread = Vec::new();
    while let Some(question) = read_question(&mut stream, &mut unread).await {
        asked.lock().unwrap().push(question.clone());
        for step in answers(&question) {
            match step {
                Step::Send(bytes) => drop(stream.write_all(&bytes).await),
                Step::Drip => drip(&mut stream).await,
                Step::Gate(mut gate) => drop(gate.wait_for(|open| *open).await),
                Step::Stall => std::future::pending().await,
                Step::Close => return,
            }
        }
    }
}

async fn drip(stream: &mut TcpStream) {
    let mut tick = interval(Duration::from_millis(20));
    while stream.write_all(b"1\r\n{\r\n").await.is_ok() {
        tick.tick().await;
    }
}

async fn read_question(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Asked> {
    let head_bytes = loop {
        if let Some(at) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        read_more(stream, unread).await?;
    };
    let head = String::from_utf8(unread[..head_bytes].to_vec()).unwrap();
    let call = head.strip_prefix("POST /api/v0/")?.split(' ').next()?.to_owned();
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    while unread.len() < head_bytes + length {
        read_more(stream, unread).await?;
    }
    let rest = unread.split_off(head_bytes + length);
    let body = std::mem::replace(unread, rest).split_off(head_bytes);
    Some(Asked { call, head, body })
}

async fn read_more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(unread).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}

/// A whole answer.
pub fn ok(body: impl AsRef<[u8]>) -> Vec<Step> {
    answer("200 OK", body.as_ref())
}

/// Kubo's way to say no.
pub fn no(message: &str) -> Vec<Step> {
    answer("500 Internal Server Error", format!(r#"{{"Message":"{message}","Code":0,"Type":"error"}}"#).as_bytes())
}

/// An answer with any status.
pub fn answer(status: &str, body: &[u8]) -> Vec<Step> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    vec![Step::Send([head.as_bytes(), body].concat())]
}

/// The beginning of an answer in chunks, the first of which is there.
pub fn chunked(body: &[u8]) -> Vec<Step> {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Stream-Error\r\n\r\n";
    let chunk = format!("{:x}\r\n", body.len());
    vec![Step::Send([head.as_bytes(), chunk.as_bytes(), body, b"\r\n"].concat())]
}

/// Several steps, one after the other.
pub fn then(mut first: Vec<Step>, next: impl IntoIterator<Item = Step>) -> Vec<Step> {
    first.extend(next);
    first
}
