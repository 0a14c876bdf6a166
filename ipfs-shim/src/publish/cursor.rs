//! The durable cursor: how far publishing is. One small file, replaced as a whole.
//!
//! It may be lost at any time: then everything is published again, which the daemon answers quickly because it has it.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use proto::{Cid, Epoch, Seq};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::plan::Cursor;

#[derive(Serialize, Deserialize)]
struct Saved {
    epoch: Epoch,
    commit: u64,
    seq: Seq,
    root: Cid,
}

/// The file of the cursor.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
}

impl CursorFile {
    /// The cursor's file in `folder`, which exists.
    pub(super) fn within(folder: &Path) -> Self {
        Self { path: folder.join("cursor.json") }
    }

    /// What was saved last, if it can be read.
    pub(super) fn load(&self) -> Option<Cursor> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return None,
            Err(cause) => return self.without(&cause),
        };
        match serde_json::from_slice::<Saved>(&text) {
            Ok(Saved { epoch, commit, seq, root }) => Some(Cursor { epoch, commit, seq, root }),
            Err(cause) => self.without(&cause),
        }
    }

    fn without(&self, cause: &dyn std::error::Error) -> Option<Cursor> {
        warn!(path = %self.path.display(), %cause, "cursor unreadable, publishing everything again");
        None
    }

    /// Saves, so that it is there after a loss of power too.
    pub(super) fn save(&self, cursor: &Cursor) -> io::Result<()> {
        let Cursor { epoch, commit, seq, root } = *cursor;
        let text = serde_json::to_vec(&Saved { epoch, commit, seq, root })?;
        replace(&self.path, &text)
    }
}

/// Replaces a file as a whole: whoever reads it, also after a loss of power, finds the old or the new one.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder_of(path)
}

/// A name is on the disk when its folder is.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use proto::CommentId;

    use super::*;

    fn cursor(commit: u64) -> Cursor {
        Cursor { epoch: Epoch(7), commit, seq: Seq(9), root: CommentId::of(b"root").cid() }
    }

    #[test]
    fn what_was_saved_last_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::within(folder.path());
        assert_eq!(file.load(), None);
        for commit in 1..4 {
            file.save(&cursor(commit)).unwrap();
            assert_eq!(file.load(), Some(cursor(commit)));
        }
    }

    #[test]
    fn the_file_has_the_form_that_older_versions_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::within(folder.path());
        file.save(&cursor(4)).unwrap();
        let text = fs::read_to_string(folder.path().join("cursor.json")).unwrap();
        let root = cursor(4).root;
        assert_eq!(text, format!(r#"{{"epoch":7,"commit":4,"seq":9,"root":"{root}"}}"#));
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::within(folder.path());
        file.save(&cursor(4)).unwrap();
        let whole = fs::read(&file.path).unwrap();
        for length in 0..whole.len() {
            fs::write(&file.path, &whole[..length]).unwrap();
            assert_eq!(file.load(), None, "cut to {length} bytes");
        }
        fs::write(&file.path, [0; 64]).unwrap();
        assert_eq!(file.load(), None);
    }

    #[test]
    fn a_death_while_saving_leaves_the_old_cursor() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::within(folder.path());
        file.save(&cursor(4)).unwrap();
        fs::write(file.path.with_extension("new"), b"{\"epo").unwrap();
        assert_eq!(file.load(), Some(cursor(4)));
        file.save(&cursor(5)).unwrap();
        assert_eq!(file.load(), Some(cursor(5)));
    }
}
