//! Reads every block and checks it against its name.
//!
//! Asked by the operator's check. Changes nothing.

use super::{Key, Store, StoreError};

/// A block that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The block.
    pub key: Key,
    /// What is wrong with it.
    pub what: String,
}

impl Store {
    /// Reads every block; gives those that are damaged or missing from their segment.
    pub fn verify(&self) -> impl Iterator<Item = Result<Fault, StoreError>> + '_ {
        self.keys().filter_map(|key| match key {
            Ok(key) => self.fault(key).map(Ok),
            Err(error) => Some(Err(error)),
        })
    }

    /// What is wrong with a block, if something is.
    #[must_use]
    pub fn fault(&self, key: Key) -> Option<Fault> {
        let cid = key.raw_cid()?;
        let what = match self.shared.read(&key, usize::MAX) {
            // Deleted since the key was listed.
            Ok(None) => return None,
            Ok(Some(bytes)) => unixfs::verify(&cid, &bytes).err()?.to_string(),
            Err(error) => error.to_string(),
        };
        Some(Fault { key, what })
    }
}
