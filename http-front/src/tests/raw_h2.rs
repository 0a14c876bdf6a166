//! A client that speaks HTTP/2 frame by frame, and may break every rule of it.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::client::SOON;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const NO_FLAG: u8 = 0;
/// Of DATA and HEADERS.
pub(super) const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A connection to the front.
pub(super) struct RawH2 {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

/// What the front sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) content: Vec<u8>,
}

/// The bytes of a frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), content].concat()
}

/// A setting.
pub(super) fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// `GET` of a path, in JSON, without a table: RFC 7541.
pub(super) fn get(path: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let (method, scheme, path_is, authority_is, accept_is) = (0x82, 0x86, 0x04, 0x01, [0x0f, 0x04]);
    let mut block = vec![method, scheme, path_is];
    block.extend(text(path));
    block.push(authority_is);
    block.extend(text("test"));
    block.extend(accept_is);
    block.extend(text("application/json"));
    block
}

impl RawH2 {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    /// A connection that has said how it wants to be spoken to.
    pub(super) async fn begin(address: SocketAddr, settings: &[u8]) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(&[PREFACE, &frame(SETTINGS, NO_FLAG, 0, settings)].concat()).await;
        raw
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends over and over, until the front no longer takes it; how often it did.
    pub(super) async fn flood(&mut self, mut next: impl FnMut(u32) -> Vec<u8>, times: u32) -> u32 {
        for n in 0..times {
            // What the front says is not read, so that it may also be stuck.
            let sent = timeout(Duration::from_secs(2), self.stream.write_all(&next(n))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return n;
            }
        }
        times
    }

    /// The next frame; none when the connection has ended. A ping is answered, as by everybody who lives.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(came) = self.take_frame() {
                if (came.kind, came.flags) == (PING, NO_FLAG) {
                    let _ = self.stream.write_all(&frame(PING, ACK, 0, &came.content)).await;
                }
                return Some(came);
            }
            let read = timeout(SOON, self.stream.read_buf(&mut self.buffer)).await;
            if !matches!(read.expect("the front should have said something"), Ok(1..)) {
                return None;
            }
        }
    }

    fn take_frame(&mut self) -> Option<Frame> {
        let head = self.buffer.get(..9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        let content = self.buffer.get(9..9 + length)?.to_vec();
        self.buffer.drain(..9 + length);
        Some(Frame { kind, flags, stream, content })
    }

    /// The next frame of a kind; those before it are skipped.
    pub(super) async fn next(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.frame().await.unwrap_or_else(|| panic!("no frame of kind {kind} came"));
            if frame.kind == kind && !(kind == SETTINGS && frame.flags == ACK) {
                return frame;
            }
        }
    }

    /// All frames until the end, which must come.
    pub(super) async fn rest(&mut self) -> Vec<Frame> {
        let mut all = Vec::new();
        while let Some(frame) = self.frame().await {
            all.push(frame);
        }
        all
    }
}
