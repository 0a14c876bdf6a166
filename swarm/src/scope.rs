//! Which addresses belong to which network: the public DHT never learns of loopback, the local one never of the world.

use std::net::IpAddr;

use libp2p::{Multiaddr, multiaddr::Protocol};

use crate::filters::ip;

/// Of which addresses a network knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All: a private network.
    All,
    /// Those that can be reached from everywhere.
    World,
    /// Those of this machine and of the local network.
    Local,
}

impl Scope {
    pub(crate) fn admits(self, address: &Multiaddr) -> bool {
        match self {
            Self::All => true,
            Self::World => reach(address) == Reach::World,
            Self::Local => reach(address) == Reach::Local,
        }
    }
}

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    World,
    Local,
    Nowhere,
}

fn reach(address: &Multiaddr) -> Reach {
    if let Some(ip) = ip(address) {
        return reach_of(ip);
    }
    match address.iter().next() {
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) | Protocol::Dnsaddr(name)) => {
            if is_local_name(&name) {
                Reach::Local
            } else {
                Reach::World
            }
        }
        _ => Reach::Nowhere,
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    [".local", ".localhost", ".internal", ".lan", ".home.arpa"].iter().any(|end| name.ends_with(end))
        || name == "localhost"
}

fn reach_of(ip: IpAddr) -> Reach {
    if ip.is_unspecified() || ip.is_multicast() {
        return Reach::Nowhere;
    }
    let local = match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && (ip.octets()[1] & 0b1100_0000) == 64;
            ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_documentation()
                || shared
                || ip.is_broadcast()
        }
        IpAddr::V6(ip) => {
            let documentation = ip.segments()[..2] == [0x2001, 0xdb8];
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || documentation
        }
    };
    if local { Reach::Local } else { Reach::World }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(scope: Scope, text: &str) -> bool {
        scope.admits(&text.parse().unwrap())
    }

    #[test]
    fn the_public_network_never_learns_a_local_address() {
        for local in [
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.1.1.1/tcp/1",
            "/ip4/192.168.0.1/udp/1/quic-v1",
            "/ip6/::1/tcp/1",
            "/ip6/fd00::1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip4/100.64.0.1/tcp/1",
            "/dns4/host.local/tcp/1",
            "/ip4/169.254.1.1/tcp/1",
        ] {
            assert!(!admits(Scope::World, local), "{local}");
            assert!(admits(Scope::Local, local), "{local}");
            assert!(admits(Scope::All, local), "{local}");
        }
    }

    #[test]
    fn the_local_network_keeps_to_itself() {
        for world in ["/ip4/8.8.8.8/tcp/1", "/ip6/2606:4700::1/udp/1/quic-v1", "/dns4/example.org/tcp/443/wss"] {
            assert!(admits(Scope::World, world), "{world}");
            assert!(!admits(Scope::Local, world), "{world}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_of_no_network() {
        for nowhere in ["/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/1", "/ip4/224.0.0.1/udp/1"] {
            assert!(!admits(Scope::World, nowhere) && !admits(Scope::Local, nowhere), "{nowhere}");
        }
    }
}
