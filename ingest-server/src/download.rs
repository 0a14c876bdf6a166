//! A download: the request, the bytes, the marker with the client's own token.
//!
//! Asked by a client over TCP. Asks the IPFS daemon for blocks. A file that breaks off ends without the marker: that is how
//! its client knows. Only a refusal before the first byte is told in words.

use std::{collections::HashMap, io, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use proto::Cid;
use rustls::ServerConfig;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};
use unixfs::{ByteRange, FileReader, ReadError, Reader as _, Step};

use crate::{
    blocks::{Blocks, Failed, Ipfs},
    connection::Connection,
    measures::{Measures, Way},
    memory::{Memory, Space},
    patience::{Over, Patience},
    settings::Settings,
    wire::{Answer, BadRequest, Reading, Request, RequestReader, TLS_LINE, marker},
};

/// Blocks that are fetched at a time, at most.
const AHEAD: usize = 4;
/// What one download holds at most, but for a block that is larger than the one before it.
const AHEAD_BYTES: usize = 1024 * 1024;
/// The most that all downloads together hold.
const DOWNLOADS_BYTES: usize = 16 * 1024 * 1024;
/// A request that does not go on for so long has ended: the original clients send no end of line.
const REQUEST_PAUSE: Duration = Duration::from_secs(2);
/// The longest request is shorter.
const REQUEST_BYTES: usize = 2_048;
/// A client that takes nothing for so long gives its room to others, if they wait for it.
const REST: Duration = Duration::from_millis(500);

/// What all downloads share.
#[derive(Debug)]
pub struct Downloads<B> {
    /// Where blocks come from.
    pub ipfs: Ipfs<B>,
    /// How much is held at a time; one space is for one download.
    pub memory: Memory,
    /// How long clients are waited for.
    pub patience: Patience,
    /// For clients that ask for TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// What is counted.
    pub measures: Measures,
}

/// Why a download ended without the marker, as its client is told if it can be.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The client ended it.
    #[error("the connection ended")]
    HungUp,
    /// The client asked for nothing.
    #[error("{0}")]
    Request(#[from] BadRequest),
    /// The client asks for what is not offered.
    #[error("there is no TLS here; set `tls = true` in [ingest-server], or ask without")]
    NoTls,
    /// The client fell silent, or takes nothing.
    #[error("nothing moved for {0:?}")]
    Silent(Duration),
    /// The whole took too long.
    #[error("the file took longer than {0:?}")]
    TooLong(Duration),
    /// The box ends.
    #[error("the server is being restarted; ask again")]
    Stopping,
    /// The IPFS daemon.
    #[error("{0}")]
    Ipfs(#[from] Failed),
    /// What the CID names is no file.
    #[error("{0}")]
    Read(#[from] ReadError),
}

impl Broken {
    /// One word for metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Request(_) => "bad_request",
            Self::NoTls => "no_tls",
            Self::Silent(_) => "silent",
            Self::TooLong(_) => "too_long",
            Self::Stopping => "stopping",
            Self::Ipfs(Failed::Missing(_)) => "missing",
            Self::Ipfs(_) => "ipfs",
            Self::Read(_) => "no_file",
        }
    }
}

/// How far a file has been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// To its end.
    All,
    /// Not to its end, but others need the room.
    Part,
}

impl<B: Blocks> Downloads<B> {
    /// Downloads that go by `settings`.
    pub fn new(ipfs: Ipfs<B>, settings: &Settings, measures: Measures) -> Self {
        let memory = Memory::new(DOWNLOADS_BYTES, AHEAD_BYTES);
        Self { ipfs, memory, patience: settings.patience.clone(), tls: settings.tls.clone(), measures }
    }

    /// Attends to one client.
    pub async fn attend(&self, stream: TcpStream, peer: SocketAddr) {
        let mut stream = Connection::plain(stream);
        let _open = self.measures.open(Way::Download);
        let began = Instant::now();
        let mut sent_bytes = 0;
        let given = self.patience.bound(self.give(&mut stream, &mut sent_bytes)).await.unwrap_or_else(|over| {
            Err(match over {
                Over::Total => Broken::TooLong(self.patience.total),
                Over::Stopping => Broken::Stopping,
            })
        });
        let took = began.elapsed();
        match given {
            Ok(request) => {
                tracing::info!(%peer, cid = %request.cid, bytes = sent_bytes, took_ms = took.as_millis(), "file given");
                self.measures.ended(Way::Download, "given", took);
                stream.part(&marker(&request.token)).await;
            }
            Err(broken) => {
                tracing::info!(%peer, why = %broken, bytes = sent_bytes, "download ended early");
                self.measures.ended(Way::Download, broken.outcome(), took);
                let words = if sent_bytes == 0 { Answer::Refused(broken.to_string()).line() } else { String::new() };
                stream.part(words.as_bytes()).await;
            }
        }
    }

