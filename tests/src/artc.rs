//! The original ARTC clients, as they behave on the wire: one `recv(1024)` for the token, the file, the marker behind it,
//! no half-close, and one `recv(1024)` for the answer.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What stands before the token in the marker.
pub const END: &str = "This is the end of the file: ";
/// What a client calls itself when it wants a file.
const OWN_TOKEN: &str = "0.7236459021837465";
/// No answer of ours may take longer, while other boxes are killed.
const DEADLINE: Duration = Duration::from_secs(120);

/// `http_client.py`, in steps.
#[derive(Debug)]
pub struct Uploader {
    stream: TcpStream,
    token: String,
}

impl Uploader {
    /// Connects, and takes what the first read gives for the token.
    ///
    /// # Errors
    ///
    /// When nobody greets.
    pub fn connect(server: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let mut greeting = [0; 1024];
        let count = stream.read(&mut greeting)?;
        let token = String::from_utf8(greeting[..count].to_vec()).map_err(io::Error::other)?;
        Ok(Self { stream, token })
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a part of the file.
    ///
    /// # Errors
    ///
    /// When the server is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends the marker.
    ///
    /// # Errors
    ///
    /// When the server is gone.
    pub fn end(&mut self) -> io::Result<()> {
        self.stream.write_all(format!("{END}{}", self.token).as_bytes())
    }

    /// What the client prints behind `Hash: `.
    ///
    /// # Errors
    ///
    /// When the server is gone.
    pub fn hash(&mut self) -> io::Result<String> {
        let mut line = [0; 1024];
        let count = self.stream.read(&mut line)?;
        String::from_utf8(line[..count].to_vec()).map_err(io::Error::other)
    }

    /// The connection, for what no original client does.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// Uploads a file in pieces of this size, and returns what the client prints behind `Hash: `.
///
/// # Panics
///
/// When the server is gone.
#[must_use]
pub fn upload(server: SocketAddr, file: &[u8], piece_bytes: usize) -> String {
    let mut client = Uploader::connect(server).expect("a greeting");
    for piece in file.chunks(piece_bytes) {
        client.send(piece).expect("the server reads");
    }
    client.end().expect("the server reads");
    client.hash().expect("the server answers")
}

/// `http_get_file_client.py`: asks in one send, reads until the marker; what came without it is an error.
///
/// # Errors
///
/// What came, when no marker did.
pub fn download(server: SocketAddr, cid: &str) -> Result<Vec<u8>, Vec<u8>> {
    let mut stream = TcpStream::connect(server).expect("the server listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time limit");
    stream.write_all(format!("{OWN_TOKEN} {cid}").as_bytes()).expect("the server reads");
    let mut came = Vec::new();
    // A reset behind the last byte is no failure of the file's.
    let _ = stream.read_to_end(&mut came);
    match came.strip_suffix(format!("{END}{OWN_TOKEN}").as_bytes()) {
        Some(file) => Ok(file.to_vec()),
        None => Err(came),
    }
}
