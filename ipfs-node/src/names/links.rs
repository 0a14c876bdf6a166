//! DNSLink: names of domains that point to content. A static map from the environment, as Kubo reads it:
//! `IPFS_NS_MAP="example.org:/ipfs/bafy…,example.net:/ipns/k51…"`; and what the TXT records of others mean.
//!
//! Asked by `names`. Looks nothing up itself.

use std::collections::HashMap;

use thiserror::Error;
use unixfs::Cid;

/// The variable that holds the map.
pub(crate) const VARIABLE: &str = "IPFS_NS_MAP";

/// Where domains point.
#[derive(Debug, Default)]
pub(crate) struct Links(HashMap<String, String>);

/// The map cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{VARIABLE} has {entry:?}; each entry is <domain>:/ipfs/<cid> or <domain>:/ipns/<name>, with commas between")]
pub(crate) struct LinksError {
    entry: String,
}

impl Links {
    /// Reads the map.
    pub(crate) fn parse(text: &str) -> Result<Self, LinksError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let links = entries.map(|entry| link(entry).ok_or_else(|| LinksError { entry: entry.to_owned() }));
        links.collect::<Result<_, _>>().map(Self)
    }

    /// Where a domain points.
    pub(crate) fn get(&self, domain: &str) -> Option<&str> {
        self.0.get(domain.trim_end_matches('.')).map(String::as_str)
    }
}

/// Where the TXT records of `_dnslink.<domain>` point: one of them must be a path, or `dnslink=` and a path.
pub(super) fn target(records: &[String]) -> Result<String, LinkFault> {
    let mut targets = records.iter().filter_map(|record| target_of(record));
    match (targets.next(), targets.next()) {
        (Some(target), None) => Ok(target),
        (None, _) => Err(LinkFault::None),
        (Some(_), Some(_)) => Err(LinkFault::Several),
    }
}

/// Why TXT records point nowhere, in Kubo's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum LinkFault {
    #[error("DNSLink lookup could not find a TXT record (https://docs.ipfs.tech/concepts/dnslink/)")]
    None,
    #[error("DNSLink lookup found more than one TXT record with a dnslink (https://docs.ipfs.tech/concepts/dnslink/)")]
    Several,
}

/// A path, or a CID alone as it was written long ago.
fn target_of(record: &str) -> Option<String> {
    let text = record.strip_prefix("dnslink=").unwrap_or(record);
    let is_below = |prefix| text.strip_prefix(prefix).is_some_and(|rest: &str| !rest.is_empty());
    if is_below("/ipfs/") || is_below("/ipns/") {
        return Some(text.to_owned());
    }
    // The parser of CIDs would take a path for the CID in it.
    let is_cid = !text.contains('/') && text.parse::<Cid>().is_ok();
    is_cid.then(|| format!("/ipfs/{text}"))
}

fn link(entry: &str) -> Option<(String, String)> {
    let (domain, target) = entry.split_once(':')?;
    let is_path = target.starts_with("/ipfs/") || target.starts_with("/ipns/");
    (is_path && !domain.is_empty()).then(|| (domain.trim_end_matches('.').to_owned(), target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_read_as_kubo_reads_it() {
        let links = Links::parse("a.example:/ipfs/bafkqaaa, b.example:/ipns/k51/x").unwrap();
        assert_eq!(links.get("a.example"), Some("/ipfs/bafkqaaa"));
        assert_eq!(links.get("b.example."), Some("/ipns/k51/x"));
        assert_eq!(links.get("c.example"), None);
        assert!(Links::parse("").unwrap().get("a.example").is_none());
    }

    #[test]
    fn the_one_record_that_is_a_path_counts() {
        let target = |records: &[&str]| target(&records.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        for text in ["dnslink=/ipfs/bafkqaaa", "/ipfs/bafkqaaa", "bafkqaaa", "dnslink=bafkqaaa"] {
            assert_eq!(target(&["v=spf1 -all", text]).unwrap(), "/ipfs/bafkqaaa", "{text}");
        }
        assert_eq!(target(&["dnslink=/ipns/a.example/x"]).unwrap(), "/ipns/a.example/x");
        assert_eq!(target(&["v=spf1 -all", "dnslink=/ipfs/", "dnslink=/swarm/x"]), Err(LinkFault::None));
        assert_eq!(target(&["dnslink=/ipfs/bafkqaaa", "/ipns/a.example"]), Err(LinkFault::Several));
    }

    #[test]
    fn an_entry_that_is_none_is_told() {
        for text in ["a.example", "a.example:bafkqaaa", ":/ipfs/x", "a.example:/ipfs/x,b"] {
            assert!(Links::parse(text).unwrap_err().to_string().contains("IPFS_NS_MAP has"), "{text}");
        }
    }
}
