//! Who may call: the method, and the rules that keep a web page from calling through its visitor's browser.
//!
//! Asked for every request, before anything else is read. The rules are Kubo's.

use std::{net::IpAddr, str::FromStr as _};

use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
    http::uri::Authority,
};

use super::body::Body;

/// The browser extension that talks to a local IPFS daemon.
const COMPANIONS: [&str; 2] =
    ["chrome-extension://nibjojkomfdiaoajekhjakgkdhaomnch", "chrome-extension://hjoieblefckbooibpepigmacodalfndh"];

/// The origins whose pages may call.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    origins: Vec<String>,
}

impl Guard {
    /// This machine's own origins for the port, and those that the operator allows.
    pub(crate) fn new(port: u16, allowed: &[String]) -> Self {
        let hosts = ["127.0.0.1", "[::1]", "localhost"];
        let own = hosts.iter().flat_map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}:{port}")));
        let origins = allowed.iter().cloned().chain(own).chain(COMPANIONS.map(str::to_owned)).collect();
        Self { origins }
    }

    /// The answer to a request that goes no further; `None` when it may.
    pub(crate) fn check(&self, method: &Method, headers: &HeaderMap) -> Option<Response<Body>> {
        if method == Method::OPTIONS {
            return Some(self.preflight(headers));
        }
        if method != Method::POST {
            let mut refusal = plain(StatusCode::METHOD_NOT_ALLOWED, "405 - Method Not Allowed\n");
            refusal.headers_mut().insert(header::ALLOW, HeaderValue::from_static("OPTIONS, POST"));
            return Some(refusal);
        }
        (!self.may_call(headers)).then(|| plain(StatusCode::FORBIDDEN, "403 - Forbidden\n"))
    }

    /// The answer to a `GET` that goes no further; `None` when it may.
    ///
    /// A page's own request says no origin here, and a page may be of a name that its owner made to point to this machine.
    /// Such a name has a dot and is not ours, so it is told by the host that was asked.
    pub(crate) fn check_reading(&self, headers: &HeaderMap) -> Option<Response<Body>> {
        let host = headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?."));
        let may_read = self.may_call(headers) && host.is_none_or(|host| self.is_own_host(host));
        (!may_read).then(|| plain(StatusCode::FORBIDDEN, "403 - Forbidden\n"))
    }

    /// An address, a name of the local network, or the host of an origin that may call.
    fn is_own_host(&self, host: &str) -> bool {
        let name = Authority::from_str(host).map(|authority| authority.host().to_ascii_lowercase()).unwrap_or_default();
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_local = !name.is_empty() && (!name.contains('.') || name.ends_with(".localhost"));
        let is_allowed = || self.origins.iter().any(|origin| origin.split_once("://").is_some_and(|(_, o)| o == host));
        is_address || is_local || self.allows_any() || is_allowed()
    }

    /// The headers that let a page of an allowed origin read the answer.
    pub(crate) fn add_cors(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = asked.get(header::ORIGIN).filter(|origin| self.allows(origin.to_str().unwrap_or(""))) {
            let any = HeaderValue::from_static("*");
            let allowed = if self.allows_any() { any } else { origin.clone() };
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        }
    }

    fn preflight(&self, headers: &HeaderMap) -> Response<Body> {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let wants = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        if wants.is_none() {
            answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("OPTIONS, POST"));
        } else if wants.is_some_and(|wants| wants == "POST") && self.origin_of(headers).is_some_and(|o| self.allows(o))
        {
            let allow = |name: HeaderName, value: HeaderValue| (name, value);
            let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            answer
                .headers_mut()
                .extend([allow(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"))]);
            answer.headers_mut().extend(asked.map(|asked| allow(header::ACCESS_CONTROL_ALLOW_HEADERS, asked)));
        }
        answer
    }

    fn may_call(&self, headers: &HeaderMap) -> bool {
        let origin = self.origin_of(headers);
        let referer = headers.get(header::REFERER).map(|value| value.to_str().unwrap_or("?"));
        let referer = referer.filter(|referer| !referer.is_empty());
        if origin.is_none() && referer.is_none() {
            // A page's own request has an origin; a browser without one is not to be trusted.
            return !headers.get(header::USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla"));
        }
        origin.is_none_or(|origin| self.allows(origin)) && referer.is_none_or(|referer| self.allows(origin_in(referer)))
    }

    fn origin_of<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?")).filter(|origin| !origin.is_empty())
    }

    fn allows(&self, origin: &str) -> bool {
        self.allows_any() || self.origins.iter().any(|allowed| allowed == origin)
    }

    fn allows_any(&self) -> bool {
        self.origins.iter().any(|allowed| allowed == "*")
    }
}

/// Scheme, host and port of an address.
fn origin_in(address: &str) -> &str {
    let Some(start) = address.find("://") else { return "?" };
    let end = address[start + 3..].find(['/', '?', '#']).map_or(address.len(), |end| start + 3 + end);
    &address[..end]
}

/// An answer in plain text.
pub(crate) fn plain(status: StatusCode, text: impl Into<bytes::Bytes>) -> Response<Body> {
    let mut answer = Response::new(Body::whole(text.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: &Method, headers: &[(&str, &str)]) -> Option<u16> {
        let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        let headers = headers.iter().map(pair).collect();
        Guard::new(5001, &["https://ok.example".to_owned()])
            .check(method, &headers)
            .map(|answer| answer.status().as_u16())
    }

    #[test]
    fn only_post_is_a_call() {
        assert_eq!(status(&Method::POST, &[]), None);
        assert_eq!(status(&Method::OPTIONS, &[]), Some(204));
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
            assert_eq!(status(&method, &[]), Some(405));
        }
    }

    #[test]
    fn pages_of_other_origins_are_refused() {
        assert_eq!(status(&Method::POST, &[("origin", "https://evil.example")]), Some(403));
        assert_eq!(status(&Method::POST, &[("referer", "https://evil.example/page")]), Some(403));
        assert_eq!(status(&Method::POST, &[("referer", "nonsense")]), Some(403));
        assert_eq!(status(&Method::POST, &[("user-agent", "Mozilla/5.0")]), Some(403));
        assert_eq!(
            status(&Method::POST, &[("origin", "http://localhost:5001"), ("referer", "https://evil/")]),
            Some(403)
        );
    }

    #[test]
    fn scrapers_read_and_pages_of_other_names_do_not() {
        let guard = Guard::new(5001, &["https://ok.example:5001".to_owned()]);
        let may_read = |headers: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
            guard.check_reading(&headers.iter().map(pair).collect()).is_none()
        };
        for host in ["127.0.0.1:5001", "[::1]:5001", "localhost:5001", "192.0.2.1", "ipfs-node:5001", "ok.example:5001"]
        {
            assert!(may_read(&[("host", host), ("user-agent", "Prometheus/3.0")]), "{host}");
        }
        assert!(may_read(&[]));
        for host in ["evil.example:5001", "127.0.0.1.evil.example", "", "a b"] {
            assert!(!may_read(&[("host", host), ("user-agent", "Prometheus/3.0")]), "{host}");
        }
        let own = ("host", "127.0.0.1:5001");
        assert!(!may_read(&[own, ("origin", "https://evil.example")]));
        assert!(!may_read(&[own, ("user-agent", "Mozilla/5.0")]));
    }

    #[test]
    fn pages_of_allowed_origins_may_call() {
        for origin in ["http://127.0.0.1:5001", "https://localhost:5001", "https://ok.example", COMPANIONS[0]] {
            assert_eq!(status(&Method::POST, &[("origin", origin), ("user-agent", "Mozilla/5.0")]), None, "{origin}");
        }
        assert_eq!(status(&Method::POST, &[("referer", "https://ok.example/page?x#y")]), None);
        assert_eq!(status(&Method::POST, &[("user-agent", "curl/8")]), None);
    }
}
