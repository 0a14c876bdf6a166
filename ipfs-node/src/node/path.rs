//! Paths as commands take them: `/ipfs/<cid>/a/b`, `<cid>/a/b`, `ipfs://<cid>/a/b`.
//!
//! Names (`/ipns/…`) are followed first.
//!
//! Asked by commands and the gateway.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use unixfs::{Cid, ReadError, Resolver};

use super::Node;
use crate::{
    names::{self, Depth, Kept, Values},
    refusal::Refusal,
};

/// The longest that the network is asked for one name, as with Kubo.
const LOOKUP: Duration = Duration::from_secs(60);

/// A root and the way from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpfsPath {
    /// Where it begins.
    pub root: Cid,
    /// Names of entries, one below the other.
    pub segments: Vec<String>,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// It names nothing.
    #[error("invalid path {0:?}: path does not have enough components")]
    Short(String),
    /// The root is no CID.
    #[error("invalid path {path:?}: invalid cid: {cause}")]
    Cid {
        /// The text.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A name: it has to be followed first.
    #[error("{0:?} is a name where a path below /ipfs/ is expected; give the CID it points to")]
    Name(String),
}

impl IpfsPath {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let short = || PathError::Short(text.to_owned());
        let rest = text.strip_prefix("ipfs://").or_else(|| text.strip_prefix("/ipfs/")).unwrap_or(text);
        if rest.starts_with("/ipns/") || rest.starts_with("ipns://") {
            return Err(PathError::Name(text.to_owned()));
        }
        let is_bare = rest.len() == text.len();
        let mut segments = rest.split('/').filter(|segment| !segment.is_empty() && *segment != ".").map(str::to_owned);
        let root = segments.next().ok_or_else(short)?;
        let root = match root.parse::<Cid>() {
            Ok(root) if !(is_bare && rest.starts_with('/')) => root,
            Ok(_) | Err(_) if is_bare => return Err(short()),
            Ok(_) => return Err(short()),
            Err(error) => return Err(PathError::Cid { path: text.to_owned(), cause: error.to_string() }),
        };
        let mut clean: Vec<String> = Vec::new();
        for segment in segments {
            if segment == ".." {
                clean.pop();
            } else {
                clean.push(segment);
            }
        }
        Ok(Self { root, segments: clean })
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::failed(error.to_string())
    }
}

impl Node {
    /// The block where a path ends.
    pub(crate) fn resolve(&self, text: &str) -> Result<Cid, Refusal> {
        self.resolve_path(&self.content_path(text)?)
    }

    /// A path below `/ipfs/`: names are followed until it is one.
    pub(crate) fn content_path(&self, text: &str) -> Result<IpfsPath, Refusal> {
        let Some(path) = names::below_ipns(text) else { return Ok(IpfsPath::parse(text)?) };
        Ok(IpfsPath::parse(&self.follow(&path)?)?)
    }

    /// The path below `/ipfs/` that a path below `/ipns/` leads to.
    pub(crate) fn follow(&self, path: &str) -> Result<String, Refusal> {
        self.follow_to(path, Depth::WHOLE)
    }

    fn follow_to(&self, path: &str, depth: Depth) -> Result<String, Refusal> {
        let network = self.reach.fetching().and_then(|_| self.network(Some(LOOKUP)));
        let network = network.as_ref().map(|network| network as &dyn Values);
        let followed = self.names.resolve(path, depth, Kept::Believed, network);
        followed.map_err(|error| Refusal::from_error(&error))
    }

    /// Where the name at the front of a path points, which may be another name.
    pub(crate) fn follow_once(&self, path: &str) -> Result<String, Refusal> {
        self.follow_to(path, Depth::ONE)
    }

    /// The block where a path ends.
    pub(crate) fn resolve_path(&self, path: &IpfsPath) -> Result<Cid, Refusal> {
        self.resolve_below(path.root, &path.segments)
    }

    /// The block where the way from `root` ends.
    pub(crate) fn resolve_below(&self, root: Cid, segments: &[String]) -> Result<Cid, Refusal> {
        let segments = segments.iter().map(|segment| Bytes::copy_from_slice(segment.as_bytes()));
        let mut resolver = Resolver::new(root, segments);
        loop {
            match unixfs::Reader::step(&mut resolver)? {
                unixfs::Step::Give(resolved) => return Ok(resolved.cid),
                unixfs::Step::Done => return Ok(root),
                unixfs::Step::Need(cid) => {
                    let bytes = self.block(&cid)?;
                    unixfs::Reader::supply(&mut resolver, &cid, bytes).map_err(in_kubos_words)?;
                }
            }
        }
    }
}

/// Why a path cannot be followed, in the words that clients look at.
pub(crate) fn in_kubos_words(error: ReadError) -> Refusal {
    match &error {
        ReadError::NotFound { folder, name } => {
            Refusal::failed(format!("no link named {:?} under {folder}", String::from_utf8_lossy(name)))
        }
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CID: &str = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";

    #[test]
    fn paths_are_read_in_all_their_spellings() {
        for text in ["/ipfs/CID/a/b", "CID/a/b", "ipfs://CID/a/b", "/ipfs/CID//a/./x/../b/"] {
            let path = IpfsPath::parse(&text.replace("CID", CID)).unwrap();
            assert_eq!(
                (path.root.to_string(), path.segments),
                (CID.to_owned(), vec!["a".into(), "b".into()]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_path_is_refused_in_kubos_words() {
        for text in ["", "QmNope", "/foo", "/ipfs/"] {
            let refusal = IpfsPath::parse(text).unwrap_err().to_string();
            assert_eq!(refusal, format!("invalid path {text:?}: path does not have enough components"));
        }
        assert!(matches!(IpfsPath::parse("/ipns/example.org"), Err(PathError::Name(_))));
    }
}
