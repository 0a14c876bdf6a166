//! One connection to a server, with an end to every wait. Asked by `upload` and `download`.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    os::fd::AsFd as _,
    thread,
    time::{Duration, Instant},
};

use ingest_server::wire::{Answer, Fingerprint, LINE_BYTES, TLS_LINE, Token, UploadId, read_from, resume_line};
use rustls::{ClientConnection, Stream};

use crate::{args::Check, pinned, refusal::Refusal};

/// How often the system is asked whether everything has arrived.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Where a server is, and how patient to be with it.
#[derive(Debug, Clone)]
pub struct Server {
    /// A name or an address.
    pub host: String,
    /// Where it takes files.
    pub upload_port: u16,
    /// Where it gives them back.
    pub download_port: u16,
    /// How often to try again.
    pub retries: u32,
    /// The longest wait for a connection, and for the greeting.
    pub connect_wait: Duration,
    /// The longest wait for a byte to move.
    pub idle_wait: Duration,
    /// The longest wait for the CID after everything was sent.
    pub answer_wait: Duration,
    /// The longest that one try may take; none for any time.
    pub total_wait: Option<Duration>,
    /// Whether the server is believed.
    pub check: Check,
    /// The certificate that it has to show; none: nothing is encrypted.
    pub tls: Option<Fingerprint>,
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    address: String,
    idle_wait: Duration,
    begun: Instant,
    total_wait: Option<Duration>,
    moved_bytes: u64,
}

impl Link {
    /// Connects to any of the addresses that the host has.
    ///
    /// # Errors
    ///
    /// `Unreachable` when none of them answers in time.
    pub fn connect(server: &Server, port: u16) -> Result<Self, Refusal> {
        let address = format!("{}:{port}", server.host);
        let stream = connect(server, port).map_err(|cause| Refusal::Unreachable { address: address.clone(), cause })?;
        // What ends a file has to leave at once, in a segment of its own.
        let _ = stream.set_nodelay(true);
        let (idle_wait, total_wait) = (server.idle_wait, server.total_wait);
        Ok(Self { stream, tls: None, address, idle_wait, begun: Instant::now(), total_wait, moved_bytes: 0 })
    }

    /// The token that the server begins with, as the original clients read it: all of one segment.
    ///
    /// # Errors
    ///
    /// When none comes in time, or something else does.
    pub fn greeting(&mut self, wait: Duration) -> Result<Token, Refusal> {
        let mut segment = [0; LINE_BYTES];
        match self.read_within(&mut segment, wait) {
            Ok(0) => Err(self.broken(ErrorKind::UnexpectedEof.into())),
            Ok(count) => Ok(Token::read(&segment[..count])?),
            Err(Refusal::Idle { .. }) => Err(Refusal::Silent { address: self.address.clone(), waited: wait }),
            Err(refusal) => Err(refusal),
        }
    }

