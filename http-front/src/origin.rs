//! Where a request comes from, and under which address the outside world knows this server: what links that leave the front
//! begin with.
//!
//! What a reverse proxy says of the client is believed only from the proxies that the configuration names, because anybody
//! can send the same headers. `Forwarded` (RFC 7239) is not read: a proxy that sets one family of headers passes the other
//! through as the client sent it, so who reads both believes clients.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hyper::{HeaderMap, Uri, Version, header::HOST, http::uri::Authority};
use proto::{
    config::HttpFront,
    outside::{Network, is_authority},
};

use crate::{front::Visit, problem::Problem};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Whom the front believes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    trusted: Vec<Network>,
    public: Option<Arc<str>>,
}

/// Where one request comes from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Who asks, as far as is known; never an IPv4 address in IPv6's clothes.
    pub(crate) client: IpAddr,
    way: Way,
    public: Option<Arc<str>>,
}

/// Whether the headers of a request were written by somebody who is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the client.
    Straight,
    /// By a trusted proxy.
    Proxied,
}

impl Origins {
    pub(crate) fn new(config: &HttpFront) -> Self {
        Self { trusted: config.trusted_proxies.clone(), public: config.public_address.get().map(Arc::from) }
    }

    /// Whether `address` is a proxy that is believed.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Where a request comes from that `peer` sent.
    pub(crate) fn of(&self, peer: IpAddr, headers: &HeaderMap) -> Origin {
        let (peer, public) = (peer.to_canonical(), self.public.clone());
        match self.trusts(peer) {
            false => Origin { client: peer, way: Way::Straight, public },
            true => Origin { client: self.behind(peer, headers), way: Way::Proxied, public },
        }
    }

    /// The client behind a trusted proxy. Every proxy appends whom it serves, so from the right to the left each entry is
    /// as good as the one that wrote it: the first who is no trusted proxy is the client, and what he wrote is not read.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        let mut client = peer;
        for entry in entries {
            let Some(before) = address(entry.trim()) else { break };
            client = before;
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

/// An entry of `X-Forwarded-For`: an address, as some write it with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse::<IpAddr>().or_else(|_| with_port()).ok().map(|address| address.to_canonical())
}

/// The address of the front without a slash at the end, `https://comments.example.org`: the configured one, else the one by
/// which this visitor knows it. It can stand in an attribute as it is. What is kept for other visitors must not have it
/// in it, or must be kept for this address alone.
pub(crate) fn base_url(visit: &Visit) -> String {
    if let Some(public) = &visit.origin.public {
        return public.as_ref().to_owned();
    }
    let told = |name| (visit.origin.way == Way::Proxied).then(|| last(&visit.headers, name)).flatten();
    let scheme =
        told("x-forwarded-proto").filter(|scheme| scheme.eq_ignore_ascii_case("https")).map_or("http", |_| "https");
    let host = told("x-forwarded-host").filter(|host| is_authority(host));
    let host = host.or_else(|| host_of(&visit.uri, &visit.headers)).filter(|host| is_authority(host));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

/// Refuses a request that does not say, or not clearly, whom it asks: RFC 9112 section 3.2. What reads it otherwise than we
/// do, on its way here, could be led astray.
///
/// # Errors
///
/// 400 with what a `Host` looks like.
pub(crate) fn check_host(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let (hosts, authority) = (headers.get_all(HOST), uri.authority().map(Authority::as_str));
    let enough = match hosts.iter().count() {
        0 => authority.is_some() || version != Version::HTTP_11,
        count => count == 1,
    };
    let clear = hosts.iter().all(|host| host.to_str().is_ok_and(is_authority)) && authority.is_none_or(is_authority);
    if enough && clear { Ok(()) } else { Err(Problem::bad_host()) }
}

/// Whom the request asks; the target in full goes before the header.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    uri.authority().map(Authority::as_str).or_else(|| headers.get(HOST)?.to_str().ok())
}

/// The last value: the one that our own proxy wrote.
fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use hyper::{
        Method,
        header::{HeaderName, HeaderValue},
    };
    use proto::RequestId;

    use super::*;

