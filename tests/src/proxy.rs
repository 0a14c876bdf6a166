//! A reverse proxy as operators put one before the front: it takes everybody's requests, says whom they are from and whom
//! they were meant for, and passes on what it does not understand, event streams too. One request a connection.

use std::{
    io::{self, BufRead as _, BufReader, Read, Write as _},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

/// No header of ours is longer.
const HEAD_BYTES: u64 = 64 * 1024;

/// A proxy, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    front: SocketAddr,
    /// From whom the next requests are, as far as the front is told.
    client: Mutex<IpAddr>,
    ended: AtomicBool,
}

impl Proxy {
    /// A proxy on loopback, whose client is `client` until told otherwise.
    ///
    /// # Panics
    ///
    /// When the system has no port left.
    #[must_use]
    pub fn before(front: SocketAddr, client: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let client = Mutex::new(client.parse().expect("an address"));
        let shared = Arc::new(Shared { front, client, ended: AtomicBool::new(false) });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for visitor in listener.incoming().take_while(|_| !own.ended.load(SeqCst)).flatten() {
                let shared = Arc::clone(&own);
                // A connection that breaks off is the visitor's, or the test's, business.
                thread::spawn(move || shared.pass_on(&visitor));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets the next connections be those of somebody else.
    ///
    /// # Panics
    ///
    /// When this is no address.
    pub fn serve(&self, client: &str) {
        let client = client.parse().expect("an address");
        *self.shared.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, SeqCst);
        // It waits for a visitor: here is one.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn pass_on(&self, visitor: &TcpStream) -> io::Result<()> {
        let mut from_visitor = BufReader::new(visitor.try_clone()?);
        let head = self.rewrite(&read_head(&mut from_visitor)?);
        let front = TcpStream::connect(self.front)?;
        (&front).write_all(head.as_bytes())?;
        let (mut to_front, stays) = (front.try_clone()?, visitor.try_clone()?);
        // What is left of the request goes one way, the answer the other, piece by piece.
        let body = thread::spawn(move || {
            let _ = io::copy(&mut from_visitor, &mut to_front);
            let _ = to_front.shutdown(Shutdown::Write);
        });
        let answered = io::copy(&mut &front, &mut &*visitor);
        let _ = stays.shutdown(Shutdown::Both);
        let _ = front.shutdown(Shutdown::Both);
        let _ = body.join();
        answered.map(drop)
    }

    /// The head as the front gets it: nginx' `proxy_set_header Host $proxy_host`, `X-Forwarded-For
    /// $proxy_add_x_forwarded_for`, `-Host $host`, `-Proto https`.
    fn rewrite(&self, head: &str) -> String {
        let mut lines = head.lines();
        let mut new = format!("{}\r\n", lines.next().unwrap_or_default());
        let (mut host, mut forwarded_for) = (String::new(), String::new());
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            match name.to_ascii_lowercase().as_str() {
                "host" => value.trim().clone_into(&mut host),
                "x-forwarded-for" => forwarded_for += &format!("{}, ", value.trim()),
                "connection" | "x-forwarded-host" | "x-forwarded-proto" => {}
                _ => new += &format!("{line}\r\n"),
            }
        }
        let client = *self.client.lock().unwrap_or_else(PoisonError::into_inner);
        new + &format!(
            "Host: {}\r\nConnection: close\r\nX-Forwarded-For: {forwarded_for}{client}\r\nX-Forwarded-Host: {host}\r\n\
             X-Forwarded-Proto: https\r\n\r\n",
            self.front
        )
    }
}

fn read_head(from: &mut BufReader<TcpStream>) -> io::Result<String> {
    let (mut head, mut limited) = (String::new(), from.by_ref().take(HEAD_BYTES));
    while !head.ends_with("\r\n\r\n") {
        if limited.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
