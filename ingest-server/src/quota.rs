//! How much all kept files may have together. A CID counts once, however often it was sent; while a file comes in, nobody
//! knows its CID yet, so then it needs room of its own.
//!
//! Asked by uploads as they grow. Learns at the start from the journal what is there.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use proto::{Cid, uploads::Upload};

/// The quota. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Quota(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    limit_bytes: u64,
    used_bytes: AtomicU64,
    /// The hashes of the CIDs that are counted: eight bytes each.
    counted: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

/// What one upload takes of it; given back when dropped.
#[derive(Debug)]
pub struct Share {
    quota: Quota,
    bytes: u64,
}

/// Nothing is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server's quota is used up; ask its operator to raise [ingest-server] quota_mib")]
pub struct UsedUp;

impl Quota {
    /// A quota of so many bytes, 0 for none, of which these take a part.
    pub fn new(limit_bytes: u64, past: impl IntoIterator<Item = Upload>) -> Self {
        if limit_bytes == 0 {
            return Self(None);
        }
        let inner =
            Inner { limit_bytes, used_bytes: AtomicU64::new(0), counted: Mutex::default(), hasher: RandomState::new() };
        for upload in past {
            if inner.is_new(&upload.cid) {
                inner.used_bytes.fetch_add(upload.bytes, Relaxed);
            }
        }
        Self(Some(Arc::new(inner)))
    }

    /// The share of a new upload.
    #[must_use]
    pub fn share(&self) -> Share {
        Share { quota: self.clone(), bytes: 0 }
    }
}

impl Inner {
    fn is_new(&self, cid: &Cid) -> bool {
        let hash = self.hasher.hash_one(cid.0);
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).insert(hash)
    }
}

impl Share {
    /// Takes more.
    ///
    /// # Errors
    ///
    /// When there is no more.
    pub fn grow(&mut self, bytes: u64) -> Result<(), UsedUp> {
        let Some(inner) = &self.quota.0 else { return Ok(()) };
        let next = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= inner.limit_bytes);
        inner.used_bytes.fetch_update(Relaxed, Relaxed, next).map_err(|_| UsedUp)?;
        self.bytes += bytes;
        Ok(())
    }

    /// The upload is kept: what it took stays taken, unless the same file was there already.
    pub fn keep(mut self, cid: &Cid) {
        let Some(inner) = &self.quota.0 else { return };
        if inner.is_new(cid) {
            self.bytes = 0;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(inner) = &self.quota.0 {
            inner.used_bytes.fetch_sub(self.bytes, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cid(text: &str) -> Cid {
        Cid(unixfs::cid_raw(text.as_bytes()))
    }

    fn upload(text: &str, bytes: u64) -> Upload {
        Upload { time: String::new(), peer: "127.0.0.1:1".parse().unwrap(), bytes, cid: cid(text), seconds: 0.0 }
    }

    #[test]
    fn a_file_counts_once_and_an_upload_that_fails_not_at_all() {
        let quota = Quota::new(10, [upload("a", 4), upload("a", 4)]);
        let mut failing = quota.share();
        failing.grow(6).unwrap();
        assert_eq!(failing.grow(1), Err(UsedUp));
        drop(failing);
        let mut again = quota.share();
        again.grow(4).unwrap();
        again.keep(&cid("a"));
        let mut new = quota.share();
        new.grow(6).unwrap();
        new.keep(&cid("b"));
        assert_eq!(quota.share().grow(1), Err(UsedUp));
    }

    #[test]
    fn no_quota_is_no_limit() {
        assert_eq!(Quota::new(0, []).share().grow(u64::MAX), Ok(()));
    }
}
