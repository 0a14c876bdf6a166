//! The path of a request: `/ipfs/<cid>/a/b`, percent-decoded and without what changes nothing.
//!
//! Asked by `ask`. Keeps nothing.

use std::borrow::Cow;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use unixfs::Cid;

use crate::Refusal;

/// More segments than any honest path has; the whole way is walked twice at most.
const SEGMENTS_MAX: usize = 256;
/// What of a wrong CID is repeated to whoever sent it.
const SHOWN_CHARS: usize = 128;

/// A root and the way from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentPath {
    /// Where it begins.
    pub root: Cid,
    /// Names of entries, one below the other.
    pub segments: Vec<Bytes>,
    text: Vec<u8>,
}

impl ContentPath {
    /// Reads the path of a URI.
    ///
    /// # Errors
    ///
    /// When it is none of `/ipfs`, its root is no CID, or it is too deep.
    pub fn read(uri_path: &str) -> Result<Self, Refusal> {
        let clean = Clean::read(uri_path)?;
        if clean.space != b"ipfs"[..] {
            return Err(Refusal::Path);
        }
        Ok(Self { root: read_cid(&clean.root)?, segments: clean.segments, text: clean.text })
    }

    /// The path of parts that are read already.
    pub(crate) fn of(root: &str, segments: Vec<Bytes>, text: Vec<u8>) -> Result<Self, Refusal> {
        Ok(Self { root: read_cid(root.as_bytes())?, segments, text })
    }

    /// The path below this one.
    pub(crate) fn join(mut self, segments: &[Bytes], is_open: bool) -> Result<Self, Refusal> {
        if self.segments.len() + segments.len() > SEGMENTS_MAX {
            return Err(Refusal::Deep(SEGMENTS_MAX));
        }
        while self.text.last() == Some(&b'/') {
            self.text.pop();
        }
        for segment in segments {
            self.text.push(b'/');
            self.text.extend_from_slice(segment);
        }
        self.text.extend(is_open.then_some(b'/'));
        self.segments.extend(segments.iter().cloned());
        Ok(self)
    }

    /// The path as it is told back: clean, the CID as it was written, a slash at the end if there was one.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

/// A path without what changes nothing, its root not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clean {
    pub(crate) space: Bytes,
    pub(crate) root: Bytes,
    pub(crate) segments: Vec<Bytes>,
    /// All of it, with the slash at its end if there was one.
    pub(crate) text: Vec<u8>,
}

impl Clean {
    pub(crate) fn read(uri_path: &str) -> Result<Self, Refusal> {
        let decoded: Cow<'_, [u8]> = percent_decode_str(uri_path).into();
        let parts = clean(&decoded);
        let [space, root, segments @ ..] = &parts[..] else { return Err(Refusal::Path) };
        if segments.len() > SEGMENTS_MAX {
            return Err(Refusal::Deep(SEGMENTS_MAX));
        }
        let mut text = [b"/", parts.join(&b'/').as_slice()].concat();
        text.extend(decoded.ends_with(b"/").then_some(b'/'));
        let owned = |part: &&[u8]| Bytes::copy_from_slice(part);
        Ok(Self { space: owned(space), root: owned(root), segments: segments.iter().map(owned).collect(), text })
    }
}

fn clean(path: &[u8]) -> Vec<&[u8]> {
    let mut clean = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(clean.pop()),
            name => clean.push(name),
        }
    }
    clean
}

fn read_cid(text: &[u8]) -> Result<Cid, Refusal> {
    let text = String::from_utf8_lossy(text);
    let shown = || text.chars().take(SHOWN_CHARS).collect();
    text.parse::<Cid>().map_err(|error| Refusal::Cid { text: shown(), cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CID: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

    fn read(path: &str) -> Result<(String, Vec<String>), Refusal> {
        let path = ContentPath::read(&path.replace("CID", CID))?;
        let segments = path.segments.iter().map(|name| String::from_utf8(name.to_vec()).unwrap()).collect();
        Ok((String::from_utf8(path.as_bytes().to_vec()).unwrap().replace(CID, "CID"), segments))
    }

    #[test]
    fn a_path_is_told_back_clean() {
        for (path, text, segments) in [
            ("/ipfs/CID", "/ipfs/CID", &[][..]),
            ("/ipfs/CID/", "/ipfs/CID/", &[]),
            ("/ipfs/CID/a//b/./c/../d", "/ipfs/CID/a/b/d", &["a", "b", "d"]),
            ("/ipfs/CID/a%20b%2Fc", "/ipfs/CID/a b/c", &["a b", "c"]),
        ] {
            let segments: Vec<String> = segments.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(read(path), Ok((text.to_owned(), segments)), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for path in ["/", "/ipfs", "/ipfs/", "/ipns/CID", "/ipfs/CID/../.."] {
            assert_eq!(read(path), Err(Refusal::Path), "{path}");
        }
        assert!(matches!(read("/ipfs/nonsense/CID"), Err(Refusal::Cid { .. })));
        assert!(matches!(read("/ipfs/CID/../x"), Err(Refusal::Cid { .. })));
        assert_eq!(read(&format!("/ipfs/CID{}", "/x".repeat(257))), Err(Refusal::Deep(256)));
    }

    #[test]
    fn a_long_wrong_cid_is_not_repeated_at_length() {
        let Err(Refusal::Cid { text, .. }) = read(&format!("/ipfs/{}", "x".repeat(9_000))) else { panic!("read") };
        assert_eq!(text.len(), SHOWN_CHARS);
    }
}
