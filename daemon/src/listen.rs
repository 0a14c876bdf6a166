//! Listeners: the supervisor's if it handed one down, else our own; and how long to wait when one takes nobody in.
//!
//! Asked by every box that listens.

use std::{collections::BTreeMap, io, net::SocketAddr, net::TcpListener as StdListener, time::Duration};

use tokio::net::TcpListener;

use crate::{
    failure::{Failure, OrFail as _},
    pulse::Pulse,
    seldom::Seldom,
};

/// How long nobody is taken in when the system cannot give us another descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Connections that may wait to be accepted, also while the box is being restarted.
const BACKLOG: u32 = 4_096;

/// Opens the listener for a purpose, and lets the heartbeats tell its address. Needs a tokio runtime.
///
/// # Errors
///
/// When the address cannot be bound; the text names the key to change.
pub fn open(
    handed_down: &mut BTreeMap<String, StdListener>,
    pulse: &Pulse,
    purpose: &'static str,
    address: SocketAddr,
) -> Result<TcpListener, Failure> {
    let listener = match handed_down.remove(purpose) {
        Some(listener) => adopt(listener),
        None => bind(address),
    };
    let busy = format!("cannot listen on {address} for {purpose}; is it in use? choose another address, or port 0");
    let listener = listener.or_fail(busy)?;
    let address = listener.local_addr().or_fail("cannot read a listener's address")?;
    pulse.listens(purpose, address.to_string());
    Ok(listener)
}

/// How long to wait after an accept that failed; says so in the log, but not each time. A client that was gone before we came
/// to it is no reason to pause; without descriptors or memory, trying again at once would keep a processor busy for nothing.
pub fn pause_after(error: &io::Error) -> Duration {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    static FAILED: Seldom = Seldom::new();
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return Duration::ZERO;
    }
    if let Some(left_out) = FAILED.pass() {
        tracing::warn!(cause = %error, left_out, "no connection could be taken in");
    }
    PAUSE
}

fn adopt(listener: StdListener) -> std::io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    use tokio::net::TcpSocket;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lasts_is_a_reason_to_pause() {
        let without_descriptors = io::Error::from_raw_os_error(24);
        assert_eq!(pause_after(&without_descriptors), PAUSE);
        assert_eq!(pause_after(&io::ErrorKind::ConnectionAborted.into()), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_listener_that_was_handed_down_is_used() {
        let ours = StdListener::bind("127.0.0.1:0").unwrap();
        let address = ours.local_addr().unwrap();
        let mut handed_down = BTreeMap::from([("http".to_owned(), ours)]);
        let pulse = Pulse::new(None);
        let anywhere = "127.0.0.1:0".parse().unwrap();
        assert_eq!(open(&mut handed_down, &pulse, "http", anywhere).unwrap().local_addr().unwrap(), address);
        assert_ne!(open(&mut handed_down, &pulse, "http", anywhere).unwrap().local_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let first = StdListener::bind("127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap();
        let failure = open(&mut BTreeMap::new(), &Pulse::new(None), "http", address).unwrap_err();
        assert!(failure.to_string().contains(&address.to_string()), "{failure}");
    }
}
