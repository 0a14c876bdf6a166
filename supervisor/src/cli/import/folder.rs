//! `folder`: a plain tree of comments on disk, read with care: anybody may have put anything into it.

use std::{
    cmp::Ordering,
    fs, io,
    path::{Path, PathBuf},
};

use proto::{
    LegacyId, Topic,
    record::{Limits, Record},
};

/// No comment of any server is longer.
const COMMENT_BYTES: u64 = 1024 * 1024;

/// What is where.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The topics, in the order of their ids, with their folders.
    pub(super) topics: Vec<(Topic, PathBuf)>,
    /// Files in those folders.
    pub(super) files: u64,
    /// What does not belong there.
    pub(super) strangers: Vec<PathBuf>,
}

/// One file that has the name of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) name: LegacyId,
    pub(super) date_s: u64,
}

impl Tree {
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.descend(folder, "", &[2, 2, 36])?;
        tree.topics.sort();
        Ok(tree)
    }

    /// Goes down through folders whose names have these lengths; together they are a topic.
    fn descend(&mut self, folder: &Path, above: &str, lengths: &[usize]) -> io::Result<()> {
        let Some((&length, deeper)) = lengths.split_first() else {
            self.files += fs::read_dir(folder)?.count() as u64;
            self.topics.extend(above.parse().map(|topic| (topic, folder.to_owned())));
            return Ok(());
        };
        for (name, path) in entries(folder)? {
            if name.len() == length && is_hex(&name) && path.is_dir() {
                self.descend(&path, &format!("{above}{name}"), deeper)?;
            } else {
                self.strangers.push(path);
            }
        }
        Ok(())
    }
}

/// Names and paths in a folder; what is hidden (our own unfinished files, too) is left out.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

fn is_hex(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The files of a topic's folder, the oldest comment first, so that a thread arrives as it was written.
pub(super) fn comments(folder: &Path) -> io::Result<Vec<Found>> {
    let mut all = Vec::new();
    for (name, path) in entries(folder)? {
        // A file of another name is read as well: the check of its bytes refuses it with a reason.
        let name = name.parse().unwrap_or(LegacyId([0; 20]));
        let mut found = Found { path, name, date_s: 0 };
        found.date_s = found.bytes().map_or(0, |blob| date_s(&blob));
        all.push(found);
    }
    all.sort_by(Found::older_first);
    Ok(all)
}

fn date_s(blob: &[u8]) -> u64 {
    Record::parse(blob, Limits::NONE).map_or(0, |record| record.date_s)
}

impl Found {
    fn older_first(&self, other: &Self) -> Ordering {
        (self.date_s, self.name, &self.path).cmp(&(other.date_s, other.name, &other.path))
    }

    /// Its bytes, if they are those that its name promises.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, String> {
        let meta = fs::metadata(&self.path).map_err(|error| error.to_string())?;
        if !meta.is_file() {
            return Err("not a file".to_owned());
        }
        if meta.len() > COMMENT_BYTES {
            return Err(format!("{} bytes; no comment has more than {COMMENT_BYTES}", meta.len()));
        }
        let blob = fs::read(&self.path).map_err(|error| error.to_string())?;
        match LegacyId::of(&blob) {
            own if own == self.name => Ok(blob),
            own => Err(format!("its name is not the SHA-1 of its bytes, which is {own}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, blob: &str) -> LegacyId {
        let name = LegacyId::of(blob.as_bytes());
        fs::write(folder.join(name.to_string()), blob).unwrap();
        name
    }

    #[test]
    fn topics_are_found_and_strangers_named() {
        let folder = tempfile::tempdir().unwrap();
        let topic = Topic([0xab; 20]);
        let place = crate::cli::export::place(folder.path(), topic);
        fs::create_dir_all(&place).unwrap();
        put(&place, "x");
        for stranger in ["README", "ab/AB", "ab/ab/short", ".git"] {
            fs::create_dir_all(folder.path().join(stranger)).unwrap();
        }
        let mut tree = Tree::read(folder.path()).unwrap();
        tree.strangers.sort();
        assert_eq!(tree.topics, [(topic, place)]);
        assert_eq!(tree.files, 1);
        let strangers = ["README", "ab/AB", "ab/ab/short"].map(|name| folder.path().join(name));
        assert_eq!(tree.strangers, strangers);
    }

    #[test]
    fn comments_come_the_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let dated = |date: &str| format!("Date: {date}\n\ntext");
        let newer = put(folder.path(), &dated("2026-11-20T16:47:05.101Z"));
        let older = put(folder.path(), &dated("2025-11-20T16:47:05.101Z"));
        let names: Vec<_> = comments(folder.path()).unwrap().iter().map(|found| found.name).collect();
        assert_eq!(names, [older, newer]);
    }

    #[test]
    fn a_file_with_other_bytes_than_its_name_says_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let name = LegacyId::of(b"right").to_string();
        fs::write(folder.path().join(&name), "wrong").unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        let found = comments(folder.path()).unwrap();
        let whys: Vec<_> = found.iter().map(|found| found.bytes().unwrap_err()).collect();
        assert!(whys.iter().any(|why| why.contains(&LegacyId::of(b"wrong").to_string())), "{whys:?}");
        assert!(whys.iter().any(|why| why == "not a file"), "{whys:?}");
    }
}
