//! Streams of any protocol, and pings, which are streams too.

use std::time::{Duration, Instant};

use libp2p::{PeerId, StreamProtocol};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
    time::timeout,
};

use super::Swarm;
use crate::{
    errors::{ConnectError, Gone, StreamError},
    streams::{Incoming, Refusal, Stream},
};

const OPEN_WAIT: Duration = Duration::from_secs(15);
const PING_WAIT: Duration = Duration::from_secs(10);
const PING: &str = "/ipfs/ping/1.0.0";
const PING_BYTES: usize = 32;

impl Swarm {
    /// Opens a stream with a peer, connecting to it if need be.
    ///
    /// # Errors
    ///
    /// [`StreamError::Unsupported`] when nobody there accepts it, [`StreamError::Connect`] when the peer is not reached.
    pub async fn open_stream(&self, peer: PeerId, protocol: &str) -> Result<Stream, StreamError> {
        let name = name(protocol)?;
        self.connect_peer(peer, Vec::new()).await?;
        let open = move |host: &mut crate::host::Host, reply: oneshot::Sender<_>| {
            host.swarm.behaviour_mut().streams.open(peer, name, reply);
        };
        let opened = self.ask_later(OPEN_WAIT, open).await;
        match opened {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(Refusal::Unsupported)) => Err(StreamError::Unsupported { peer, protocol: protocol.to_owned() }),
            Ok(Err(Refusal::Broken(cause))) => Err(StreamError::Broken(cause)),
            Ok(Err(Refusal::NotConnected)) => Err(ConnectError::NotConnected(peer).into()),
            // The connection went while the stream was opened; that the peer itself has stopped shows at the next question.
            Err(Gone::Stopped) => Err(ConnectError::NotConnected(peer).into()),
            Err(gone) => Err(gone.into()),
        }
    }

    /// Accepts the streams of a protocol until the queue is dropped. Peers that are connected already
    /// can open them at once.
    ///
    /// # Errors
    ///
    /// [`StreamError::Taken`] when somebody accepts them already, [`StreamError::Name`] when the name is none.
    pub fn accept(&self, protocol: &str) -> Result<Incoming, StreamError> {
        let taken = self.desk.accept(name(protocol)?);
        taken.map(Incoming).ok_or_else(|| StreamError::Taken(protocol.to_owned()))
    }

    /// How long a small message takes to a peer and back, connecting to it if need be.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when no answer came in ten seconds, [`StreamError::Broken`] when it was a wrong one.
    pub async fn ping(&self, peer: PeerId) -> Result<Duration, StreamError> {
        let mut stream = self.open_stream(peer, PING).await?;
        let took = timeout(PING_WAIT, echo(&mut stream)).await;
        took.map_err(|_| Gone::TimedOut(PING_WAIT))?.map_err(StreamError::Broken)
    }
}

async fn echo(stream: &mut Stream) -> std::io::Result<Duration> {
    let sent: [u8; PING_BYTES] = rand::random();
    let mut received = [0; PING_BYTES];
    let start = Instant::now();
    stream.write_all(&sent).await?;
    stream.flush().await?;
    stream.read_exact(&mut received).await?;
    let took = start.elapsed();
    stream.shutdown().await?;
    if sent == received { Ok(took) } else { Err(std::io::Error::other("the answer to a ping was another")) }
}

fn name(protocol: &str) -> Result<StreamProtocol, StreamError> {
    StreamProtocol::try_from_owned(protocol.to_owned()).map_err(|_| StreamError::Name(protocol.to_owned()))
}
