//! A load generator: keep-alive connections, each with one request at a time, on one thread, with as little work per
//! request as HTTP/1.1 allows, because it shares the processors with what it measures.

use std::{
    cell::RefCell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
};

/// What a run showed.
#[derive(Debug, Default)]
pub struct Load {
    /// Answers with a status of 2xx or 3xx.
    pub good: usize,
    /// All others.
    pub bad: usize,
    /// How long it took.
    pub seconds: f64,
    latencies_us: Vec<u32>,
}

impl Load {
    /// Good answers per second.
    pub fn rate(&self) -> f64 {
        self.good as f64 / self.seconds
    }

    /// A percentile of the time to answer, in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(f64::NAN, |&us| f64::from(us) / 1_000.0)
    }

    /// Rate, percentiles and failures in words.
    pub fn words(&self) -> String {
        let bad = if self.bad == 0 { String::new() } else { format!(", {} FAILED", self.bad) };
        let (p50, p99) = (self.percentile_ms(50), self.percentile_ms(99));
        format!("{}/s (p50 {p50:.2} ms, p99 {p99:.2} ms{bad})", crate::row::round(self.rate()))
    }
}

/// A GET as bytes.
pub fn get(path: &str, accept: &str) -> Bytes {
    request(path, &[("Accept", accept)])
}

/// A GET with any headers as bytes.
pub fn request(path: &str, headers: &[(&str, &str)]) -> Bytes {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    Bytes::from(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n"))
}

/// A POST as bytes.
pub fn post(path: &str, body: &[u8]) -> Bytes {
    let head = format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat().into()
}

/// Sends requests over so many connections until there are no more or the time is over.
pub fn run(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    next: impl FnMut() -> Option<Bytes> + 'static,
) -> Load {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let next = Rc::new(RefCell::new(next));
    LocalSet::new().block_on(&runtime, async {
        let began = Instant::now();
        let clients: Vec<_> = (0..connections)
            .map(|_| tokio::task::spawn_local(client(address, began + time, Rc::clone(&next))))
            .collect();
        let mut all = Load::default();
        for client in clients {
            let one = client.await.expect("a client does not panic");
            all.good += one.good;
            all.bad += one.bad;
            all.latencies_us.extend(one.latencies_us);
        }
        all.seconds = began.elapsed().as_secs_f64();
        all
    })
}

async fn client(address: SocketAddr, end: Instant, next: Rc<RefCell<impl FnMut() -> Option<Bytes>>>) -> Load {
    let mut load = Load::default();
    let mut stream = TcpStream::connect(address).await.expect("the server accepts");
    stream.set_nodelay(true).expect("a TCP socket");
    let mut buffer = Vec::with_capacity(64 * 1024);
    while Instant::now() < end {
        let Some(request) = (next.borrow_mut())() else { break };
        let began = Instant::now();
        match exchange(&mut stream, &request, &mut buffer).await {
            Some(status) if (200..400).contains(&status) => load.good += 1,
            Some(_) => load.bad += 1,
            None => {
                load.bad += 1;
                stream = TcpStream::connect(address).await.expect("the server accepts");
            }
        }
        load.latencies_us.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    load
}

/// One request and its answer; its status.
pub async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Option<u16> {
    stream.write_all(request).await.ok()?;
    buffer.clear();
    let head = loop {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let status = std::str::from_utf8(buffer.get(9..12)?).ok()?.parse().ok()?;
    let end = end(&buffer[..head])?;
    while !end.is_reached(&buffer[head..]) {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(status)
}

/// How the end of a body is known.
enum End {
    /// By its length.
    After(usize),
    /// By an empty chunk, without trailers.
    EmptyChunk,
}

impl End {
    fn is_reached(&self, body: &[u8]) -> bool {
        match self {
            Self::After(bytes) => body.len() >= *bytes,
            Self::EmptyChunk => body.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

fn end(head: &[u8]) -> Option<End> {
    if value(head, b"transfer-encoding: ").is_some() {
        return Some(End::EmptyChunk);
    }
    let Some(digits) = value(head, b"content-length: ") else { return Some(End::After(0)) };
    Some(End::After(std::str::from_utf8(digits).ok()?.parse().ok()?))
}

fn value<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let begin = head.windows(name.len()).position(|other| other.eq_ignore_ascii_case(name))?;
    head[begin + name.len()..].split(|&byte| byte == b'\r').next()
}
