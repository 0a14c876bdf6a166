//! Networks that are neither connected to nor accepted from. Written as Kubo writes them: `/ip4/10.0.0.0/ipcidr/8`.
//!
//! One list, shared by the transports (which refuse to connect), the gate (which refuses to accept) and the handle.

use std::{
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, PoisonError, RwLock},
};

use ipnet::IpNet;
use libp2p::{Multiaddr, multiaddr::Protocol};

/// A network of addresses: `/ip4/10.0.0.0/ipcidr/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Filter(IpNet);

/// The text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no filter; write /ip4/10.0.0.0/ipcidr/8 or /ip6/fd00::/ipcidr/8")]
pub struct FilterError(String);

impl From<IpNet> for Filter {
    fn from(network: IpNet) -> Self {
        Self(network)
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let wrong = || FilterError(text.to_owned());
        let parts: Vec<_> = text.split('/').collect();
        let ["", family, address, "ipcidr", bits] = parts[..] else { return Err(wrong()) };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        if address.is_ipv4() != (family == "ip4") || !matches!(family, "ip4" | "ip6") {
            return Err(wrong());
        }
        let network = IpNet::new(address, bits.parse().map_err(|_| wrong())?).map_err(|_| wrong())?;
        Ok(Self(network.trunc()))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = if self.0.addr().is_ipv4() { "ip4" } else { "ip6" };
        write!(f, "/{family}/{}/ipcidr/{}", self.0.addr(), self.0.prefix_len())
    }
}

/// The list that all look at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters(Arc<RwLock<Vec<Filter>>>);

impl Filters {
    pub(crate) fn new(filters: Vec<Filter>) -> Self {
        Self(Arc::new(RwLock::new(filters)))
    }

    pub(crate) fn list(&self) -> Vec<Filter> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn add(&self, filter: Filter) {
        let mut filters = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !filters.contains(&filter) {
            filters.push(filter);
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&self, filter: Filter) -> bool {
        let mut filters = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = filters.len();
        filters.retain(|kept| *kept != filter);
        filters.len() < before
    }

    /// Whether the address lies in a network of the list. A name of the DNS does not: its addresses are looked at later.
    pub(crate) fn refuse(&self, address: &Multiaddr) -> bool {
        let Some(address) = ip(address) else { return false };
        let filters = self.0.read().unwrap_or_else(PoisonError::into_inner);
        filters.iter().any(|filter| filter.0.contains(&address))
    }
}

/// The IP address with which a multiaddr begins. IPv4 within IPv6 is IPv4: a filter is not walked around that way.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_filter_reads_and_writes_as_kubo_does() {
        for text in ["/ip4/10.0.0.0/ipcidr/8", "/ip6/fd00::/ipcidr/8", "/ip4/192.0.2.7/ipcidr/32"] {
            assert_eq!(text.parse::<Filter>().unwrap().to_string(), text);
        }
        assert_eq!("/ip4/10.1.2.3/ipcidr/8".parse::<Filter>().unwrap().to_string(), "/ip4/10.0.0.0/ipcidr/8");
    }

    #[test]
    fn what_is_no_filter_is_told() {
        for text in ["", "/", "10.0.0.0/8", "/ip4/10.0.0.0/ipcidr/33", "/ip6/10.0.0.0/ipcidr/8", "/ip4/fd00::/ipcidr/8"]
        {
            assert!(text.parse::<Filter>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_in_the_list_is_refused_until_it_is_taken_off() {
        let filters = Filters::default();
        let network: Filter = "/ip4/10.0.0.0/ipcidr/8".parse().unwrap();
        filters.add(network);
        filters.add(network);
        assert!(filters.refuse(&address("/ip4/10.9.9.9/tcp/1")));
        assert!(filters.refuse(&address("/ip6/::ffff:10.9.9.9/tcp/1")));
        assert!(!filters.refuse(&address("/ip4/11.0.0.1/tcp/1")));
        assert!(!filters.refuse(&address("/dns4/example.org/tcp/1")));
        assert!(filters.remove(network));
        assert!(!filters.remove(network));
        assert!(!filters.refuse(&address("/ip4/10.9.9.9/tcp/1")));
    }
}
