//! A visitor that sees every byte.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than anything here takes, so that a test that hangs fails.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// A connection to the front.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    head: String,
    pub(super) bytes: Vec<u8>,
    /// The same as text, as far as it is text.
    pub(super) body: String,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends what may no longer be taken, because the front has refused it already.
    pub(super) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads one answer, with its body unless it is one to HEAD.
    pub(super) async fn reply(&mut self, body: Body) -> Reply {
        let head_end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await > 0, "no answer: {:?}", String::from_utf8_lossy(&self.buffer));
        };
        let head = String::from_utf8(self.buffer[..head_end].to_vec()).unwrap();
        self.buffer.drain(..head_end + 4);
        let mut reply = Reply { status: head[9..12].parse().unwrap(), head, bytes: Vec::new(), body: String::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        if body == Body::Expected {
            while self.buffer.len() < length {
                assert!(self.more().await > 0, "the body ends early");
            }
            reply.bytes = self.buffer.drain(..length).collect();
            reply.body = String::from_utf8_lossy(&reply.bytes).into_owned();
        }
        reply
    }

    /// Reads what comes next; none when the front has closed the connection.
    pub(super) async fn more(&mut self) -> usize {
        timeout(SOON, self.stream.read_buf(&mut self.buffer)).await.expect("the front should have answered").unwrap()
    }

    /// Waits until the front closes the connection, however it does; what it had sent before that stays.
    pub(super) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let _ = timeout(SOON, self.stream.read_to_end(&mut rest)).await.expect("the front should have closed");
        self.buffer.extend(rest);
    }

    /// Takes out what came and belongs to no answer that was read.
    pub(super) fn take_left_over(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// What came and belongs to no answer that was read.
    pub(super) fn left_over(&self) -> &[u8] {
        &self.buffer
    }
}

/// Whether an answer has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Expected,
    None,
}

impl Reply {
    /// The names of all headers, sorted.
    pub(super) fn header_names(&self) -> Vec<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut names: Vec<_> = lines.map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort();
        names
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
