//! Which protocol a connection speaks: HTTP/2 begins with a line that no HTTP/1 request has, RFC 9113 section 3.4.
//!
//! The bytes are looked at where they are, in the kernel: whoever serves the connection reads them again.

use std::{io, time::Duration};

use rustix::net::RecvFlags;
use tokio::{io::Interest, net::TcpStream};

use super::refusal;
use crate::problem::Problem;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Waits until the client has said enough to tell; none when it did not in time: then it has been told so, if it had
/// begun to say something.
pub(crate) async fn hear(stream: &TcpStream, wait: Duration) -> Option<Protocol> {
    match tokio::time::timeout(wait, listen(stream)).await {
        Ok(heard) => heard.ok(),
        Err(_) => {
            if peek(stream, &mut [0; 1]).is_ok_and(|bytes| bytes > 0) {
                let _ = stream.try_write(&refusal::render(&Problem::header_too_slow(wait.as_millis())));
            }
            None
        }
    }
}

async fn listen(stream: &TcpStream) -> io::Result<Protocol> {
    loop {
        let ready = stream.ready(Interest::READABLE).await?;
        let mut first = [0; PREFACE.len()];
        let heard = stream.try_io(Interest::READABLE, || {
            let bytes = peek(stream, &mut first)?;
            match judge(&first[..bytes]) {
                Some(protocol) => Ok(protocol),
                // No more will come; what is there is no HTTP/2.
                None if bytes == 0 || ready.is_read_closed() => Ok(Protocol::Http1),
                // What is there stays there: only more of it is news.
                None => Err(io::ErrorKind::WouldBlock.into()),
            }
        });
        match heard {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            heard => return heard,
        }
    }
}

fn peek(stream: &TcpStream, into: &mut [u8]) -> io::Result<usize> {
    let (bytes, _) = rustix::net::recv(stream, into, RecvFlags::PEEK)?;
    Ok(bytes)
}

/// None: too early to say.
fn judge(first: &[u8]) -> Option<Protocol> {
    match PREFACE.strip_prefix(first) {
        Some([]) => Some(Protocol::Http2),
        Some(_) => None,
        None => Some(Protocol::Http1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_preface_is_http_2() {
        for end in 0..PREFACE.len() {
            assert_eq!(judge(&PREFACE[..end]), None);
        }
        assert_eq!(judge(PREFACE), Some(Protocol::Http2));
        for other in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PO", b"PRI * HTTP/1.1\r\n", b"\x16\x03\x01"] {
            assert_eq!(judge(other), Some(Protocol::Http1), "{other:?}");
        }
    }
}