    async fn give(&self, stream: &mut Connection, sent_bytes: &mut u64) -> Result<Request, Broken> {
        let request = self.read_request(stream).await?;
        loop {
            let space = self.memory.take().await;
            if self.send_from(stream, request.cid, sent_bytes, space).await? == Sent::All {
                return Ok(request);
            }
            self.measures.parked();
            // Waited for without holding anything.
            self.wait_for(stream.writable(), self.patience.idle).await?;
        }
    }

    async fn read_request(&self, stream: &mut Connection) -> Result<Request, Broken> {
        let mut reader = RequestReader::default();
        let mut begun = None;
        loop {
            let wait = begun.unwrap_or(self.patience.idle);
            let piece = match (timeout(wait, stream.readable()).await, begun) {
                (Ok(ready), _) => ready.and_then(|()| stream.take_ready(REQUEST_BYTES)),
                (Err(_), None) => return Err(Broken::Silent(wait)),
                (Err(_), Some(_)) => return Ok(reader.finish()?),
            };
            match piece {
                Ok(None) => continue,
                Ok(Some(piece)) if begun.is_none() && piece.starts_with(TLS_LINE.as_bytes()) => {
                    self.secure(stream, &piece[TLS_LINE.len()..]).await?;
                }
                Ok(Some(piece)) => match reader.feed(&piece)? {
                    Reading::Done(request) => return Ok(request),
                    Reading::More => begun = Some(REQUEST_PAUSE.min(self.patience.idle)),
                },
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(reader.finish()?),
                Err(_) => return Err(Broken::HungUp),
            }
        }
    }

    async fn secure(&self, stream: &mut Connection, first: &[u8]) -> Result<(), Broken> {
        let config = self.tls.clone().ok_or(Broken::NoTls)?;
        let agreed = async {
            stream.write_all(TLS_LINE.as_bytes()).await?;
            stream.secure(config, first).await
        };
        self.wait_for(agreed, self.patience.idle).await
    }

    /// Sends what was not sent yet, as long as nobody else needs the room while the client takes nothing.
    async fn send_from(
        &self,
        stream: &mut Connection,
        cid: Cid,
        sent: &mut u64,
        _space: Space,
    ) -> Result<Sent, Broken> {
        let mut reader = FileReader::new(cid.0, ByteRange { from: *sent, bytes: None });
        let mut ahead = 1;
        loop {
            match reader.step()? {
                Step::Done => return Ok(Sent::All),
                Step::Need(_) => {
                    for (cid, block) in self.fetch(reader.wanted(ahead)).await? {
                        ahead = (AHEAD_BYTES / block.len().max(1)).clamp(1, AHEAD);
                        reader.supply(&cid, block)?;
                    }
                }
                Step::Give(bytes) => {
                    if self.send(stream, bytes, sent).await? == Sent::Part {
                        return Ok(Sent::Part);
                    }
                }
            }
        }
    }

    async fn fetch(&self, cids: Vec<unixfs::Cid>) -> Result<Vec<(unixfs::Cid, Bytes)>, Broken> {
        let mut gets = JoinSet::new();
        for cid in cids.iter().copied() {
            let ipfs = self.ipfs.clone();
            gets.spawn(async move { ipfs.get(Cid(cid)).await.map(|bytes| (cid, bytes)) });
        }
        let mut blocks = HashMap::new();
        while let Some(got) = gets.join_next().await {
            let (cid, bytes) = got.unwrap_or_else(|error| Err(Failed::Refused(error.to_string())))?;
            blocks.insert(cid, bytes);
        }
        Ok(cids.into_iter().filter_map(|cid| blocks.remove_entry(&cid)).collect())
    }

    async fn send(&self, stream: &mut Connection, mut bytes: Bytes, sent: &mut u64) -> Result<Sent, Broken> {
        let mut since = Instant::now();
        while !bytes.is_empty() {
            match timeout(REST.min(self.patience.idle), stream.writable()).await {
                Ok(ready) => ready.map_err(|_| Broken::HungUp)?,
                Err(_) if since.elapsed() >= self.patience.idle => return Err(Broken::Silent(self.patience.idle)),
                Err(_) if self.memory.is_short() => return Ok(Sent::Part),
                Err(_) => continue,
            }
            match stream.try_write(&bytes) {
                Ok(count) => {
                    let _ = bytes.split_to(count);
                    *sent += count as u64;
                    self.measures.moved(Way::Download, count as u64);
                    since = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(Broken::HungUp),
            }
        }
        Ok(Sent::All)
    }

    async fn wait_for(&self, ready: impl Future<Output = io::Result<()>>, most: Duration) -> Result<(), Broken> {
        let ready = timeout(most, ready).await.map_err(|_| Broken::Silent(most))?;
        ready.map_err(|_| Broken::HungUp)
    }
}
