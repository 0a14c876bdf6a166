//! Names of hosts: `<cid>.ipfs.<gateway>`, `<name>.ipns.<gateway>`, and domains with a DNSLink, each of which is an origin
//! of its own, so that a page cannot read what another page keeps.
//!
//! Asked by `visit` before the path is looked at. Keeps the names that the configuration gives.

use std::net::IpAddr;

use cid::{Cid, multibase::Base};
use http::{HeaderMap, header::HOST, request::Parts};

use super::{
    Look, Source,
    names::{base_36, peer_cid},
    step::Stop,
};
use crate::Refusal;

/// As long as a label of a host's name may be.
const LABEL_BYTES_MAX: usize = 63;
/// As long as the name of a domain may be.
const DOMAIN_BYTES_MAX: usize = 253;

/// The names under which the gateway gives each root a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hosts {
    subdomains: Vec<String>,
}

/// Whose page an answer becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// One that it shares with all other roots.
    Shared,
    /// One of its own: a subdomain, or a domain with a DNSLink. Links to other roots go to this host.
    Own { gateway: Option<String> },
}

/// Where the name of the host leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// To this path.
    To { path: String, origin: Origin },
    /// To the name that the root should be asked under.
    Elsewhere(String),
    /// Nowhere: a known host does not serve this path.
    Nowhere,
}

impl Hosts {
    /// Hosts with subdomains for every root: `example.org`, or `*.example.org`.
    #[must_use]
    pub fn new(subdomains: impl IntoIterator<Item = String>) -> Self {
        let clean = |host: String| host.to_ascii_lowercase();
        Self { subdomains: subdomains.into_iter().map(clean).collect() }
    }

    /// Where a request leads.
    pub(super) fn lead<S: Source>(&self, source: &S, head: &Parts, look: Look) -> Result<Lead, Stop<S::Fault>> {
        let host = host(&head.headers);
        let path = head.uri.path();
        let asks = Asks { source, head, look };
        if self.knows(&host) {
            if !has_space(path) {
                return Ok(Lead::Nowhere);
            }
            let elsewhere = asks.subdomain_of(&host, path)?;
            return Ok(elsewhere.map_or_else(|| shared(path), Lead::Elsewhere));
        }
        if let Some((gateway, space, root)) = self.split(&host) {
            return asks.below(gateway, space, &root, path);
        }
        let domain = without_port(&host);
        if asks.is_linked(domain)? {
            let path = format!("/ipns/{domain}{path}");
            return Ok(Lead::To { path, origin: Origin::Own { gateway: None } });
        }
        Ok(if has_space(path) { shared(path) } else { Lead::Nowhere })
    }

    fn knows(&self, host: &str) -> bool {
        let bare = without_port(host);
        self.subdomains.iter().any(|known| match known.strip_prefix("*.") {
            Some(parent) => bare.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => known == host || known == bare,
        })
    }

    /// `<root>.<space>.<gateway>`, taken apart. The root of a domain may have dots.
    fn split<'h>(&self, host: &'h str) -> Option<(&'h str, &'static str, String)> {
        let dots: Vec<usize> = host.match_indices('.').map(|(at, _)| at).collect();
        for at in dots.iter().skip(1).rev() {
            let (front, gateway) = (&host[..*at], &host[at + 1..]);
            let Some((root, space)) = front.rsplit_once('.') else { continue };
            let space = ["ipfs", "ipns"].into_iter().find(|known| *known == space);
            if let (Some(space), true) = (space, self.knows(gateway)) {
                return Some((gateway, space, root.to_owned()));
            }
        }
        None
    }
}

struct Asks<'a, S> {
    source: &'a S,
    head: &'a Parts,
    look: Look,
}

impl<S: Source> Asks<'_, S> {
    /// What a name below a gateway leads to.
    fn below(&self, gateway: &str, space: &str, root: &str, path: &str) -> Result<Lead, Stop<S::Fault>> {
        let mut root = root.to_owned();
        match root.parse::<Cid>() {
            Ok(cid) => {
                let label = label_of(&root, &cid)?;
                let is_key = space == "ipns" && cid.codec() != 0x72;
                // Each root has one name, so that it has one origin.
                if (label != root || is_key)
                    && let Some(to) = self.subdomain_of(gateway, &format!("/{space}/{label}{path}"))?
                {
                    return Ok(Lead::Elsewhere(to));
                }
            }
            Err(_) if space == "ipns" && !root.contains('.') && root.contains('-') => {
                let domain = from_label(&root);
                if self.is_linked(&domain)? || !self.is_linked(&root)? {
                    root = domain;
                }
            }
            Err(_) => {}
        }
        let path = format!("/{space}/{root}{path}");
        Ok(Lead::To { path, origin: Origin::Own { gateway: Some(gateway.to_owned()) } })
    }

    /// The address below a gateway at which this path should be asked for, if there is one.
    fn subdomain_of(&self, gateway: &str, path: &str) -> Result<Option<String>, Stop<S::Fault>> {
        let mut parts = path.splitn(4, '/').skip(1);
        let (Some(space), Some(root)) = (parts.next(), parts.next()) else { return Ok(None) };
        let rest = parts.next().unwrap_or_default();
        let Some(label) = self.label(space, root)? else { return Ok(None) };
        let scheme = if self.is_https() { "https" } else { "http" };
        let query = self.head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Some(format!("{scheme}://{label}.{space}.{gateway}/{rest}{query}")))
    }

    /// A root as part of the name of a host.
    fn label(&self, space: &str, root: &str) -> Result<Option<String>, Stop<S::Fault>> {
        let is_name = space == "ipns";
        let key = is_name.then(|| peer_cid(root)).flatten();
        if let Some(cid) = key.or_else(|| root.parse::<Cid>().ok()) {
            let text = if is_name {
                base_36(&Cid::new_v1(0x72, *cid.hash()))
            } else {
                Cid::new_v1(cid.codec(), *cid.hash()).to_string()
            };
            return Ok(Some(label_of(&text, &cid)?));
        }
        if !is_name || root.is_empty() {
            return Ok(None);
        }
        let mut domain = root.to_owned();
        if !root.contains('.') && root.contains('-') && self.is_linked(&from_label(root))? {
            domain = from_label(root);
        }
        // A certificate for *.ipns.<gateway> covers one label, not the dots of a domain.
        if self.is_https() && domain.contains('.') && self.is_linked(&domain)? {
            domain = to_label(&domain)?;
        }
        Ok(Some(domain))
    }

    /// Whether a domain has a DNSLink.
    fn is_linked(&self, domain: &str) -> Result<bool, Stop<S::Fault>> {
        if !is_domain(domain) {
            return Ok(false);
        }
        Ok(self.source.name(domain, self.look).map_err(Stop::Fault)?.is_some())
    }

    fn is_https(&self) -> bool {
        self.head.headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
    }
}

