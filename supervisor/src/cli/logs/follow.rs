//! `follow`: shows lines as they are written. Woken by the kernel when a file of the folder changes.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{line, matches};
use crate::journal::path;

/// Follows all wanted logs of a folder, those that appear later included.
pub(super) struct Follower {
    folder: PathBuf,
    wanted: Option<String>,
    changes: Inotify,
    open: BTreeMap<String, Reader>,
}

/// One log, read up to somewhere.
struct Reader {
    file: File,
    /// A line that is not complete yet.
    begun: Vec<u8>,
}

impl Follower {
    /// Starts at the present end of the logs `names`.
    pub(super) fn new(folder: &Path, wanted: Option<&str>, names: &[String]) -> io::Result<Self> {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC)?;
        changes.add_watch(folder, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE)?;
        let mut open = BTreeMap::new();
        for name in names {
            let mut file = File::open(path(folder, name, 0))?;
            file.seek(SeekFrom::End(0))?;
            open.insert(name.clone(), Reader { file, begun: Vec::new() });
        }
        Ok(Self { folder: folder.to_owned(), wanted: wanted.map(str::to_owned), changes, open })
    }

    /// Goes on until `show` fails or the operator interrupts.
    pub(super) fn run(mut self, show: impl Fn(&str) -> io::Result<()>) -> io::Result<()> {
        loop {
            let events = self.changes.read_events()?;
            let mut names: Vec<_> = events.into_iter().filter_map(|event| self.name(event.name?.to_str()?)).collect();
            names.sort();
            names.dedup();
            for name in names {
                show(&self.read(&name)?)?;
            }
        }
    }

    /// The log that a changed file is of, if that is wanted. A rotated file's news are in the file that follows it.
    fn name(&self, file: &str) -> Option<String> {
        let name = file.split_once(".log").map(|(name, _)| name)?;
        matches(name, self.wanted.as_deref()).then(|| name.to_owned())
    }

    fn read(&mut self, name: &str) -> io::Result<String> {
        let current = path(&self.folder, name, 0);
        let mut bytes = Vec::new();
        let mut reader = match self.open.remove(name) {
            Some(reader) => reader,
            None => Reader { file: File::open(&current)?, begun: Vec::new() },
        };
        reader.file.read_to_end(&mut bytes)?;
        // In the middle of a rotation there is no current file; its creation wakes us again.
        if let Ok(newer) = File::open(&current)
            && newer.metadata()?.ino() != reader.file.metadata()?.ino()
        {
            reader.file = newer;
            reader.file.read_to_end(&mut bytes)?;
        }
        let lines = reader.complete(bytes);
        self.open.insert(name.to_owned(), reader);
        let text = String::from_utf8_lossy(&lines);
        Ok(line::parse(name, text.lines()).iter().map(ToString::to_string).collect())
    }
}

impl Reader {
    fn complete(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.begun.extend(bytes);
        let end = self.begun.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.begun.split_off(end);
        std::mem::replace(&mut self.begun, rest)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;

    #[test]
    fn lines_are_followed_over_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let file = path(folder.path(), "a.0", 0);
        fs::write(&file, "old\n").unwrap();
        let mut follower = Follower::new(folder.path(), None, &["a.0".to_owned()]).unwrap();
        let append =
            |text: &str| fs::File::options().append(true).create(true).open(&file).unwrap().write_all(text.as_bytes());
        append("one\ntw").unwrap();
        let texts =
            |shown: String| shown.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(follower.read("a.0").unwrap()), ["one"]);
        append("o\n").unwrap();
        fs::rename(&file, path(folder.path(), "a.0", 1)).unwrap();
        append("three\n").unwrap();
        assert_eq!(texts(follower.read("a.0").unwrap()), ["two", "three"]);
    }
}
