//! Keys on disk: a file for each, as Kubo keeps them, so that a repository of Kubo's can be taken over and its command
//! line reads ours. Only their owner may read them; a file is there whole or not at all.
//!
//! Asked by `names`. Keeps `<repo>/keystore`. The key named `self` is the node's own and is not among them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use cid::multibase::Base;
use ipns::{KeyError, KeyPair};
use thiserror::Error;

/// The name of the node's own key.
pub(crate) const SELF: &str = "self";
const PREFIX: &str = "key_";
/// What is being written, by one at a time; no key has such a file.
const FRESH: &str = "fresh.new";
/// A file's name has at most 255 bytes.
const NAME_BYTES_MAX: usize = 156;

/// Keys by name.
#[derive(Debug)]
pub(crate) struct KeyStore {
    folder: PathBuf,
    /// Who changes keys looks at them first, alone.
    turn: Mutex<()>,
}

/// Why a key cannot be had, kept or renamed.
#[derive(Debug, Error)]
pub(crate) enum KeyStoreError {
    /// Kubo's word where a key is made.
    #[error("key with name '{0}' already exists")]
    Exists(String),
    #[error("no key named {0} was found")]
    Unknown(String),
    #[error("key name must be at least one character")]
    Empty,
    #[error("a key's name has at most {NAME_BYTES_MAX} bytes; choose a shorter one")]
    Long,
    #[error("the file {path} holds no key; restore it from a backup, or remove it")]
    Damaged {
        path: PathBuf,
        #[source]
        cause: KeyError,
    },
    #[error("cannot read or write {path}; check the folder's permissions and the disk")]
    Disk {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

/// Whether a key that has the name already gives way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Allowed,
    Refused,
}

impl KeyStore {
    /// The keys in a folder, which is made when it is not there. What was half written when a process died is removed.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeyStoreError> {
        let store = Self { folder: folder.to_owned(), turn: Mutex::default() };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|cause| store.disk(folder, cause))?;
        let fresh = folder.join(FRESH);
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(store.disk(&fresh, error)),
            _ => Ok(store),
        }
    }

    /// A key; none when there is no such name.
    pub(crate) fn get(&self, name: &str) -> Result<Option<KeyPair>, KeyStoreError> {
        let path = self.path(name)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => zeroize::Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(self.disk(&path, cause)),
        };
        KeyPair::decode(&bytes).map(Some).map_err(|cause| KeyStoreError::Damaged { path, cause })
    }

    /// Keeps a key under a name that is free.
    pub(crate) fn put(&self, name: &str, key: &KeyPair) -> Result<(), KeyStoreError> {
        let path = self.path(name)?;
        let _turn = self.turn();
        if path.exists() {
            return Err(KeyStoreError::Exists(name.to_owned()));
        }
        self.write(&path, &key.encode()).map_err(|cause| self.disk(&path, cause))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let fresh = self.folder.join(FRESH);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(fresh, path)?;
        self.sync()
    }

    /// Gives a key another name, in one step. True when another key gave way.
    pub(crate) fn rename(&self, from: &str, to: &str, overwrite: Overwrite) -> Result<bool, KeyStoreError> {
        let (old, new) = (self.path(from)?, self.path(to)?);
        let _turn = self.turn();
        if !old.exists() {
            return Err(KeyStoreError::Unknown(from.to_owned()));
        }
        if from == to {
            return Ok(false);
        }
        let gives_way = new.exists();
        if gives_way && overwrite == Overwrite::Refused {
            return Err(KeyStoreError::Exists(to.to_owned()));
        }
        fs::rename(&old, &new).and_then(|()| self.sync()).map_err(|cause| self.disk(&new, cause))?;
        Ok(gives_way)
    }

    /// Forgets a key for good.
    pub(crate) fn remove(&self, name: &str) -> Result<(), KeyStoreError> {
        let path = self.path(name)?;
        let _turn = self.turn();
        match fs::remove_file(&path).and_then(|()| self.sync()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyStoreError::Unknown(name.to_owned())),
            Err(cause) => Err(self.disk(&path, cause)),
            Ok(()) => Ok(()),
        }
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, KeyStoreError> {
        let mut names: Vec<_> = self.entries()?.iter().filter_map(|path| name_of(path)).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn entries(&self) -> Result<Vec<PathBuf>, KeyStoreError> {
        let entries = fs::read_dir(&self.folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>());
        entries.map_err(|cause| self.disk(&self.folder, cause))
    }

    fn path(&self, name: &str) -> Result<PathBuf, KeyStoreError> {
        match name.len() {
            0 => Err(KeyStoreError::Empty),
            1..=NAME_BYTES_MAX => Ok(self.folder.join(format!("{PREFIX}{}", Base::Base32Lower.encode(name)))),
            _ => Err(KeyStoreError::Long),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::unused_self, reason = "reads as what it is: this store's disk")]
    fn disk(&self, path: &Path, cause: io::Error) -> KeyStoreError {
        KeyStoreError::Disk { path: path.to_owned(), cause }
    }
}

