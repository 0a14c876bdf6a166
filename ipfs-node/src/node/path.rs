//! Paths as commands take them: `/ipfs/<cid>/a/b`, `<cid>/a/b`, `ipfs://<cid>/a/b`.
//!
//! Asked by commands and the gateway.

use bytes::Bytes;
use thiserror::Error;
use unixfs::{Cid, ReadError, Resolver};

use super::Node;
use crate::refusal::Refusal;

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
    /// Another kind of name.
    #[error("{0:?} cannot be resolved: this daemon resolves /ipfs paths only, give the CID instead")]
    Namespace(String),
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
            return Err(PathError::Namespace(text.to_owned()));
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
        self.resolve_path(&IpfsPath::parse(text)?)
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

fn in_kubos_words(error: ReadError) -> Refusal {
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
        assert!(matches!(IpfsPath::parse("/ipns/example.org"), Err(PathError::Namespace(_))));
    }
}
