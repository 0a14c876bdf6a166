//! Where a name points, step by step: a domain or a key, then what its record says, until the path is content.
//!
//! Asked by `name/resolve` and by everything that takes a path.

use ipns::{Name, NameError, RecordError};
use thiserror::Error;

use super::{Names, ValueFault, Values, believable, links};

const NAMESPACE: &str = "/ipns/";

/// How many names in a row are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Depth(pub(crate) u8);

impl Depth {
    /// Until content; what points to more names than this goes round in a circle.
    pub(crate) const WHOLE: Self = Self(32);
    /// One name.
    pub(crate) const ONE: Self = Self(1);
}

/// Whether records that were seen lately are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Believed,
    PassedBy,
}

/// Why a name points nowhere, in Kubo's words where clients look at them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ResolveError {
    #[error("could not resolve name")]
    Nowhere,
    #[error("could not resolve name (recursion limit exceeded)")]
    Deep,
    #[error("could not resolve name: {0}")]
    Fault(#[from] ValueFault),
    #[error("could not resolve name")]
    Record(#[source] RecordError),
    #[error("DNSLink lookup for \"{domain}.\" failed: could not resolve name: {why}")]
    Domain { domain: String, why: String },
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("{0:?} is not an IPNS name")]
    NoName(String),
}

impl Names {
    /// Follows a path below `/ipns/` until it is one below `/ipfs/`; no further than `depth` when that is less.
    pub(crate) fn resolve(
        &self,
        path: &str,
        depth: Depth,
        kept: Kept,
        network: Option<&dyn Values>,
    ) -> Result<String, ResolveError> {
        let mut path = path.to_owned();
        for _ in 0..depth.0 {
            let (root, rest) = split(&path)?;
            path = join(&self.follow(root, kept, network)?, rest);
            if !path.starts_with(NAMESPACE) {
                return Ok(path);
            }
        }
        if depth == Depth::WHOLE { Err(ResolveError::Deep) } else { Ok(path) }
    }

    /// Where one name points.
    fn follow(&self, root: &str, kept: Kept, network: Option<&dyn Values>) -> Result<String, ResolveError> {
        if let Some(target) = self.links.get(root) {
            return Ok(target.to_owned());
        }
        match Name::parse(root) {
            Ok(name) => self.value(&name, kept, network),
            Err(_) if is_domain(root) => look_up(root.trim_end_matches('.'), network),
            Err(error) => Err(error.into()),
        }
    }

    fn value(&self, name: &Name, kept: Kept, network: Option<&dyn Values>) -> Result<String, ResolveError> {
        let believed = self.seen().get(name).filter(|_| kept == Kept::Believed).cloned();
        let record = match believed {
            Some(record) => record,
            None => {
                let record = self.record(name, network)?.ok_or(ResolveError::Nowhere)?;
                self.seen().add(*name, record.clone(), believable(&record));
                record
            }
        };
        record.value().map_err(ResolveError::Record)
    }
}

/// Where a domain points, as DNS says.
fn look_up(domain: &str, network: Option<&dyn Values>) -> Result<String, ResolveError> {
    let wrong = |why: String| ResolveError::Domain { domain: domain.to_owned(), why };
    let network = network.ok_or_else(|| wrong("DNS is not asked offline; IPFS_NS_MAP may say it".to_owned()))?;
    let records = network.texts(&format!("_dnslink.{domain}.")).map_err(|fault| wrong(fault.0))?;
    links::target(&records).map_err(|fault| wrong(fault.to_string()))
}

/// `/ipns/<root>/<rest>`; the rest begins with a slash or is empty.
fn split(path: &str) -> Result<(&str, &str), ResolveError> {
    let wrong = || ResolveError::NoName(path.to_owned());
    let rest = path.strip_prefix(NAMESPACE).ok_or_else(wrong)?;
    let end = rest.find('/').unwrap_or(rest.len());
    if end == 0 { Err(wrong()) } else { Ok(rest.split_at(end)) }
}

fn join(base: &str, rest: &str) -> String {
    match rest {
        "" => base.to_owned(),
        _ => format!("{}{rest}", base.trim_end_matches('/')),
    }
}

/// A name with a dot is a domain: neither base58 nor a CID has one.
fn is_domain(text: &str) -> bool {
    text.contains('.') && !text.chars().any(char::is_whitespace)
}
