//! A client that hides nothing: it never retries, and shows headers and trailers as they came.

use std::{
    net::SocketAddr,
    sync::LazyLock,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, runtime::Runtime};

/// No answer of ours may take longer; a test that needs less measures for itself.
const DEADLINE: Duration = Duration::from_secs(30);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a test machine has threads to spare")
});

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What came behind the body.
    pub trailers: HeaderMap,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// The value of a header, or of a trailer; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).or_else(|| self.trailers.get(name));
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: status {}, {:?}", self.status, self.text()))
    }

    /// The body as a stream of JSON values, one a line.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn json_lines(&self) -> Vec<Value> {
        let values = serde_json::Deserializer::from_slice(&self.body).into_iter::<Value>();
        values.map(|value| value.unwrap_or_else(|e| panic!("{e}: {:?}", self.text()))).collect()
    }

    /// The same answer, if it has this status.
    ///
    /// # Panics
    ///
    /// When it has another.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// One client with one connection, which it keeps while the server does.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    connection: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client of the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `GET`.
    ///
    /// # Panics
    ///
    /// When no answer came.
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    /// `POST`.
    ///
    /// # Panics
    ///
    /// When no answer came.
    pub fn post(&mut self, path: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, &[], body)
    }

    /// Any request.
    ///
    /// # Panics
    ///
    /// When no answer came.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self.try_ask(method, path, headers, body);
        answer.unwrap_or_else(|e| panic!("no answer to {method} {path}: {e}"))
    }

    /// Any request; the text of what went wrong when no answer came.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or the connection ended within the answer.
    pub fn try_ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let own = [("Host", self.address.to_string())];
        let own = own.iter().filter(|_| !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")));
        let builder = Request::builder().method(method).uri(path);
        let builder = own.fold(builder, |builder, (name, value)| builder.header(*name, value));
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        let request = builder.body(Full::new(Bytes::copy_from_slice(body))).map_err(|e| e.to_string())?;
        let began = Instant::now();
        RUNTIME.block_on(async {
            let whole = tokio::time::timeout(DEADLINE, self.exchange(request));
            let answer = whole.await.map_err(|_| format!("no answer within {DEADLINE:?}")).flatten();
            if answer.is_err() {
                self.connection = None;
            }
            answer.map(|answer| Answer { took: began.elapsed(), ..answer })
        })
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let connection = self.connect().await?;
        let answer = connection.send_request(request).await.map_err(|e| format!("{e:?}"))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|e| format!("within the body: {e:?}"))?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let took = Duration::ZERO;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes(), trailers, took })
    }

    /// A new connection when there is none, or when the server has closed it since the last answer.
    async fn connect(&mut self) -> Result<&mut http1::SendRequest<Full<Bytes>>, String> {
        let usable = match &mut self.connection {
            Some(connection) => connection.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let stream = TcpStream::connect(self.address).await.map_err(|e| format!("cannot connect: {e}"))?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
            tokio::spawn(connection);
            self.connection = Some(sender);
        }
        Ok(self.connection.as_mut().expect("it was just made"))
    }
}