fn shared(path: &str) -> Lead {
    Lead::To { path: path.to_owned(), origin: Origin::Shared }
}

/// The host that the client asked, also through a proxy.
fn host(headers: &HeaderMap) -> String {
    let forwarded = headers.get("x-forwarded-host").filter(|host| !host.is_empty());
    let host = forwarded.or_else(|| headers.get(HOST)).and_then(|host| host.to_str().ok());
    host.unwrap_or_default().to_ascii_lowercase()
}

fn has_space(path: &str) -> bool {
    ["/ipfs", "/ipns"]
        .iter()
        .any(|space| path.strip_prefix(space).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !bare.ends_with(':') => bare,
        _ => host,
    }
}

/// Whether a name may have a DNSLink: neither an address, nor a key, nor content.
fn is_domain(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    !name.is_empty()
        && name.len() <= DOMAIN_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        && bare.parse::<IpAddr>().is_err()
        && peer_cid(name).is_none()
        && name.parse::<Cid>().is_err()
}

/// A CID as one label: as it is, or in base 36 where that is too long.
fn label_of(text: &str, cid: &Cid) -> Result<String, Refusal> {
    if text.len() <= LABEL_BYTES_MAX {
        return Ok(text.to_owned());
    }
    let short = Cid::new_v1(cid.codec(), *cid.hash());
    let short = short.to_string_of_base(Base::Base36Lower).unwrap_or_default();
    let fits = !short.is_empty() && short.len() <= LABEL_BYTES_MAX;
    if fits { Ok(short) } else { Err(Refusal::Label(text.to_owned())) }
}

/// `my.v-long.example.com` as one label: `my-v--long-example-com`.
fn to_label(domain: &str) -> Result<String, Refusal> {
    let label = domain.replace('-', "--").replace('.', "-");
    if label.len() <= LABEL_BYTES_MAX { Ok(label) } else { Err(Refusal::Label(domain.to_owned())) }
}

/// The domain that a label stands for.
fn from_label(label: &str) -> String {
    // A colon stands in neither.
    label.replace("--", ":").replace('-', ".").replace(':', "-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_below_a_gateway_is_taken_apart_from_the_right() {
        let hosts = Hosts::new(["dweb.link".to_owned(), "localhost".to_owned(), "*.gw.example".to_owned()]);
        let split = |host| hosts.split(host).map(|(gateway, space, root)| format!("{root} {space} {gateway}"));
        assert_eq!(split("bafy.ipfs.localhost:8080").as_deref(), Some("bafy ipfs localhost:8080"));
        assert_eq!(split("docs.ipfs.tech.ipns.dweb.link").as_deref(), Some("docs.ipfs.tech ipns dweb.link"));
        assert_eq!(split("bafy.ipfs.a.gw.example").as_deref(), Some("bafy ipfs a.gw.example"));
        for host in
            ["ipfs.localhost", "bafy.ipfs.elsewhere", "bafy.other.localhost", "localhost", "bafy.ipfs.a.b.gw.example"]
        {
            assert_eq!(split(host), None, "{host}");
        }
    }

    #[test]
    fn a_port_is_no_part_of_a_name() {
        assert_eq!(without_port("localhost:8080"), "localhost");
        assert_eq!(without_port("[::1]:8080"), "[::1]");
        assert_eq!(without_port("example.org"), "example.org");
        assert!(!is_domain("127.0.0.1") && !is_domain("[::1]") && !is_domain("bafkqaaa") && is_domain("example.org"));
    }

    proptest! {
        #[test]
        fn a_domain_is_its_label_and_back(domain in "[a-z0-9]{1,6}([.-][a-z0-9]{1,6}){0,4}") {
            let label = to_label(&domain).unwrap();
            prop_assert!(!label.contains('.'));
            prop_assert_eq!(from_label(&label), domain);
        }
    }
}
