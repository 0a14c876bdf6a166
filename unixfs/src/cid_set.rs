//! A set of blocks' names that takes little memory: walks over millions of blocks keep one.

use crate::Cid;
use std::collections::HashSet;

/// A set of blocks by codec and hash; the CIDs of version 0 and 1 of one block are the same here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CidSet {
    /// Codec and digest of the usual CIDs: less than half of the memory of a whole `Cid`.
    usual: HashSet<(u64, [u8; 32])>,
    other: HashSet<Cid>,
}

impl CidSet {
    /// Adds a name; says whether it is new.
    pub fn insert(&mut self, cid: &Cid) -> bool {
        match usual(cid) {
            Some(key) => self.usual.insert(key),
            None => self.other.insert(*cid),
        }
    }

    /// Whether the name is in the set.
    #[must_use]
    pub fn contains(&self, cid: &Cid) -> bool {
        usual(cid).map_or_else(|| self.other.contains(cid), |key| self.usual.contains(&key))
    }

    /// How many names are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.usual.len() + self.other.len()
    }

    /// Whether no name is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<Cid> for CidSet {
    fn from_iter<I: IntoIterator<Item = Cid>>(cids: I) -> Self {
        let mut set = Self::default();
        for cid in cids {
            set.insert(&cid);
        }
        set
    }
}

/// What names a block with a sha2-256 hash.
fn usual(cid: &Cid) -> Option<(u64, [u8; 32])> {
    let is_sha2_256 = cid.hash().code() == crate::block::SHA2_256;
    cid.hash().digest().try_into().ok().filter(|_| is_sha2_256).map(|digest| (cid.codec(), digest))
}
