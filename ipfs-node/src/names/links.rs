//! DNSLink: names of domains that point to content. A static map from the environment, as Kubo reads it:
//! `IPFS_NS_MAP="example.org:/ipfs/bafy…,example.net:/ipns/k51…"`.
//!
//! Asked by `names`. Looks nothing up: a lookup of DNS needs a server that this box may not know.

use std::collections::HashMap;

use thiserror::Error;

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
    fn an_entry_that_is_none_is_told() {
        for text in ["a.example", "a.example:bafkqaaa", ":/ipfs/x", "a.example:/ipfs/x,b"] {
            assert!(Links::parse(text).unwrap_err().to_string().contains("IPFS_NS_MAP has"), "{text}");
        }
    }
}
