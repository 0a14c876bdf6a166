//! How the outside world reaches the front: the reverse proxies that are believed, and the address by which the
//! server is known. Read from `rookery.toml`; used by `http-front`.

use std::{
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An address, or a network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// Text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address or network; expected one such as \"192.0.2.7\" or \"10.0.0.0/8\"")]
pub struct NoNetwork(String);

impl Network {
    /// Whether `address` is in it; an IPv4 address in IPv6's clothes is an IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let one = || text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        text.parse::<IpNet>()
            .map(|network| network.trunc())
            .or_else(|_| one())
            .map(Self)
            .map_err(|_| NoNetwork(text.to_owned()))
    }
}

impl TryFrom<String> for Network {
    type Error = NoNetwork;

    fn try_from(text: String) -> Result<Self, NoNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.0.to_string()
    }
}

/// An absolute address that a server is known by, without a slash at the end: `https://comments.example.org`. Only bytes
/// that mean the same in HTML, XML and a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicAddress(String);

/// Text that no server is known by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address of a server; expected one such as \"https://comments.example.org\", or \"\" for none")]
pub struct NoPublicAddress(String);

impl PublicAddress {
    /// None: links follow the address that each visitor used.
    pub const UNSET: Self = Self(String::new());

    /// The address; none when it was left open.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

impl TryFrom<String> for PublicAddress {
    type Error = NoPublicAddress;

    fn try_from(text: String) -> Result<Self, NoPublicAddress> {
        if text.is_empty() {
            return Ok(Self::UNSET);
        }
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let (authority, path) = rest.map_or(("", ""), |rest| rest.split_at(rest.find('/').unwrap_or(rest.len())));
        let may = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%/".contains(&byte);
        match is_authority(authority) && path.bytes().all(may) {
            true => Ok(Self(text.trim_end_matches('/').to_owned())),
            false => Err(NoPublicAddress(text)),
        }
    }
}

impl From<PublicAddress> for String {
    fn from(address: PublicAddress) -> Self {
        address.0
    }
}

/// Whether this is a host and perhaps a port, and nothing that could end an attribute, begin a path or name a user.
#[must_use]
pub fn is_authority(text: &str) -> bool {
    let (is_host, rest) = match text.strip_prefix('[').map(|inner| inner.split_once(']')) {
        Some(Some((address, rest))) => (address.parse::<Ipv6Addr>().is_ok(), rest),
        Some(None) => return false,
        None => {
            let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            (is_name(name), rest)
        }
    };
    is_host && is_port(rest)
}

/// Nothing, or a colon and perhaps a number: RFC 3986 lets it be empty.
fn is_port(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(':') else { return text.is_empty() };
    digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.is_empty() || digits.parse::<u16>().is_ok())
}

/// A name of the DNS, an IPv4 address, or a local name with underscores.
fn is_name(name: &str) -> bool {
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !name.is_empty() && name.len() <= 253 && name.bytes().all(may)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_an_address_or_a_cidr() {
        for (text, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
            ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
            ("::ffff:192.0.2.7", "192.0.2.7", "::1"),
        ] {
            let network: Network = text.parse().unwrap();
            assert!(network.contains(ip(inside)), "{text} has {inside}");
            assert!(!network.contains(ip(outside)), "{text} has not {outside}");
        }
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "1.2.3.4:80"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_address_is_absolute_and_can_stand_anywhere() {
        for (text, kept) in [
            ("https://comments.example.org", Some("https://comments.example.org")),
            ("https://comments.example.org/", Some("https://comments.example.org")),
            ("http://[2001:db8::1]:8780/talk/", Some("http://[2001:db8::1]:8780/talk")),
            ("", None),
        ] {
            assert_eq!(PublicAddress::try_from(text.to_owned()).unwrap().get(), kept, "{text}");
        }
        for text in [
            "comments.example.org",
            "ftp://x",
            "https://",
            "https://u@x",
            "https://x/?q",
            "https://x/\"",
            "https://x:99999",
        ] {
            assert!(PublicAddress::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for good in ["x", "x:80", "example.org", "192.0.2.7:1", "[::1]", "[::1]:8780", "my_host", "x:"] {
            assert!(is_authority(good), "{good}");
        }
        for bad in
            ["", ":80", "x:y", "x:-1", "x y", "x/y", "u@x", "[::1", "::1", "[x]", "[::1]80", "<x>", "x\"", "x:123456"]
        {
            assert!(!is_authority(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_an_authority_can_break_out_of_an_attribute(text in "\\PC{0,40}") {
            if is_authority(&text) {
                prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte)));
            }
        }
    }
}
