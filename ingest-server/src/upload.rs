//! An upload: the token, the bytes, the marker, the answer.
//!
//! Asked by a client over TCP. Asks the IPFS daemon to keep what comes, and the journal to remember it. In this order:
//! all blocks are with the daemon, the root is pinned and with a Cluster replicated, the journal has its line on disk, and then the CID is told.
//! A client that ends earlier leaves blocks that nothing keeps, and nothing else; if it named its upload, it may go on with it.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use proto::{Cid, uploads};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    blocks::{Blocks, Failed, Ipfs},
    connection::Connection,
    intake::Intake,
    journal::{Journal, NotWritten},
    measures::{Measures, Way},
    memory::Memory,
    parking::{Parking, Part, Ticket},
    patience::Over,
    quota::{Quota, Share, UsedUp},
    settings::Settings,
    wire::{Answer, Beginning, Begun, Finder, TLS_LINE, Token, from_line},
};

/// The most that all uploads together hold.
const UPLOADS_BYTES: usize = 24 * 1024 * 1024;
/// Whoever is silent for so long gives his room to others, if they wait for it.
const REST: Duration = Duration::from_millis(500);

/// What all uploads share.
#[derive(Debug)]
pub struct Uploads<B> {
    /// Where blocks go.
    pub ipfs: Ipfs<B>,
    /// What is remembered.
    pub journal: Journal,
    /// How much all files may have.
    pub quota: Quota,
    /// What is counted.
    pub measures: Measures,
    /// What they go by.
    pub settings: Settings,
    /// How much is held at a time.
    pub memory: Memory,
    /// What is waited for to go on.
    pub(crate) parking: Parking<B>,
}

/// Why an upload ended without a CID, as its client is told.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The client ended it.
    #[error("the connection ended before the end marker; nothing was kept, send the file again")]
    HungUp,
    /// The client fell silent.
    #[error("nothing came for {0:?}; nothing was kept, send the file again")]
    Silent(Duration),
    /// The file took too long.
    #[error("the file took longer than {0:?}; nothing was kept")]
    TooLong(Duration),
    /// The file is too large.
    #[error("the file has more than {0} bytes, the most that this server takes; nothing was kept")]
    TooLarge(u64),
    /// The client asks for what is not offered.
    #[error("there is no TLS here; set `tls = true` in [ingest-server], or send the file without")]
    NoTls,
    /// The box ends.
    #[error("the server is being restarted; nothing was kept, send the file again")]
    Stopping,
    /// The quota.
    #[error("{0}; nothing was kept")]
    Quota(#[from] UsedUp),
    /// A part of the file was collected as garbage before all of it was there.
    #[error("the IPFS daemon has lost a part of the file while it came in; send the file again")]
    Collected,
    /// The IPFS daemon.
    #[error("{0}")]
    Ipfs(Failed),
    /// The journal.
    #[error("{0}; the file may have been kept, send it again")]
    Journal(#[from] NotWritten),
}

impl From<Failed> for Lost {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Missing(_) => Self::Collected,
            other => Self::Ipfs(other),
        }
    }
}

impl Lost {
    /// One word for metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Silent(_) => "silent",
            Self::TooLong(_) => "too_long",
            Self::TooLarge(_) => "too_large",
            Self::NoTls => "no_tls",
            Self::Stopping => "stopping",
            Self::Quota(_) => "quota",
            Self::Collected => "collected",
            Self::Ipfs(_) => "ipfs",
            Self::Journal(_) => "journal",
        }
    }
}

/// A file that was kept.
pub(crate) struct Kept {
    pub(crate) cid: Cid,
    bytes: u64,
    /// Of all its blocks.
    pub(crate) dag_bytes: u64,
}

/// A file whose marker has come.
struct Whole<B> {
    intake: Intake<B>,
    share: Share,
    after_bytes: u64,
}

