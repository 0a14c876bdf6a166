//! `doors`: the public listeners. Bound once, kept for the supervisor's life, and handed down to each new process of
//! their box: so a port survives the death of its box, and connections that were waiting are served by the next.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsFd as _, BorrowedFd},
    thread,
    time::{Duration, Instant},
};

use daemon::Failure;
use socket2::{Domain, Protocol, Socket, Type};

use crate::table::Door;

/// Connections that may wait to be accepted, also while the box is being restarted; the kernel may allow fewer.
const BACKLOG: i32 = 4_096;
/// The boxes of a supervisor that was killed end within milliseconds, and hold the address until then.
const PREDECESSOR_WAIT: Duration = Duration::from_secs(2);
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A listener that is open.
#[derive(Debug)]
pub struct OpenDoor {
    /// What it is for.
    pub purpose: &'static str,
    /// The address in use: the chosen port, where the configuration said 0.
    pub address: SocketAddr,
    listener: TcpListener,
}

impl OpenDoor {
    /// For the child that inherits it.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

/// Binds one listener, waiting a moment for a predecessor to let go of the address. Blocks the thread: for boot.
///
/// # Errors
///
/// When the address cannot be bound; the text names the key to change.
pub fn open(door: &Door) -> Result<OpenDoor, Failure> {
    let end = Instant::now() + PREDECESSOR_WAIT;
    loop {
        match bind(door.address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < end => {
                thread::sleep(BETWEEN_TRIES);
            }
            bound => return bound.and_then(|listener| opened(door, listener)).map_err(|error| refused(door, error)),
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn opened(door: &Door, listener: TcpListener) -> io::Result<OpenDoor> {
    Ok(OpenDoor { purpose: door.purpose, address: listener.local_addr()?, listener })
}

fn refused(door: &Door, error: io::Error) -> Failure {
    let Door { address, key, .. } = door;
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: stop it, or set another address or port 0",
        io::ErrorKind::PermissionDenied => "a port below 1024 needs a privilege: set a higher one",
        _ => "set an address of this machine",
    };
    Failure::failed(format!("cannot listen on {address} ({key}); {advice}")).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(address: SocketAddr) -> Door {
        Door { purpose: "http", address, key: "[http-front] listen" }
    }

    #[test]
    fn port_0_becomes_a_port() {
        let open = open(&door("127.0.0.1:0".parse().unwrap())).unwrap();
        assert_ne!(open.address.port(), 0);
        std::net::TcpStream::connect(open.address).unwrap();
    }

    #[test]
    fn an_address_in_use_is_refused_with_the_key_to_change() {
        let first = open(&door("127.0.0.1:0".parse().unwrap())).unwrap();
        let failure = open(&door(first.address)).unwrap_err().to_string();
        assert!(failure.contains("[http-front] listen") && failure.contains("port 0"), "{failure}");
    }
}
