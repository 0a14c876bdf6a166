//! Asking a daemon: one request of Kubo's RPC, its answer shown as it comes.
//!
//! Asked by [`super`]. Asks whoever listens where the file `api` of the repository says, or where it is told.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    time::Duration,
};

use bytes::{Buf as _, Bytes, BytesMut};
use form_urlencoded::Serializer;
use http_body_util::BodyExt as _;
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::{
    CliError,
    files::{self, BOUNDARY},
    line::Call,
    print::Printer,
};
use crate::{
    rpc::body::Body,
    standalone::{Repo, dialable},
};

/// How long a daemon may take to accept a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(10);
/// An error that is longer is no error of an IPFS daemon.
const ERROR_BYTES: usize = 64 << 10;
const STREAM_ERROR: &str = "x-stream-error";

/// Where a daemon listens.
#[derive(Debug, Clone)]
pub(super) struct Daemon(SocketAddr);

impl Daemon {
    pub(super) const fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    async fn connect(&self) -> Result<TcpStream, io::Error> {
        timeout(CONNECT_WAIT, TcpStream::connect(self.0)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn unreachable(&self, cause: io::Error) -> CliError {
        CliError::Unreachable { address: self.0.to_string(), cause }
    }
}

/// The daemon that is to be asked; none when none runs on the repository.
pub(super) async fn find(repo: &Repo, api: Option<&str>) -> Result<Option<Daemon>, CliError> {
    if let Some(text) = api {
        let address = address(text).map_err(|cause| CliError::Unreachable { address: text.to_owned(), cause })?;
        return Ok(Some(Daemon(address)));
    }
    let Some(daemon) = repo.api().and_then(|text| address(&text).ok()).map(Daemon) else { return Ok(None) };
    // The file stays after a crash: only who answers runs.
    Ok(daemon.connect().await.is_ok().then_some(daemon))
}

/// `/ip4/127.0.0.1/tcp/5001`, `http://127.0.0.1:5001`, `localhost:5001`.
fn address(text: &str) -> Result<SocketAddr, io::Error> {
    let host = match dialable(text) {
        Some(host) => host,
        None => text.trim_start_matches("http://").trim_end_matches('/').to_owned(),
    };
    host.to_socket_addrs()?.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such host"))
}

/// Asks, and shows what is answered.
pub(super) async fn carry_out(daemon: &Daemon, call: Call) -> Result<(), CliError> {
    let stream = daemon.connect().await.map_err(|cause| daemon.unreachable(cause))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(CliError::Cut)?;
    tokio::spawn(connection);
    let (body, sending) = files::body(&call);
    let answer = sender.send_request(request(daemon, &call, body)).await;
    // What was wrong with a file says more than the connection that ended because of it.
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Err(sending.fault().await.unwrap_or(CliError::Cut(error))),
    };
    match shown(answer, &call).await {
        Ok(()) => Ok(()),
        Err(error) => Err(sending.fault().await.unwrap_or(error)),
    }
}

fn request(daemon: &Daemon, call: &Call, body: Body) -> Request<Body> {
    let mut query = Serializer::new(String::new());
    for arg in &call.args {
        query.append_pair("arg", &call.shown.said(arg));
    }
    for (name, value) in &call.options {
        query.append_pair(name, value);
    }
    let uri = format!("/api/v0/{}?{}", call.path, query.finish());
    let request = Request::post(uri).header(header::HOST, daemon.0.to_string()).header(header::TE, "trailers");
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = if call.files.is_some() { request.header(header::CONTENT_TYPE, form) } else { request };
    request.body(body).expect("the path is one of the table's, and the query is encoded")
}

async fn shown(answer: Response<Incoming>, call: &Call) -> Result<(), CliError> {
    let status = answer.status();
    let mut body = answer.into_body();
    if status != StatusCode::OK {
        return Err(refusal(status, &mut body).await);
    }
    let mut printer = Printer::of(call)?;
    let mut unread = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame.map_err(CliError::Cut)?.into_data() {
            Ok(bytes) if printer.takes_bytes() => printer.bytes(&bytes)?,
            Ok(bytes) => {
                unread.extend_from_slice(&bytes);
                rows(&mut unread, &mut printer)?;
            }
            Err(trailers) => check(&trailers)?,
        }
    }
    if !unread.trim_ascii().is_empty() {
        row(&unread, &mut printer)?;
    }
    printer.end()
}

fn rows(unread: &mut BytesMut, printer: &mut Printer<'_>) -> Result<(), CliError> {
    while let Some(end) = unread.iter().position(|&byte| byte == b'\n') {
        let line = unread.split_to(end);
        unread.advance(1);
        if !line.trim_ascii().is_empty() {
            row(&line, printer)?;
        }
    }
    Ok(())
}

fn row(line: &[u8], printer: &mut Printer<'_>) -> Result<(), CliError> {
    let row: Value = serde_json::from_slice(line).map_err(CliError::Nonsense)?;
    match message(&row) {
        Some(message) => Err(CliError::Refused(message)),
        None => printer.row(&row),
    }
}

/// The daemon's error, if that is what this is.
fn message(row: &Value) -> Option<String> {
    (row["Type"] == "error").then(|| row["Message"].as_str().map(str::to_owned)).flatten()
}

fn check(frame: &Frame<Bytes>) -> Result<(), CliError> {
    match frame.trailers_ref().and_then(|trailers| trailers.get(STREAM_ERROR)) {
        Some(message) => Err(CliError::Refused(String::from_utf8_lossy(message.as_bytes()).into_owned())),
        None => Ok(()),
    }
}

async fn refusal(status: StatusCode, body: &mut Incoming) -> CliError {
    let mut text = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend_from_slice(frame.data_ref().map_or(&[], |bytes| &bytes[..]));
        if text.len() > ERROR_BYTES {
            break;
        }
    }
    let said = serde_json::from_slice(&text).ok().and_then(|row| message(&row));
    let plain = String::from_utf8_lossy(&text).trim().to_owned();
    CliError::Refused(said.unwrap_or_else(|| if plain.is_empty() { status.to_string() } else { plain }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_named_in_several_ways() {
        for text in
            ["/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001", "127.0.0.1:5001", "/dns4/localhost/tcp/5001/http"]
        {
            assert_eq!(address(text).map(|address| address.port()).ok(), Some(5001), "{text}");
        }
        assert!(address("/ip4/127.0.0.1/udp/1").is_err());
    }
}
