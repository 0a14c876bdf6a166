//! Paths in the writable folder.
//!
//! Asked by `files/*`.

use std::fmt;

use crate::refusal::Refusal;

/// An absolute path without `.`, `..` and empty names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MfsPath {
    names: Vec<String>,
    /// It was written with a slash at the end.
    ends_with_slash: bool,
}

impl MfsPath {
    /// Reads a path.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.is_empty() {
            return Err(Refusal::failed("paths must not be empty"));
        }
        if !text.starts_with('/') {
            return Err(Refusal::failed("paths must start with a leading slash"));
        }
        let mut names: Vec<String> = Vec::new();
        for name in text.split('/') {
            match name {
                "" | "." => {}
                ".." => _ = names.pop(),
                name => names.push(name.to_owned()),
            }
        }
        Ok(Self { names, ends_with_slash: text.ends_with('/') })
    }

    /// The names from the root down.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn is_root(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether it was written as a folder.
    pub(crate) const fn is_folder(&self) -> bool {
        self.ends_with_slash
    }

    /// The last name; empty for the root.
    pub(crate) fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    pub(crate) fn parent(&self) -> Self {
        let above = self.names.len().saturating_sub(1);
        Self { names: self.names[..above].to_vec(), ends_with_slash: false }
    }

    pub(crate) fn child(&self, name: &str) -> Self {
        let mut names = self.names.clone();
        names.push(name.to_owned());
        Self { names, ends_with_slash: false }
    }
}

impl fmt::Display for MfsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        let path = MfsPath::parse("/a//b/./x/../c/").unwrap();
        assert_eq!((path.to_string().as_str(), path.is_folder(), path.name()), ("/a/b/c", true, "c"));
        assert_eq!(path.parent().to_string(), "/a/b");
        assert!(MfsPath::parse("/..").unwrap().is_root());
    }

    #[test]
    fn relative_paths_are_refused_in_kubos_words() {
        assert_eq!(MfsPath::parse("").unwrap_err().message, "paths must not be empty");
        assert_eq!(MfsPath::parse("a").unwrap_err().message, "paths must start with a leading slash");
    }
}
