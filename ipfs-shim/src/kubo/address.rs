//! Where the IPFS daemon's RPC is: a daemon of this tree writes a multiaddr into a file when it is up, a remote one is where
//! the configuration says.
//!
//! The file stays after a kill, so it says where to look, never that somebody is there.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use hyper::header::HeaderValue;
use proto::ipfs_api::ApiAddress;

use super::error::RpcError;

/// A multiaddr has at most some hundred bytes; whatever is longer is another file.
const ADDRESS_BYTES: usize = 1_024;

/// Where a daemon is looked for.
#[derive(Debug, Clone)]
pub enum Place {
    /// Where it says in this file that it is.
    File(PathBuf),
    /// Where the configuration says, with what it asks for of those who call.
    At {
        /// Its address.
        address: ApiAddress,
        /// The header `Authorization`, if there is one.
        secret: Option<HeaderValue>,
    },
}

impl From<PathBuf> for Place {
    fn from(api_file: PathBuf) -> Self {
        Self::File(api_file)
    }
}

impl Place {
    /// Host and port, looked up anew each time.
    ///
    /// # Errors
    ///
    /// When the daemon never said where it is.
    pub(super) fn authority(&self) -> Result<String, RpcError> {
        match self {
            Self::File(path) => read(path).map(|address| address.to_string()),
            Self::At { address, .. } => Ok(address.authority()),
        }
    }

    /// What to do when nobody is there: only a daemon of this tree is started again by itself.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::File(_) => "it is being restarted, ask again in a few seconds",
            Self::At { .. } => {
                "check `[ipfs] remote` (for a Cluster `[ipfs] cluster`) and whether that daemon runs and can be reached"
            }
        }
    }

    pub(super) fn secret(&self) -> Option<&HeaderValue> {
        match self {
            Self::File(_) => None,
            Self::At { secret, .. } => secret.as_ref(),
        }
    }
}

/// Reads the address anew.
///
/// # Errors
///
/// `NoAddress` when the daemon has not been up yet, `BadAddress` when something else stands in the file.
fn read(path: &Path) -> Result<SocketAddr, RpcError> {
    let text = fs::read(path).map_err(|cause| RpcError::NoAddress { path: PathBuf::from(path), cause })?;
    let text = String::from_utf8_lossy(&text[..text.len().min(ADDRESS_BYTES)]).trim().to_owned();
    parse(&text)
        .ok_or_else(|| RpcError::BadAddress { path: PathBuf::from(path), text: text.chars().take(80).collect() })
}

/// `/ip4/127.0.0.1/tcp/5001`, perhaps with more behind it.
fn parse(multiaddr: &str) -> Option<SocketAddr> {
    let mut parts = multiaddr.strip_prefix('/')?.split('/');
    let ip = match parts.next()? {
        "ip4" => IpAddr::V4(parts.next()?.parse().ok()?),
        "ip6" => IpAddr::V6(parts.next()?.parse().ok()?),
        _ => return None,
    };
    let port = if parts.next()? == "tcp" { parts.next()?.parse().ok()? } else { return None };
    Some(SocketAddr::new(reachable(ip), port))
}

/// Who listens on every address is reached on the loopback one.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubo_writes_is_read() {
        assert_eq!(parse("/ip4/127.0.0.1/tcp/5001").unwrap().to_string(), "127.0.0.1:5001");
        assert_eq!(parse("/ip6/::1/tcp/5001").unwrap().to_string(), "[::1]:5001");
        assert_eq!(parse("/ip4/0.0.0.0/tcp/41234").unwrap().to_string(), "127.0.0.1:41234");
    }

    #[test]
    fn anything_else_is_no_address() {
        for text in ["", "/", "127.0.0.1:5001", "/ip4/127.0.0.1/udp/5001", "/ip4/127.0.0.1/tcp/70000", "/dns4/x/tcp/1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_absent_file_means_that_the_daemon_is_down() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(&folder.path().join("api")).unwrap_err();
        assert!(matches!(error, RpcError::NoAddress { .. }) && error.is_down());
    }
}