    /// Goes on within TLS, if that is wanted. `asking` is how the server is asked for it.
    ///
    /// # Errors
    ///
    /// When the server does not offer it, or is not the one that is wanted: nothing of a file was sent then.
    pub fn secure(&mut self, wanted: Option<Fingerprint>, asking: &str) -> Result<(), Refusal> {
        let Some(fingerprint) = wanted else { return Ok(()) };
        self.send(asking.as_bytes(), |_| {})?;
        match self.line(self.idle_wait)? {
            line if line == TLS_LINE.as_bytes() => {}
            line => {
                return Err(match Answer::read(&line) {
                    Ok(Answer::Refused(why)) => Refusal::Refused(why),
                    _ => Refusal::NoTls,
                });
            }
        }
        let mut tls = Box::new(pinned::client(fingerprint).map_err(Refusal::Tls)?);
        self.bound(self.idle_wait)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut self.stream).map_err(|cause| match cause.downcast::<rustls::Error>() {
                Ok(error) => Refusal::Tls(error),
                Err(cause) if has_waited(&cause) => self.idle(self.idle_wait),
                Err(cause) => self.broken(cause),
            })?;
        }
        self.tls = Some(tls);
        Ok(())
    }

    fn bound(&self, wait: Duration) -> Result<(), Refusal> {
        let wait = Some(self.patience(wait)?);
        let set = self.stream.set_read_timeout(wait).and_then(|()| self.stream.set_write_timeout(wait));
        set.map_err(|cause| self.broken(cause))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.stream.write(bytes),
            Some(tls) => {
                let mut stream = Stream::new(tls.as_mut(), &mut self.stream);
                let taken = stream.write(bytes)?;
                // What ends a file has to leave at once.
                if taken == bytes.len() {
                    stream.flush()?;
                }
                Ok(taken)
            }
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.stream.read(into),
            Some(tls) => Stream::new(tls.as_mut(), &mut self.stream).read(into),
        }
    }

    /// Names the upload, and learns how many bytes of it the server has already.
    ///
    /// # Errors
    ///
    /// When it does not say.
    pub fn resume(&mut self, token: &Token, id: UploadId) -> Result<u64, Refusal> {
        self.send(resume_line(token, id).as_bytes(), |_| {})?;
        let line = self.line(self.idle_wait)?;
        match read_from(&line) {
            Some(there) => Ok(there),
            None if line.is_empty() => Err(self.broken(ErrorKind::UnexpectedEof.into())),
            None => match Answer::read(&line)? {
                Answer::Refused(why) => Err(Refusal::Refused(why)),
                Answer::Kept(cid) => {
                    Err(Refusal::Refused(format!("it answered {cid} before the beginning of the file")))
                }
            },
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// When not one of them leaves for too long, or the server is gone; with its words if it left any.
    pub fn send(&mut self, mut bytes: &[u8], mut moved: impl FnMut(u64)) -> Result<(), Refusal> {
        while !bytes.is_empty() {
            self.bound(self.idle_wait)?;
            match self.write(bytes) {
                Ok(count) => {
                    bytes = &bytes[count..];
                    self.moved_bytes += count as u64;
                    moved(count as u64);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if has_waited(&error) => return Err(self.idle(self.idle_wait)),
                Err(cause) => return Err(self.last_words().unwrap_or_else(|| self.broken(cause))),
            }
        }
        Ok(())
    }

    /// Reads what has come; 0 at the end.
    ///
    /// # Errors
    ///
    /// When nothing comes for too long, or the connection breaks.
    pub fn receive(&mut self, into: &mut [u8]) -> Result<usize, Refusal> {
        self.read_within(into, self.idle_wait)
    }

    /// Looks whether the server still listens, without waiting.
    ///
    /// # Errors
    ///
    /// When it has spoken although it was not asked yet: it refused the file, and this is why. When it has gone.
    pub fn check(&mut self) -> Result<(), Refusal> {
        let seen = self.stream.set_nonblocking(true).and_then(|()| {
            let seen = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false).and(seen)
        });
        match seen {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(cause) => Err(self.broken(cause)),
            Ok(_) => Err(self.last_words().unwrap_or_else(|| self.broken(ErrorKind::UnexpectedEof.into()))),
        }
    }

    /// The line that ends an upload.
    ///
    /// # Errors
    ///
    /// When none comes in time, or it is no answer.
    pub fn answer(&mut self, wait: Duration) -> Result<Answer, Refusal> {
        match self.line(wait) {
            Ok(line) if line.is_empty() => Err(self.broken(ErrorKind::UnexpectedEof.into())),
            Ok(line) => Ok(Answer::read(&line)?),
            Err(Refusal::Idle { .. }) => Err(Refusal::NoAnswer(wait)),
            Err(refusal) => Err(refusal),
        }
    }

    /// Waits until the other system has everything, and then so long again for its program to take it.
    ///
    /// # Errors
    ///
    /// When it does not take it in time.
    pub fn settle(&mut self, gap: Duration) -> Result<(), Refusal> {
        let mut last = (u64::MAX, Instant::now());
        loop {
            // What a server that has gone did not take stays unsent for ever.
            self.check()?;
            let unsent = unsent_bytes(&self.stream).map_err(|cause| self.broken(cause))?;
            if unsent == 0 {
                thread::sleep(gap.min(self.patience(gap)?));
                return Ok(());
            }
            if unsent < last.0 {
                last = (unsent, Instant::now());
            }
            if last.1.elapsed() > self.idle_wait {
                return Err(self.idle(self.idle_wait));
            }
            thread::sleep(BETWEEN_LOOKS.min(self.patience(BETWEEN_LOOKS)?));
        }
    }

    fn line(&mut self, wait: Duration) -> Result<Vec<u8>, Refusal> {
        let end = Instant::now() + wait;
        let mut line = Vec::new();
        let mut segment = [0; LINE_BYTES];
        while line.len() <= LINE_BYTES && !line.contains(&b'\n') {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match self.read_within(&mut segment, left) {
                Ok(0) => break,
                Ok(count) => line.extend_from_slice(&segment[..count]),
                // The original server says nothing of the line's end when a client has hung up.
                Err(_) if !line.is_empty() => break,
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(line)
    }

    /// What the server said before it closed, if it did.
    fn last_words(&mut self) -> Option<Refusal> {
        let line = self.line(self.idle_wait.min(Duration::from_secs(1))).ok()?;
        match Answer::read(&line).ok()? {
            Answer::Refused(why) => Some(Refusal::Refused(why)),
            // A CID for a part of the file: not that of the file.
            Answer::Kept(cid) => Some(Refusal::Refused(format!("it answered {cid} before the end of the file"))),
        }
    }

    fn read_within(&mut self, into: &mut [u8], wait: Duration) -> Result<usize, Refusal> {
        let end = Instant::now() + wait;
        loop {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(self.patience(left)?)).map_err(|cause| self.broken(cause))?;
            match self.read(into) {
                Ok(count) => {
                    self.moved_bytes += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if has_waited(&error) && Instant::now() >= end => return Err(self.idle(wait)),
                Err(error) if has_waited(&error) => {}
                Err(cause) => return Err(self.broken(cause)),
            }
        }
    }

    /// How long the next step may take.
    fn patience(&self, wait: Duration) -> Result<Duration, Refusal> {
        let Some(total_wait) = self.total_wait else { return Ok(wait) };
        match total_wait.checked_sub(self.begun.elapsed()).filter(|left| !left.is_zero()) {
            Some(left) => Ok(wait.min(left)),
            None => Err(Refusal::Late(total_wait)),
        }
    }

    fn broken(&self, cause: io::Error) -> Refusal {
        Refusal::Broken { moved_bytes: self.moved_bytes, cause }
    }

    fn idle(&self, waited: Duration) -> Refusal {
        Refusal::Idle { moved_bytes: self.moved_bytes, waited }
    }
}

fn connect(server: &Server, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in (server.host.as_str(), port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, server.connect_wait) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn has_waited(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Bytes that the other system has not acknowledged.
fn unsent_bytes(stream: &TcpStream) -> io::Result<u64> {
    use rustix::ioctl::{Getter, Opcode, ioctl};
    /// `SIOCOUTQ`, which is `TIOCOUTQ`.
    const UNSENT: Opcode = 0x5411;
    // SAFETY: for a TCP socket this request writes one `int`, and that is what the getter has room for.
    let unsent = unsafe { ioctl(stream.as_fd(), Getter::<UNSENT, std::ffi::c_int>::new()) }?;
    Ok(unsent.unsigned_abs().into())
}
