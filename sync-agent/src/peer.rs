//! Another server, over HTTP. Nothing that it says is believed: a comment is hashed, a log page is bounded.

use std::time::Duration;

use bytes::Bytes;
use daemon::Failure;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, StatusCode, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use proto::{CommentId, Seq, Topic, threads::Changes};
use tokio::{net::TcpStream, time::timeout};

/// How long a server may take for one answer.
const ANSWER_WAIT: Duration = Duration::from_secs(8);
/// The most bytes of one answer: a thousand arrivals are about 150 KB of JSON.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Arrivals asked for at a time.
pub const PAGE: u16 = 256;

/// A server to copy from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// As the configuration names it.
    pub address: String,
    authority: String,
}

/// Why a server could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// No connection, or it broke.
    #[error("cannot reach the server; is it up, and is the address right?")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("no answer within {} s", ANSWER_WAIT.as_secs())]
    TimedOut,
    /// It said no.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// What it said makes no sense.
    #[error("the server's answer is not {expected}; is it a Rookery of this version?")]
    Nonsense {
        /// What would be right.
        expected: &'static str,
    },
}

/// What a server has under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The comment, checked against its id.
    Blob(Bytes),
    /// It is gone there.
    Gone,
}

/// Reads `[sync-agent] peers`.
///
/// # Errors
///
/// Exit code 78, with the address that is none.
pub fn read_all(addresses: &[String]) -> Result<Vec<Peer>, Failure> {
    addresses.iter().map(|address| Peer::read(address)).collect()
}

impl Peer {
    fn read(address: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::config(format!(
                "[sync-agent] peers: `{address}` is not a server's address; expected one like \"http://192.0.2.1:8780\""
            ))
        };
        let uri: Uri = address.parse().map_err(|_| wrong())?;
        let plain = uri.scheme_str() == Some("http") && uri.path() == "/" && uri.query().is_none();
        let host = uri.host().filter(|_| plain).ok_or_else(wrong)?;
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        Ok(Self { address: address.to_owned(), authority })
    }

    /// What arrived there after `after`.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, is slow, says no, or talks nonsense.
    pub async fn changes(&self, after: Seq) -> Result<Changes, PeerError> {
        let nonsense = PeerError::Nonsense { expected: "a page of its log of arrivals" };
        let (status, body) = self.get(&format!("/changes?after={after}&limit={PAGE}")).await?;
        if status != StatusCode::OK {
            return Err(PeerError::Status(status));
        }
        let page: Changes = serde_json::from_slice(&body).map_err(|_| PeerError::Nonsense { expected: "JSON" })?;
        if page.told_seq < after || page.changes.len() > usize::from(PAGE) { Err(nonsense) } else { Ok(page) }
    }

    /// One comment.
    ///
    /// # Errors
    ///
    /// As above; also when the bytes are not those that the id names.
    pub async fn comment(&self, topic: Topic, id: CommentId) -> Result<Found, PeerError> {
        let (status, blob) = self.get(&format!("/{topic}/{id}")).await?;
        match status {
            StatusCode::OK if CommentId::of(&blob) == id => Ok(Found::Blob(blob)),
            StatusCode::OK => Err(PeerError::Nonsense { expected: "the comment that its id names" }),
            StatusCode::GONE | StatusCode::NOT_FOUND => Ok(Found::Gone),
            other => Err(PeerError::Status(other)),
        }
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, Bytes), PeerError> {
        timeout(ANSWER_WAIT, self.exchange(path)).await.map_err(|_| PeerError::TimedOut)?
    }

    async fn exchange(&self, path: &str) -> Result<(StatusCode, Bytes), PeerError> {
        let unreachable = |e: Box<dyn std::error::Error + Send + Sync>| PeerError::Unreachable(e);
        let stream = TcpStream::connect(&self.authority).await.map_err(|e| unreachable(e.into()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| unreachable(e.into()))?;
        let request = Request::get(path)
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "*/*")
            .body(Empty::<Bytes>::new())
            .map_err(|e| unreachable(e.into()))?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await?.to_bytes();
            Ok((status, body))
        };
        // The connection is driven here, not in a task of its own: what is cancelled leaves nothing behind.
        tokio::pin!(connection);
        tokio::pin!(exchange);
        tokio::select! {
            biased;
            result = &mut exchange => result.map_err(unreachable),
            _ = &mut connection => exchange.await.map_err(unreachable),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn server(answer: &'static str) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Peer::read(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        peer
    }

    #[test]
    fn an_address_that_is_none_is_a_configuration_error() {
        for wrong in ["", "192.0.2.1", "https://192.0.2.1", "http://192.0.2.1/x", "ftp://a"] {
            let failure = Peer::read(wrong).unwrap_err();
            assert!(failure.to_string().contains("http://192.0.2.1:8780"), "{failure}");
        }
        assert_eq!(Peer::read("http://192.0.2.1").unwrap().authority, "192.0.2.1:80");
    }

    #[tokio::test]
    async fn bytes_that_are_not_what_the_id_names_are_not_taken() {
        let peer = server("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlies").await;
        let error = peer.comment(Topic([0; 20]), CommentId::of(b"truth")).await.unwrap_err();
        assert!(matches!(error, PeerError::Nonsense { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_comment_is_taken_when_its_bytes_are_right() {
        let peer = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntruth").await;
        let found = peer.comment(Topic([0; 20]), CommentId::of(b"truth")).await.unwrap();
        assert_eq!(found, Found::Blob(Bytes::from_static(b"truth")));
    }

    #[tokio::test]
    async fn a_log_that_runs_backwards_is_nonsense() {
        let page = r#"{"epoch":1,"last_seq":9,"told_seq":3,"changes":[]}"#;
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{page}", page.len());
        let peer = server(Box::leak(answer.into_boxed_str())).await;
        assert!(matches!(peer.changes(Seq(4)).await.unwrap_err(), PeerError::Nonsense { .. }));
    }
}
