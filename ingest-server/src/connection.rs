//! A client's connection: as it is, or within TLS once the client has asked for that.
//!
//! Asked by uploads and downloads. Holds, within TLS, a record or two.

use std::{
    io::{self, Read, Write},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use rustls::{ServerConfig, ServerConnection};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A client that has been told all gets so long to take it and to close, or to stop sending: closing a connection with
/// bytes that nobody has read is a reset, which can overtake the last line.
const LINGER: Duration = Duration::from_secs(5);
/// Of what comes meanwhile.
const DISCARD_BYTES: usize = 16 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    tls: Option<Box<ServerConnection>>,
}

impl Connection {
    /// One that is as it is.
    #[must_use]
    pub fn plain(stream: TcpStream) -> Self {
        Self { stream, tls: None }
    }

    /// Goes on within TLS. `first` is what has come of that already.
    ///
    /// # Errors
    ///
    /// When the client does not know how, or ends.
    pub async fn secure(&mut self, config: Arc<ServerConfig>, first: &[u8]) -> io::Result<()> {
        let mut tls = Box::new(ServerConnection::new(config).map_err(io::Error::other)?);
        take_records(&mut tls, &mut &first[..])?;
        while tls.is_handshaking() {
            flush(&mut tls, &self.stream).await?;
            if !tls.is_handshaking() {
                break;
            }
            self.stream.readable().await?;
            match tls.read_tls(&mut Ready(&self.stream)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            if let Err(error) = tls.process_new_packets() {
                // So that the client learns why.
                let _ = flush(&mut tls, &self.stream).await;
                return Err(invalid(error));
            }
        }
        flush(&mut tls, &self.stream).await?;
        self.tls = Some(tls);
        Ok(())
    }

    /// Waits until something has come, or the client has ended.
    ///
    /// # Errors
    ///
    /// When the connection has broken.
    pub async fn readable(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls
            && unread_bytes(tls)? > 0
        {
            return Ok(());
        }
        self.stream.readable().await
    }

    /// The bytes that are there already, up to so many; none when there were none after all.
    ///
    /// # Errors
    ///
    /// Of kind `UnexpectedEof` when there will be no more.
    pub fn take_ready(&mut self, most_bytes: usize) -> io::Result<Option<Bytes>> {
        let Some(tls) = &mut self.tls else { return take_plain(&self.stream, most_bytes) };
        if unread_bytes(tls)? == 0 {
            match tls.read_tls(&mut Ready(&self.stream)) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                read => read.map(drop)?,
            }
        }
        let state = tls.process_new_packets().map_err(invalid)?;
        let ready = state.plaintext_bytes_to_read().min(most_bytes);
        if ready == 0 && state.peer_has_closed() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut piece = BytesMut::zeroed(ready);
        tls.reader().read_exact(&mut piece)?;
        Ok(Some(piece.freeze()).filter(|piece| !piece.is_empty()))
    }

    /// Waits until the client takes something.
    ///
    /// # Errors
    ///
    /// When the connection has broken.
    pub async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }

    /// Sends as much as the client takes now.
    ///
    /// # Errors
    ///
    /// Of kind `WouldBlock` when it takes nothing.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.try_write(bytes) };
        write_records(tls, &self.stream)?;
        let taken = tls.writer().write(bytes)?;
        match write_records(tls, &self.stream) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Sends all of it: one segment, if it is short.
    ///
    /// # Errors
    ///
    /// When the connection has broken.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.stream.write_all(bytes).await };
        while !bytes.is_empty() {
            let taken = tls.writer().write(bytes)?;
            bytes = &bytes[taken..];
            flush(tls, &self.stream).await?;
        }
        flush(tls, &self.stream).await
    }

    /// Says the last words and lets go: what the client still sends is taken for a while, and counted unless it is
    /// encrypted.
    pub async fn part(mut self, last_words: &[u8]) -> u64 {
        let mut after_bytes = 0;
        let is_plain = self.tls.is_none();
        let parting = async {
            self.write_all(last_words).await?;
            if let Some(tls) = &mut self.tls {
                tls.send_close_notify();
                flush(tls, &self.stream).await?;
            }
            self.stream.shutdown().await?;
            let mut discarded = Vec::with_capacity(DISCARD_BYTES);
            while self.stream.read_buf(&mut discarded).await? > 0 {
                after_bytes += if is_plain { discarded.len() as u64 } else { 0 };
                discarded.clear();
            }
            io::Result::Ok(())
        };
        // Whether the client was there to the end makes no difference now.
        let _ = timeout(LINGER, parting).await;
        after_bytes
    }
}

/// A socket as `rustls` reads and writes it: what would wait says so.
struct Ready<'a>(&'a TcpStream);

impl Read for Ready<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Ready<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn take_plain(stream: &TcpStream, most_bytes: usize) -> io::Result<Option<Bytes>> {
    // As much memory as there are bytes: a client that sends one at a time must not cost more.
    let ready = rustix::io::ioctl_fionread(stream)?;
    let ready = usize::try_from(ready).unwrap_or(usize::MAX).clamp(1, most_bytes);
    let mut piece = BytesMut::with_capacity(ready);
    match stream.try_read_buf(&mut piece) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(Some(piece.freeze())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn take_records(tls: &mut ServerConnection, from: &mut &[u8]) -> io::Result<()> {
    while !from.is_empty() {
        tls.read_tls(from)?;
        tls.process_new_packets().map_err(invalid)?;
    }
    Ok(())
}

fn unread_bytes(tls: &mut ServerConnection) -> io::Result<usize> {
    tls.process_new_packets().map(|state| state.plaintext_bytes_to_read()).map_err(invalid)
}

fn write_records(tls: &mut ServerConnection, stream: &TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(&mut Ready(stream))?;
    }
    Ok(())
}

async fn flush(tls: &mut ServerConnection, stream: &TcpStream) -> io::Result<()> {
    loop {
        match write_records(tls, stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            done => return done,
        }
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