    fn origins(trusted: &[&str], public: &str) -> Origins {
        let config = HttpFront {
            trusted_proxies: trusted.iter().map(|network| network.parse().unwrap()).collect(),
            public_address: public.to_owned().try_into().unwrap(),
            ..HttpFront::default()
        };
        Origins::new(&config)
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let one = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let mut headers = HeaderMap::new();
        lines.iter().map(one).for_each(|(name, value): (_, HeaderValue)| {
            headers.append(name, value);
        });
        headers
    }

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        origins(trusted, "").of(peer.parse().unwrap(), &headers(&lines)).client.to_string()
    }

    #[test]
    fn what_a_stranger_says_of_himself_is_not_believed() {
        assert_eq!(client(&[], "127.0.0.1", &["198.51.100.1"]), "127.0.0.1");
        assert_eq!(client(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
    }

    #[test]
    fn the_client_is_the_last_who_is_no_trusted_proxy() {
        let trusted = &["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"];
        for (lines, expected) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1, 10.2.3.4"], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1", "10.2.3.4"], "198.51.100.1"),
            (&["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
            (&["1.1.1.1, rubbish, 10.2.3.4"], "10.2.3.4"),
            (&["unknown"], "127.0.0.1"),
            (&[""], "127.0.0.1"),
            (&[], "127.0.0.1"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["[2001:db9::1]:4711, [2001:db8::1]"], "2001:db9::1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
        ] {
            assert_eq!(client(trusted, "::ffff:127.0.0.1", lines), expected, "{lines:?}");
        }
    }

    fn base(origins: &Origins, peer: &str, uri: &str, lines: &[(&'static str, &str)]) -> String {
        let headers = headers(lines);
        let origin = origins.of(peer.parse().unwrap(), &headers);
        let (id, method, uri) = (RequestId([0; 8]), Method::GET, uri.parse().unwrap());
        base_url(&Visit { id, method, uri, headers, origin })
    }

    #[test]
    fn links_begin_with_the_address_that_the_visitor_used() {
        let none = origins(&[], "");
        let base = |uri, lines: &[_]| base(&none, "192.0.2.1", uri, lines);
        assert_eq!(base("/", &[("host", "rookery.example:8780")]), "http://rookery.example:8780");
        assert_eq!(base("http://other.example/", &[("host", "rookery.example")]), "http://other.example");
        assert_eq!(base("/", &[]), "http://localhost");
        assert_eq!(base("/", &[("host", "a\"><script>")]), "http://localhost");
        let forged = [("host", "x"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")];
        assert_eq!(base("/", &forged), "http://x");
    }

    #[test]
    fn links_begin_with_what_the_trusted_proxy_says_or_with_what_is_configured() {
        let lines = [
            ("host", "127.0.0.1:8780"),
            ("x-forwarded-host", "forged.example, comments.example.org"),
            ("x-forwarded-proto", "HTTPS"),
        ];
        let behind = origins(&["127.0.0.1"], "");
        assert_eq!(base(&behind, "127.0.0.1", "/", &lines), "https://comments.example.org");
        let known = origins(&["127.0.0.1"], "https://known.example/talk");
        assert_eq!(base(&known, "127.0.0.1", "/", &lines), "https://known.example/talk");
        let strange = [("host", "x"), ("x-forwarded-host", "a/b"), ("x-forwarded-proto", "javascript")];
        assert_eq!(base(&behind, "127.0.0.1", "/", &strange), "http://x");
    }

    #[test]
    fn a_request_says_once_and_clearly_whom_it_asks() {
        let check =
            |version, uri: &str, lines: &[_]| check_host(version, &uri.parse().unwrap(), &headers(lines)).is_ok();
        assert!(check(Version::HTTP_11, "/", &[("host", "x:80")]));
        assert!(check(Version::HTTP_11, "http://x/", &[]));
        assert!(check(Version::HTTP_10, "/", &[]));
        assert!(check(Version::HTTP_2, "http://x/", &[]));
        assert!(!check(Version::HTTP_11, "/", &[]));
        assert!(!check(Version::HTTP_11, "/", &[("host", "x"), ("host", "x")]));
        assert!(!check(Version::HTTP_10, "/", &[("host", "x y")]));
        assert!(!check(Version::HTTP_2, "http://u@x/", &[]));
    }
}
