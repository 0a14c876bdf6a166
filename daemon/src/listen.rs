//! Listeners: the supervisor's if it handed one down, else our own.

use std::{collections::BTreeMap, net::SocketAddr, net::TcpListener as StdListener};

use tokio::net::TcpListener;

use crate::{
    failure::{Failure, OrFail as _},
    pulse::Pulse,
};

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
