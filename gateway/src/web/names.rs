//! Paths of both kinds, `/ipfs/<cid>/a` and `/ipns/<name>/a`, and the names of peers.
//!
//! Asked by `hosts` and `visit`. Keeps nothing.

use bytes::Bytes;
use cid::{Cid, multibase::Base, multihash::Multihash};

use crate::{ContentPath, Refusal, path};

/// Codec of a CID that is the name of a key.
const LIBP2P_KEY: u64 = 0x72;

/// Below which a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// Content, which never changes.
    Ipfs,
    /// A name, which may lead elsewhere tomorrow.
    Ipns,
}

/// A path as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AskedPath {
    pub(super) space: Space,
    /// The CID, the key, or the domain.
    pub(super) root: String,
    pub(super) segments: Vec<Bytes>,
    /// Clean, with the slash at its end if there was one.
    pub(super) text: Vec<u8>,
}

impl AskedPath {
    /// Reads the path of a URI.
    pub(super) fn read(uri_path: &str) -> Result<Self, Refusal> {
        let clean = path::Clean::read(uri_path)?;
        let space = match &clean.space[..] {
            b"ipfs" => Space::Ipfs,
            b"ipns" => Space::Ipns,
            _ => return Err(Refusal::Path),
        };
        let root = String::from_utf8(clean.root.to_vec()).map_err(|_| Refusal::Path)?;
        Ok(Self { space, root, segments: clean.segments, text: clean.text })
    }

    /// The name under which the content would be saved: the last segment, none for a root.
    pub(super) fn last_name(&self) -> String {
        self.segments.last().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default()
    }

    /// Whether its root can be one.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.space == Space::Ipfs { self.content().map(|_| ()) } else { Ok(()) }
    }

    /// The path of content that it is.
    pub(super) fn content(&self) -> Result<ContentPath, Refusal> {
        ContentPath::of(&self.root, self.segments.clone(), self.text.clone())
    }

    /// The path below `to`, which the root of this one stands for.
    pub(super) fn below(&self, to: &str) -> Result<ContentPath, Refusal> {
        // A name leads to a path as it is, without escapes.
        ContentPath::read(&to.replace('%', "%25"))?.join(&self.segments, self.text.ends_with(b"/"))
    }
}

/// The CID of the key of a peer, from any of its spellings: `12D3KooW…`, `Qm…`, or a CID.
#[must_use]
pub fn peer_cid(text: &str) -> Option<Cid> {
    if !text.starts_with("Qm") && !text.starts_with('1') {
        return text.parse::<Cid>().ok().filter(|cid| cid.codec() == LIBP2P_KEY);
    }
    let bytes = Base::Base58Btc.decode(text).ok()?;
    Multihash::from_bytes(&bytes).ok().map(|hash| Cid::new_v1(LIBP2P_KEY, hash))
}

/// The key of a name: a CID of any codec, or a peer's spelling.
pub(super) fn key_cid(text: &str) -> Option<Cid> {
    let cid = peer_cid(text).or_else(|| text.parse::<Cid>().ok())?;
    Some(Cid::new_v1(LIBP2P_KEY, *cid.hash()))
}

/// A CID in base 36, as names of keys are written.
pub(super) fn base_36(cid: &Cid) -> String {
    cid.to_string_of_base(Base::Base36Lower).unwrap_or_else(|_| cid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_cid_in_all_its_spellings() {
        let old = "QmcJYkCKK7QPmYWjp4FD2e3Lv5WCGFuHNUByvGKBaytif4";
        let cid = peer_cid(old).unwrap();
        assert_eq!(base_36(&cid), "k2k4r8ol69zt02jhcw3g1qwqa9kg5ru89e04hbj0uec55ezyfyrppo1n");
        assert_eq!(peer_cid(&base_36(&cid)), Some(cid));
        let new = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5";
        assert_eq!(peer_cid(new).map(|cid| cid.codec()), Some(LIBP2P_KEY));
        assert_eq!(peer_cid("bafkqaaa"), None, "content is no key");
        assert_eq!(peer_cid("1-2-3"), None);
    }

    #[test]
    fn a_path_below_a_name_is_one_below_what_the_name_stands_for() {
        let asked = AskedPath::read("/ipns/example.org/a%20b//c/").unwrap();
        assert_eq!((asked.space, asked.root.as_str(), asked.last_name().as_str()), (Space::Ipns, "example.org", "c"));
        let content = asked.below("/ipfs/bafkqaaa/x").unwrap();
        assert_eq!(content.as_bytes(), b"/ipfs/bafkqaaa/x/a b/c/");
        assert!(AskedPath::read("/other/x").is_err());
    }
}
