//! Somebody who reads live events as a browser does: he connects again when the stream ends, and says what he heard last.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use proto::Topic;
use serde_json::Value;

use crate::wait;

/// Longer than anything here takes, so that a test that hangs fails.
const DEADLINE: Duration = Duration::from_secs(30);

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// `state`, `reset`, `comment`, `edit` or `delete`.
    pub name: String,
    /// Where he is after it.
    pub id: String,
    /// What it says.
    pub data: Value,
}

impl Event {
    /// The arrival that it tells of.
    ///
    /// # Panics
    ///
    /// When it tells of none.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.data["seq"].as_u64().unwrap_or_else(|| panic!("an arrival should have a number: {self:?}"))
    }
}

/// Reads the events of one topic.
#[derive(Debug)]
pub struct LiveReader {
    address: SocketAddr,
    topic: Topic,
    stream: Option<BufReader<TcpStream>>,
    last_id: Option<String>,
    text: String,
    connections: u32,
}

impl LiveReader {
    /// Reads what happens from now on; he is in when this returns.
    ///
    /// # Panics
    ///
    /// When the front does not let him in.
    #[must_use]
    pub fn new(address: SocketAddr, topic: Topic) -> Self {
        Self::begin(address, topic, None)
    }

    /// Reads what happened after an event.
    ///
    /// # Panics
    ///
    /// When the front does not let him in.
    #[must_use]
    pub fn after(address: SocketAddr, topic: Topic, id: &str) -> Self {
        Self::begin(address, topic, Some(id.to_owned()))
    }

    fn begin(address: SocketAddr, topic: Topic, last_id: Option<String>) -> Self {
        let mut reader = Self { address, topic, stream: None, last_id, text: String::new(), connections: 0 };
        let state = reader.any();
        assert_eq!(state.name, "state");
        reader
    }

    /// How often he had to connect.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections
    }

    /// The next event that tells of an arrival, however often he has to connect for it.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    pub fn told(&mut self) -> Event {
        loop {
            let event = self.any();
            if event.name != "state" {
                return event;
            }
        }
    }

    /// The arrivals of the next events up to this one.
    ///
    /// # Panics
    ///
    /// When one does not come in time.
    pub fn until(&mut self, last: u64) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.last().is_none_or(|seq| *seq < last) {
            seqs.push(self.told().seq());
        }
        seqs
    }

    fn any(&mut self) -> Event {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = self.parsed(block);
                self.text = rest.to_owned();
                if let Some(event) = event {
                    self.last_id = Some(event.id.clone());
                    return event;
                }
            } else if let Err(cause) = self.read_more() {
                assert!(Instant::now() < end, "no event after {:?}: {cause}", self.last_id);
                // What had come of an event that did not come whole is told again.
                (self.stream, self.text) = (None, String::new());
            }
        }
    }

    fn parsed(&self, block: &str) -> Option<Event> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        let data = serde_json::from_str(field("data: ")?).unwrap_or_else(|error| panic!("{error}: {block}"));
        let id = field("id: ").map(str::to_owned).or_else(|| self.last_id.clone()).unwrap_or_default();
        Some(Event { name: field("event: ")?.to_owned(), id, data })
    }

    /// Reads one chunk.
    fn read_more(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            self.stream = Some(wait::within(DEADLINE, || self.connect().ok()).ok_or(io::ErrorKind::TimedOut)?);
            self.connections += 1;
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let length = usize::from_str_radix(line(stream)?.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.text.push_str(str::from_utf8(&chunk[..length]).map_err(io::Error::other)?);
        Ok(())
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let last_id = self.last_id.as_ref().map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let (topic, address) = (self.topic, self.address);
        write!(stream, "GET /{topic}/events HTTP/1.1\r\nHost: {address}\r\n{last_id}\r\n")?;
        let mut stream = BufReader::new(stream);
        let status = line(&mut stream)?;
        while !line(&mut stream)?.trim().is_empty() {}
        if status.starts_with("HTTP/1.1 200") { Ok(stream) } else { Err(io::Error::other(status)) }
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line),
    }
}

/// Does something while somebody reads in the background, and returns what he made of it.
///
/// # Panics
///
/// When he panics.
pub fn meanwhile<T: Send + 'static>(reads: impl FnOnce() -> T + Send + 'static, act: impl FnOnce()) -> T {
    let reading = thread::spawn(reads);
    act();
    reading.join().expect("the reader should be told everything")
}