impl<B: Blocks> Uploads<B> {
    /// Uploads that go by `settings`.
    pub fn new(ipfs: Ipfs<B>, journal: Journal, quota: Quota, settings: Settings, measures: Measures) -> Self {
        let memory = Memory::new(UPLOADS_BYTES, settings.options.chunk_bytes.get());
        Self { ipfs, journal, quota, measures, settings, memory, parking: Parking::default() }
    }

    /// Attends to one client, from the greeting to the last byte.
    pub async fn attend(&self, stream: TcpStream, peer: SocketAddr, token: Token) {
        let mut stream = Connection::plain(stream);
        let _open = self.measures.open(Way::Upload);
        let began = Instant::now();
        let (outcome, after_bytes) = self.upload(&mut stream, peer, &token, began).await;
        let took = began.elapsed();
        let answer = match outcome {
            Ok(Kept { cid, bytes, .. }) => {
                tracing::info!(%peer, bytes, %cid, took_ms = took.as_millis(), "file kept");
                self.measures.ended(Way::Upload, "kept", took);
                Answer::Kept(cid)
            }
            Err(lost) => {
                tracing::info!(%peer, why = %lost, took_ms = took.as_millis(), "upload ended without a file");
                self.measures.ended(Way::Upload, lost.outcome(), took);
                Answer::Refused(lost.to_string())
            }
        };
        let more = stream.part(answer.line().as_bytes()).await;
        if let Answer::Kept(_) = answer {
            self.measures.came_after(after_bytes + more);
        }
    }

    async fn upload(
        &self,
        stream: &mut Connection,
        peer: SocketAddr,
        token: &Token,
        began: Instant,
    ) -> (Result<Kept, Lost>, u64) {
        let received = self.settings.patience.bound(self.receive(stream, token)).await.unwrap_or_else(|over| {
            Err(match over {
                Over::Total => Lost::TooLong(self.settings.patience.total),
                Over::Stopping => Lost::Stopping,
            })
        });
        match received {
            Ok(Whole { intake, share, after_bytes }) => (self.keep(intake, share, peer, began).await, after_bytes),
            Err(lost) => (Err(lost), 0),
        }
    }

    async fn receive(&self, stream: &mut Connection, token: &Token) -> Result<Whole<B>, Lost> {
        // One write is one segment; clients take the token for whatever their first read gives.
        stream.write_all(token.as_str().as_bytes()).await.map_err(|_| Lost::HungUp)?;
        let (mut part, ticket, first) = self.begin(stream, token).await?;
        match (self.fill(stream, &mut part, Finder::new(token), first).await, ticket) {
            (Ok(after_bytes), _) => Ok(Whole { intake: part.intake, share: part.share, after_bytes }),
            (Err(lost @ (Lost::HungUp | Lost::Silent(_))), Some(ticket)) => {
                ticket.rest(part).await;
                Err(lost)
            }
            (Err(lost), _) => Err(lost),
        }
    }

    /// The first bytes of the file, and what there is of it already if the client named it.
    async fn begin(&self, stream: &mut Connection, token: &Token) -> Result<(Part<B>, Option<Ticket<B>>, Bytes), Lost> {
        let mut part = self.nothing();
        let mut beginning = Beginning::new(token);
        let (id, first) = loop {
            match beginning.feed(self.piece(stream, &mut part.intake).await?) {
                Begun::Open => {}
                Begun::File(first) => return Ok((part, None, first)),
                Begun::Named(id, first) => break (id, first),
                Begun::Secure(first) => {
                    self.secure(stream, &first).await?;
                    beginning = Beginning::new(token);
                }
            }
        };
        // Who waits for another's room must hold none.
        drop(part);
        let (ticket, rested) = self.parking.take(id).await;
        let part = self.go_on(rested).await;
        let line = from_line(part.intake.file_bytes());
        stream.write_all(line.as_bytes()).await.map_err(|_| Lost::HungUp)?;
        Ok((part, Some(ticket), first))
    }

    async fn secure(&self, stream: &mut Connection, first: &[u8]) -> Result<(), Lost> {
        let config = self.settings.tls.clone().ok_or(Lost::NoTls)?;
        let agreed = async {
            stream.write_all(TLS_LINE.as_bytes()).await?;
            stream.secure(config, first).await
        };
        let waited = self.settings.patience.idle;
        timeout(waited, agreed).await.map_err(|_| Lost::Silent(waited))?.map_err(|_| Lost::HungUp)
    }

