//! Records on disk: the last one of each name that was published here or handed to us to keep, a file for each.
//!
//! Asked by `names`. Keeps `<repo>/names`. What is kept was checked when it came, and is checked by who reads it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use ipns::{Name, Record};

const FRESH: &str = "new";

/// Records by name.
#[derive(Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The records in a folder, which is made when it is not there.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The record of a name. One that is damaged counts for nothing: the network has others.
    pub(crate) fn get(&self, name: &Name) -> io::Result<Option<Record>> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Record::decode(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a record in place of the one before, durably.
    pub(crate) fn put(&self, name: &Name, record: &Record) -> io::Result<()> {
        let path = self.path(name);
        let fresh = path.with_extension(FRESH);
        let mut file = File::create(&fresh)?;
        file.write_all(&record.encode())?;
        file.sync_all()?;
        fs::rename(fresh, path)?;
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(name.to_string())
    }
}