fn name_of(path: &Path) -> Option<String> {
    let encoded = path.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    String::from_utf8(Base::Base32Lower.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use ipns::KeyKind;

    use super::*;

    fn key(seed: u8) -> KeyPair {
        KeyPair::generate(KeyKind::Ed25519, &[seed; 32]).unwrap()
    }

    fn store() -> (tempfile::TempDir, KeyStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = KeyStore::open(&folder.path().join("keystore")).unwrap();
        (folder, store)
    }

    #[test]
    fn a_key_is_kept_where_kubo_keeps_it_and_only_its_owner_may_read_it() {
        let (folder, store) = store();
        store.put("e1", &key(1)).unwrap();
        let path = folder.path().join("keystore/key_muyq");
        assert_eq!(fs::read(&path).unwrap(), *key(1).encode());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("keystore")).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn keys_are_found_by_the_next_process_and_half_written_ones_are_not() {
        let (folder, store) = store();
        store.put("b", &key(1)).unwrap();
        store.put("a/../ü", &key(2)).unwrap();
        let half = folder.path().join("keystore/fresh.new");
        fs::write(&half, "half").unwrap();
        let store = KeyStore::open(&folder.path().join("keystore")).unwrap();
        assert_eq!(store.names().unwrap(), ["a/../ü", "b"]);
        assert_eq!(store.get("b").unwrap().unwrap().name(), key(1).name());
        assert!(!half.exists());
    }

    #[test]
    fn a_name_that_is_taken_is_refused_and_nothing_is_lost() {
        let (_folder, store) = store();
        store.put("a", &key(1)).unwrap();
        assert!(matches!(store.put("a", &key(2)), Err(KeyStoreError::Exists(_))));
        store.put("b", &key(2)).unwrap();
        assert!(matches!(store.rename("a", "b", Overwrite::Refused), Err(KeyStoreError::Exists(_))));
        assert_eq!(store.get("b").unwrap().unwrap().name(), key(2).name());
        assert!(store.rename("a", "b", Overwrite::Allowed).unwrap());
        assert_eq!(store.get("b").unwrap().unwrap().name(), key(1).name());
        assert!(store.get("a").unwrap().is_none());
        assert!(!store.rename("b", "b", Overwrite::Refused).unwrap());
    }

    #[test]
    fn what_is_removed_is_gone_and_what_was_never_there_is_told() {
        let (_folder, store) = store();
        store.put("a", &key(1)).unwrap();
        store.remove("a").unwrap();
        assert!(matches!(store.remove("a"), Err(KeyStoreError::Unknown(_))));
        assert!(matches!(store.get(""), Err(KeyStoreError::Empty)));
        assert!(matches!(store.get(&"x".repeat(157)), Err(KeyStoreError::Long)));
        assert!(store.put(&"x".repeat(156), &key(1)).is_ok());
    }

    #[test]
    fn a_damaged_file_is_told_and_left_alone() {
        let (folder, store) = store();
        let path = folder.path().join("keystore/key_me");
        fs::write(&path, "no key").unwrap();
        assert!(matches!(store.get("a"), Err(KeyStoreError::Damaged { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"no key");
    }
}