    fn nothing(&self) -> Part<B> {
        let intake = Intake::new(self.ipfs.clone(), self.memory.clone(), self.settings.options);
        Part { intake, share: self.quota.share() }
    }

    /// What rested, if all that was put away is still there.
    async fn go_on(&self, rested: Option<Part<B>>) -> Part<B> {
        let Some(mut part) = rested else { return self.nothing() };
        if part.intake.make_room().await.is_ok() { part } else { self.nothing() }
    }

    /// Takes the file up to its marker; how many bytes came behind that.
    async fn fill(
        &self,
        stream: &mut Connection,
        part: &mut Part<B>,
        mut finder: Finder,
        first: Bytes,
    ) -> Result<u64, Lost> {
        let mut piece = first;
        loop {
            part.intake.make_room().await?;
            // Let go at once: while the next is waited for, memory is not counted for this one any more.
            let fed = finder.feed(&std::mem::take(&mut piece));
            for bytes in [fed.freed, fed.file] {
                self.take(bytes, &mut part.intake, &mut part.share).await?;
            }
            if let Some(after) = fed.after {
                return Ok(after.len() as u64);
            }
            piece = self.piece(stream, &mut part.intake).await?;
        }
    }

    /// The next bytes, once there are some and there is room for them.
    async fn piece(&self, stream: &mut Connection, intake: &mut Intake<B>) -> Result<Bytes, Lost> {
        loop {
            self.wait_for_bytes(stream, intake).await?;
            intake.make_room().await?;
            if let Some(piece) = stream.take_ready(intake.wanted_bytes()).map_err(|_| Lost::HungUp)? {
                return Ok(piece);
            }
        }
    }

    async fn wait_for_bytes(&self, stream: &mut Connection, intake: &mut Intake<B>) -> Result<(), Lost> {
        let since = Instant::now();
        loop {
            let left = self.settings.patience.idle.saturating_sub(since.elapsed());
            match timeout(left.min(REST), stream.readable()).await {
                Ok(ready) => return ready.map_err(|_: io::Error| Lost::HungUp),
                Err(_) if since.elapsed() >= self.settings.patience.idle => {
                    return Err(Lost::Silent(self.settings.patience.idle));
                }
                Err(_) if self.memory.is_short() && intake.holds_room() => {
                    intake.park().await?;
                    self.measures.parked();
                }
                Err(_) => {}
            }
        }
    }

    pub(crate) async fn take(&self, bytes: Bytes, intake: &mut Intake<B>, share: &mut Share) -> Result<(), Lost> {
        if bytes.is_empty() {
            return Ok(());
        }
        if intake.file_bytes() + bytes.len() as u64 > self.settings.file_bytes_max {
            return Err(Lost::TooLarge(self.settings.file_bytes_max));
        }
        share.grow(bytes.len() as u64)?;
        self.measures.moved(Way::Upload, bytes.len() as u64);
        Ok(intake.push(bytes).await?)
    }

    /// From here on the file is whole, and the client's patience is not asked any more.
    pub(crate) async fn keep(
        &self,
        intake: Intake<B>,
        share: Share,
        peer: SocketAddr,
        began: Instant,
    ) -> Result<Kept, Lost> {
        let bytes = intake.file_bytes();
        let root = intake.finish().await?;
        let cid = Cid(root.cid);
        self.ipfs.pin(cid).await?;
        // Nobody is told of a file that fewer peers keep than was promised.
        self.ipfs.replicate(cid).await?;
        let (time, seconds) = (now(), began.elapsed().as_secs_f64());
        self.journal.write(&uploads::Upload { time, peer, bytes, cid, seconds }).await?;
        share.keep(&cid);
        Ok(Kept { cid, bytes, dag_bytes: root.tsize })
    }
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    proto::record::date_text(since.as_secs())
}
