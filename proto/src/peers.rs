//! How `ipfs-node` meets other peers, as the configuration has it: where it listens, whom it knows, which DHT it is in,
//! what it announces.
//!
//! Read from `rookery.toml`; used by `ipfs-node`. Only the shape of an address is looked at here: what its parts mean is
//! known to the library that speaks with peers.

use serde::{Deserialize, Serialize};

/// An address of a peer as text, `/ip4/192.0.2.7/tcp/4001`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerAddress(String);

/// Text that is no address of a peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no address of a peer: {why}; expected one such as \"/ip4/192.0.2.7/tcp/4001\" or \
         \"/dns4/peer.example.org/udp/4001/quic-v1/p2p/12D3KooW…\""
)]
pub struct NoPeerAddress {
    text: String,
    why: String,
}

/// What stands behind the name of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    None,
    Ip4,
    Ip6,
    Port,
    Bits,
    Text,
}

/// The protocols that an address is made of.
const PROTOCOLS: &[(&str, Value)] = &[
    ("ip4", Value::Ip4),
    ("ip6", Value::Ip6),
    ("ip6zone", Value::Text),
    ("ipcidr", Value::Bits),
    ("dns", Value::Text),
    ("dns4", Value::Text),
    ("dns6", Value::Text),
    ("dnsaddr", Value::Text),
    ("tcp", Value::Port),
    ("udp", Value::Port),
    ("quic", Value::None),
    ("quic-v1", Value::None),
    ("webtransport", Value::None),
    ("webrtc-direct", Value::None),
    ("webrtc", Value::None),
    ("certhash", Value::Text),
    ("ws", Value::None),
    ("wss", Value::None),
    ("tls", Value::None),
    ("sni", Value::Text),
    ("noise", Value::None),
    ("http", Value::None),
    ("https", Value::None),
    ("p2p", Value::Text),
    ("ipfs", Value::Text),
    ("p2p-circuit", Value::None),
];

impl PeerAddress {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PeerAddress {
    type Error = NoPeerAddress;

    fn try_from(text: String) -> Result<Self, NoPeerAddress> {
        match check(&text) {
            Ok(()) => Ok(Self(text)),
            Err(why) => Err(NoPeerAddress { text, why }),
        }
    }
}

impl From<PeerAddress> for String {
    fn from(address: PeerAddress) -> Self {
        address.0
    }
}

fn check(text: &str) -> Result<(), String> {
    let Some(rest) = text.strip_prefix('/') else { return Err("it does not begin with `/`".to_owned()) };
    let mut parts = rest.split('/');
    while let Some(name) = parts.next() {
        let known = PROTOCOLS.iter().find(|(known, _)| *known == name);
        let (_, value) = known.ok_or_else(|| format!("`{name}` is no protocol"))?;
        if *value != Value::None && !parts.next().is_some_and(|given| fits(*value, given)) {
            return Err(format!("`/{name}` is followed by no {}", value.in_words()));
        }
    }
    Ok(())
}

fn fits(value: Value, given: &str) -> bool {
    match value {
        Value::None => true,
        Value::Ip4 => given.parse::<std::net::Ipv4Addr>().is_ok(),
        Value::Ip6 => given.parse::<std::net::Ipv6Addr>().is_ok(),
        Value::Port => given.parse::<u16>().is_ok(),
        Value::Bits => given.parse::<u8>().is_ok_and(|bits| bits <= 128),
        Value::Text => !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_graphic()),
    }
}

impl Value {
    const fn in_words(self) -> &'static str {
        match self {
            Self::None => "value",
            Self::Ip4 => "IPv4 address",
            Self::Ip6 => "IPv6 address",
            Self::Port => "port",
            Self::Bits => "length of a network's prefix",
            Self::Text => "name",
        }
    }
}

/// The networks in which peers and what they have are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DhtScope {
    /// None: peers are met by address only.
    Off,
    /// Peers of the local network, this machine's among them.
    Lan,
    /// The public one, and the local one beside it.
    Public,
    /// One of a private network, whose peers all say this prefix.
    Private(String),
}

/// Text that names no DHT.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no DHT; expected \"lan\", \"public\", \"off\", or the prefix of a private one such as \"/my-network\""
)]
pub struct NoDht(String);

/// A prefix of a private network is no longer than this.
const PREFIX_BYTES_MAX: usize = 64;

impl TryFrom<String> for DhtScope {
    type Error = NoDht;

    fn try_from(text: String) -> Result<Self, NoDht> {
        match text.as_str() {
            "off" => Ok(Self::Off),
            "lan" => Ok(Self::Lan),
            "public" => Ok(Self::Public),
            prefix if is_prefix(prefix) => Ok(Self::Private(text)),
            _ => Err(NoDht(text)),
        }
    }
}

fn is_prefix(text: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().all(may);
    text.len() <= PREFIX_BYTES_MAX && text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

impl From<DhtScope> for String {
    fn from(scope: DhtScope) -> Self {
        match scope {
            DhtScope::Off => "off".to_owned(),
            DhtScope::Lan => "lan".to_owned(),
            DhtScope::Public => "public".to_owned(),
            DhtScope::Private(prefix) => prefix,
        }
    }
}

/// What is announced in the DHT, so that peers who were never met find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provide {
    /// The roots of what is pinned.
    Roots,
    /// Every block of what is pinned.
    Pinned,
    /// Nothing.
    Off,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<PeerAddress, String> {
        PeerAddress::try_from(text.to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn addresses_of_peers_are_read_in_all_their_kinds() {
        for text in [
            "/ip4/127.0.0.1/tcp/4001",
            "/ip6/::1/udp/0/quic-v1",
            "/dns4/peer.example.org/tcp/443/wss/p2p/12D3KooWGzh2",
            "/ip4/127.0.0.1/tcp/4002/ws",
            "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
            "/ip4/10.0.0.0/ipcidr/8",
            "/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWGzh2/p2p-circuit",
        ] {
            assert_eq!(address(text).map(String::from).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for (text, why) in [
            ("127.0.0.1:4001", "does not begin with `/`"),
            ("", "does not begin with `/`"),
            ("/", "`` is no protocol"),
            ("/ip4/127.0.0.1/tcp/4001/", "`` is no protocol"),
            ("/ip4/localhost/tcp/4001", "`/ip4` is followed by no IPv4 address"),
            ("/ip4/127.0.0.1/tcp/70000", "`/tcp` is followed by no port"),
            ("/ip4/127.0.0.1/tcp", "`/tcp` is followed by no port"),
            ("/ip4/127.0.0.1/quick", "`quick` is no protocol"),
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains(why) && error.contains("expected one such as"), "{text}: {error}");
        }
    }

    #[test]
    fn a_dht_is_one_of_three_or_a_prefix() {
        let scope = |text: &str| DhtScope::try_from(text.to_owned());
        assert_eq!(scope("lan"), Ok(DhtScope::Lan));
        assert_eq!(scope("/my-network"), Ok(DhtScope::Private("/my-network".to_owned())));
        for wrong in ["", "wan", "/", "my-network", "/a//b", "/a b", "/ipfs/"] {
            assert!(scope(wrong).unwrap_err().to_string().contains("\"lan\", \"public\", \"off\""), "{wrong}");
        }
    }
}
