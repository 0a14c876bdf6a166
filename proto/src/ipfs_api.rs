//! Where the HTTP API of an IPFS daemon or of a Cluster is, as the configuration has it: a URL or a multiaddr.
//!
//! Read from `rookery.toml`; used by `ipfs-shim`, and shown to the operator.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

/// A host, as address or name, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiAddress {
    host: String,
    port: u16,
}

/// Text that is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {why}; expected one such as \"http://192.0.2.7:5001\" or \"/dns4/ipfs.example.org/tcp/5001\"")]
pub struct NoApiAddress {
    text: String,
    why: &'static str,
}

impl ApiAddress {
    /// The name or address of the machine, an IPv6 one without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, as it stands in a URL and in the header `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) => format!("[{ip}]:{}", self.port),
            _ => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for ApiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority())
    }
}

impl From<ApiAddress> for String {
    fn from(address: ApiAddress) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for ApiAddress {
    type Error = NoApiAddress;

    fn try_from(text: String) -> Result<Self, NoApiAddress> {
        let read = if text.starts_with('/') { from_multiaddr(&text) } else { from_url(&text) };
        read.map_err(|why| NoApiAddress { text, why })
    }
}

/// `http://192.0.2.7:5001`, perhaps with a slash behind it.
fn from_url(text: &str) -> Result<ApiAddress, &'static str> {
    if text.starts_with("https://") {
        return Err("is encrypted HTTP, which is not spoken here: put a tunnel or a proxy of your own in between");
    }
    let rest = text.strip_prefix("http://").ok_or("is neither a URL nor a multiaddr")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = authority.rsplit_once(':').ok_or("has no port")?;
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if inner.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_err()) {
        return Err("has brackets around what is no IPv6 address");
    }
    made(inner.unwrap_or(host), port)
}

/// `/ip4/192.0.2.7/tcp/5001`, perhaps with `/http` behind it.
fn from_multiaddr(text: &str) -> Result<ApiAddress, &'static str> {
    let parts: Vec<_> = text.split('/').skip(1).collect();
    match parts[..] {
        ["ip4", host, "tcp", port] | ["ip4", host, "tcp", port, "http"] => match host.parse::<std::net::Ipv4Addr>() {
            Ok(_) => made(host, port),
            Err(_) => Err("has no IPv4 address behind `/ip4`"),
        },
        ["ip6", host, "tcp", port] | ["ip6", host, "tcp", port, "http"] => match host.parse::<std::net::Ipv6Addr>() {
            Ok(_) => made(host, port),
            Err(_) => Err("has no IPv6 address behind `/ip6`"),
        },
        ["dns" | "dns4" | "dns6", host, "tcp", port] | ["dns" | "dns4" | "dns6", host, "tcp", port, "http"] => {
            made(host, port)
        }
        _ => Err("is no multiaddr of an HTTP API"),
    }
}

fn made(host: &str, port: &str) -> Result<ApiAddress, &'static str> {
    let port = port.parse().ok().filter(|&port| port > 0).ok_or("has no port from 1 to 65535")?;
    let is_ip = host.parse::<IpAddr>().is_ok();
    let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_ip || is_name { Ok(ApiAddress { host: host.to_owned(), port }) } else { Err("has no host") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        let address = ApiAddress::try_from(text.to_owned());
        address.map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_and_multiaddrs_name_the_same_place() {
        for (text, same) in [
            ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
            ("http://ipfs.example.org:5001/", "http://ipfs.example.org:5001"),
            ("http://[::1]:5001", "http://[::1]:5001"),
            ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001"),
            ("/ip6/::1/tcp/5001/http", "http://[::1]:5001"),
            ("/dns4/ipfs/tcp/5001", "http://ipfs:5001"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(same), "{text}");
        }
    }

    #[test]
    fn anything_else_is_told_what_is_expected() {
        for text in [
            "",
            "127.0.0.1:5001",
            "http://127.0.0.1",
            "http://:5001",
            "http://127.0.0.1:0",
            "http://127.0.0.1:70000",
            "http://user:secret@host:5001",
            "http://[x]:1",
            "/ip4/x/tcp/1",
            "/ip4/127.0.0.1/udp/5001",
            "/unix/run/ipfs",
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains("expected one such as"), "{error}");
        }
        assert!(read("https://ipfs.example.org:5001").expect_err("no TLS").contains("tunnel"));
    }
}
