//! `files`: log files that never grow past their limit.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Sink;

/// Where files go, and when one is full.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The folder.
    pub folder: PathBuf,
    /// A file is rotated before it grows past this.
    pub file_bytes: u64,
    /// So many files are kept of each log, the current one included.
    pub files: u32,
}

/// All log files that are open.
#[derive(Debug)]
pub struct Files {
    rotation: Rotation,
    open: BTreeMap<Arc<str>, Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

/// The file of a log: the current one (0), or an older one.
pub fn path(folder: &Path, log: &str, age: u32) -> PathBuf {
    match age {
        0 => folder.join(format!("{log}.log")),
        age => folder.join(format!("{log}.log.{age}")),
    }
}

impl Files {
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn new(rotation: Rotation) -> io::Result<Self> {
        // Logs can quote what visitors wrote: they are for the operator.
        DirBuilder::new().recursive(true).mode(0o700).create(&rotation.folder)?;
        Ok(Self { rotation, open: BTreeMap::new() })
    }

    fn rotate(&self, log: &str) -> io::Result<Open> {
        let path = |age| path(&self.rotation.folder, log, age);
        let oldest = self.rotation.files.max(1) - 1;
        if oldest == 0 {
            fs::remove_file(path(0))?;
        }
        for age in (0..oldest).rev() {
            match fs::rename(path(age), path(age + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Open::at(&path(0))
    }
}

impl Sink for Files {
    fn append(&mut self, log: &Arc<str>, lines: &[u8]) -> io::Result<()> {
        let added = lines.len() as u64;
        let open = match self.open.remove(log) {
            Some(open) => open,
            None => Open::at(&path(&self.rotation.folder, log, 0))?,
        };
        let full = open.bytes > 0 && open.bytes + added > self.rotation.file_bytes;
        let mut open = if full { self.rotate(log)? } else { open };
        // A file that fails is closed, and opened again for the next line: the disk may have room then.
        open.file.write_all(lines)?;
        open.bytes += added;
        self.open.insert(Arc::clone(log), open);
        Ok(())
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { bytes: file.metadata()?.len(), file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &tempfile::TempDir, keep: u32) -> Files {
        Files::new(Rotation { folder: folder.path().to_owned(), file_bytes: 10, files: keep }).unwrap()
    }

    fn contents(folder: &tempfile::TempDir) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
        let mut found: Vec<_> = entries
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        found.sort();
        found
    }

    fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_file_is_rotated_before_it_grows_past_its_limit_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(&folder, 3);
        for line in ["aaaa\n", "bbbb\n", "cccc\n", "dddddddddddddd\n", "e\n", "f\n"] {
            files.append(&"x.0".into(), line.as_bytes()).unwrap();
        }
        let kept = [("x.0.log", "e\nf\n"), ("x.0.log.1", "dddddddddddddd\n"), ("x.0.log.2", "cccc\n")];
        assert_eq!(contents(&folder), expected(&kept));
    }

    #[test]
    fn a_single_file_starts_afresh() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(&folder, 1);
        for line in ["aaaaaaaa\n", "bbbbbbbb\n"] {
            files.append(&"x.0".into(), line.as_bytes()).unwrap();
        }
        assert_eq!(contents(&folder), expected(&[("x.0.log", "bbbbbbbb\n")]));
    }

    #[test]
    fn a_new_supervisor_goes_on_where_the_old_one_ended() {
        let folder = tempfile::tempdir().unwrap();
        for line in ["aaaa\n", "bbbb\n", "cccc\n"] {
            files(&folder, 2).append(&"x.0".into(), line.as_bytes()).unwrap();
        }
        assert_eq!(contents(&folder), expected(&[("x.0.log", "cccc\n"), ("x.0.log.1", "aaaa\nbbbb\n")]));
    }
}
