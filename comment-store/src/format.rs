//! The files of a store before LMDB sees them: is this ours, is it whole, is it of a version that we know?
//!
//! LMDB answers a cut file with SIGBUS when it reads beyond the end, and an empty one with a new database. So this looks
//! first, and whatever is not right is an error that changes nothing.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{StoreError, pages::Pages};

/// The version that this program writes.
pub(crate) const VERSION: u32 = 1;
/// Name and version of the store, as text.
const FORMAT: &str = "FORMAT";
/// Stands for `FORMAT` while the store is created: if only it is there, nothing was kept yet.
const CREATING: &str = "CREATING";
const NAME: &str = "rookery comment store";
/// LMDB's files.
pub(crate) const DATA: &str = "data.mdb";
const LOCK_TABLE: &str = "lock.mdb";

/// What is in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    /// No store, and nothing that would have to be kept.
    None,
    /// A store of this version, whole as far as can be seen without reading all of it.
    Store(u32),
}

/// Looks at the files of a store and changes nothing.
pub(crate) fn inspect(dir: &Path) -> Result<Files, StoreError> {
    let data = dir.join(DATA);
    // In this order: a writer that finishes between our looks has renamed CREATING to FORMAT, which is read last.
    let (has_data, is_being_created) = (exists(&data)?, exists(&dir.join(CREATING))?);
    let Some(format) = read(&dir.join(FORMAT))? else {
        return match has_data && !is_being_created {
            true => Err(StoreError::Foreign { path: data, found: format!("there is no file {FORMAT} beside it") }),
            false => Ok(Files::None),
        };
    };
    let version = parse(&format).ok_or_else(|| StoreError::Foreign {
        path: dir.join(FORMAT),
        found: format!("it says `{}`", format.chars().take(60).collect::<String>().escape_debug()),
    })?;
    if version > VERSION {
        return Err(StoreError::Newer { dir: dir.to_owned(), found: version, known: VERSION });
    }
    check_data(&data)?;
    Ok(Files::Store(version))
}

/// Checks that LMDB will find every page that the newest commit uses.
fn check_data(data: &Path) -> Result<(), StoreError> {
    if !exists(data)? {
        return Err(StoreError::Damaged { path: data.to_owned(), found: "is missing".to_owned() });
    }
    Pages::open(data)?.check_length()
}

/// Notes that a store begins to be here. The writer's lock is held.
pub(crate) fn begin(dir: &Path) -> Result<(), StoreError> {
    write(&dir.join(CREATING), &text(VERSION))?;
    // What an interrupted beginning left: nobody was ever told that anything in it was kept.
    for left in [DATA, LOCK_TABLE] {
        match fs::remove_file(dir.join(left)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", dir.join(left), cause));
            }
            _ => {}
        }
    }
    sync_dir(dir)
}

/// Notes that the store is there: from now on it is never created again.
pub(crate) fn finish(dir: &Path) -> Result<(), StoreError> {
    rename(dir, CREATING, FORMAT)
}

/// Notes that the store was brought to this version.
pub(crate) fn set_version(dir: &Path, version: u32) -> Result<(), StoreError> {
    const NEW: &str = "FORMAT.new";
    write(&dir.join(NEW), &text(version))?;
    rename(dir, NEW, FORMAT)
}

fn text(version: u32) -> String {
    format!("{NAME}\nversion {version}\n")
}

fn parse(format: &str) -> Option<u32> {
    let (name, rest) = format.split_once('\n')?;
    let version = rest.strip_suffix('\n')?.strip_prefix("version ")?;
    (name == NAME).then(|| version.parse().ok())?
}

fn read(path: &Path) -> Result<Option<String>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(failed("read", path, cause)),
    }
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    fs::exists(path).map_err(|cause| failed("look for", path, cause))
}

fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    let written = fs::File::create(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|cause| failed("write", path, cause))
}

fn rename(dir: &Path, from: &str, to: &str) -> Result<(), StoreError> {
    fs::rename(dir.join(from), dir.join(to)).map_err(|cause| failed("rename", dir.join(from), cause))?;
    sync_dir(dir)
}

fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    let synced = fs::File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|cause| failed("sync", dir, cause))
}

/// A file operation failed.
pub(crate) fn failed(doing: &'static str, path: impl Into<PathBuf>, cause: io::Error) -> StoreError {
    let full = matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if full { StoreError::DiskFull } else { StoreError::File { doing, path: path.into(), cause } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_file_says_name_and_version() {
        assert_eq!(text(1), "rookery comment store\nversion 1\n");
        assert_eq!(parse(&text(7)), Some(7));
        for wrong in ["", "rookery comment store", "rookery comment store\nversion x\n", "other\nversion 1\n"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_empty_or_absent_folder_has_no_store() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(inspect(dir.path()).unwrap(), Files::None);
        assert_eq!(inspect(&dir.path().join("absent")).unwrap(), Files::None);
    }
}
