//! How far each server's log of arrivals has been read: one small JSON file, replaced as a whole.
//!
//! Losing it costs time, not comments: the log is then read again from its beginning, and what is known is known.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use daemon::{Failure, OrFail as _};
use proto::{Epoch, Seq};
use serde::{Deserialize, Serialize};

/// A place in one server's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The life of the log that `seq` belongs to.
    pub epoch: Epoch,
    /// Everything up to and including this one is on our disk, or was refused.
    pub seq: Seq,
}

/// The places in all servers' logs, by the server's address.
#[derive(Debug)]
pub struct Cursors {
    file: PathBuf,
    places: BTreeMap<String, Cursor>,
}

impl Cursors {
    /// Reads the file in `folder`; a damaged one is as good as none.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder).or_fail(format!("cannot make directory {}", folder.display()))?;
        let file = folder.join("cursors.json");
        let places = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Ok(Self { file, places })
    }

    /// The place in a server's log; its beginning when it was never read.
    #[must_use]
    pub fn of(&self, peer: &str) -> Cursor {
        self.places.get(peer).copied().unwrap_or_default()
    }

    /// Remembers a place, on disk.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; the old one is still there.
    pub fn set(&mut self, peer: &str, cursor: Cursor) -> io::Result<()> {
        self.places.insert(peer.to_owned(), cursor);
        let bytes = serde_json::to_vec(&self.places).map_err(io::Error::other)?;
        let next = self.file.with_extension("next");
        let mut file = File::create(&next)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&next, &self.file)?;
        self.file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_remembered_over_a_restart_and_a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let place = Cursor { epoch: Epoch(7), seq: Seq(9) };
        let mut cursors = Cursors::open(folder.path()).unwrap();
        cursors.set("http://192.0.2.1:8780", place).unwrap();
        assert_eq!(Cursors::open(folder.path()).unwrap().of("http://192.0.2.1:8780"), place);
        fs::write(folder.path().join("cursors.json"), "{").unwrap();
        assert_eq!(Cursors::open(folder.path()).unwrap().of("http://192.0.2.1:8780"), Cursor::default());
    }
}
