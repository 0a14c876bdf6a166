//! The journal of uploads: one line each, on disk before the upload is announced. Only ever added to.
//!
//! Asked by uploads; read by `supervisor ingest list`. A thread of its own writes: all lines that wait go to disk together.
//! A last line that a power cut has cut short is left as it is and closed by an end of line: readers leave it out.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    thread,
};

use proto::uploads::Upload;
use tokio::sync::{mpsc, oneshot};

/// So many lines wait; who has one more waits too.
const WAITING: usize = 64;

/// Writes lines. Cheap to clone; the thread ends with the last clone.
#[derive(Debug, Clone)]
pub struct Journal(mpsc::Sender<Entry>);

/// Why an upload is not in the journal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot write the journal of uploads ({0}); is the disk full?")]
pub struct NotWritten(String);

#[derive(Debug)]
struct Entry {
    line: String,
    done: oneshot::Sender<Result<(), NotWritten>>,
}

impl Journal {
    /// Opens the journal, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let pages = Pages::open(path)?;
        let (sender, entries) = mpsc::channel(WAITING);
        thread::Builder::new().name("journal".to_owned()).spawn(move || keep(pages, entries))?;
        Ok(Self(sender))
    }

    /// Waits until the upload is on disk.
    ///
    /// # Errors
    ///
    /// When it is not; nothing of it is.
    pub async fn write(&self, upload: &Upload) -> Result<(), NotWritten> {
        let ended = || NotWritten("its thread has ended".to_owned());
        let (done, written) = oneshot::channel();
        self.0.send(Entry { line: upload.line(), done }).await.map_err(|_| ended())?;
        written.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// All uploads of a journal, the oldest first; damaged lines are left out.
///
/// # Errors
///
/// When it cannot be opened.
pub fn read(path: &Path) -> io::Result<impl Iterator<Item = Upload>> {
    let lines = BufReader::new(File::open(path)?).split(b'\n').map_while(Result::ok);
    Ok(lines.filter_map(|line| Upload::read(std::str::from_utf8(&line).ok()?)))
}

fn keep(mut pages: Pages, mut entries: mpsc::Receiver<Entry>) {
    while let Some(first) = entries.blocking_recv() {
        let mut group = vec![first];
        while group.len() < WAITING
            && let Ok(next) = entries.try_recv()
        {
            group.push(next);
        }
        let text: String = group.iter().map(|entry| entry.line.as_str()).collect();
        let written = pages.add(&text).map_err(|error| NotWritten(error.to_string()));
        for entry in group {
            // Whoever asked may be gone; the line is there all the same.
            let _ = entry.done.send(written.clone());
        }
    }
}

/// The file.
#[derive(Debug)]
struct Pages {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Pages {
    fn open(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let bytes = file.metadata()?.len();
        let mut pages = Self { path: path.to_owned(), file, bytes };
        pages.close_cut_line()?;
        File::open(folder)?.sync_all()?;
        Ok(pages)
    }

    fn close_cut_line(&mut self) -> io::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        if last == *b"\n" {
            return Ok(());
        }
        tracing::warn!(path = %self.path.display(), "the journal's last line was cut short; it is left out");
        self.add("\n")
    }

    /// All of it or nothing.
    fn add(&mut self, text: &str) -> io::Result<()> {
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => self.bytes += text.len() as u64,
            // A part of it would stand before the next line.
            Err(_) => self.file.set_len(self.bytes)?,
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(bytes: u64) -> Upload {
        Upload {
            time: "2026-11-20T16:47:05Z".to_owned(),
            peer: "192.0.2.7:51000".parse().unwrap(),
            bytes,
            cid: "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH".parse().unwrap(),
            seconds: 0.25,
        }
    }

    fn sizes(path: &Path) -> Vec<u64> {
        read(path).unwrap().map(|upload| upload.bytes).collect()
    }

    #[tokio::test]
    async fn what_was_written_is_read_in_its_order_also_after_another_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ingest-server/uploads.jsonl");
        for bytes in 1..=3 {
            Journal::open(&path).unwrap().write(&upload(bytes)).await.unwrap();
        }
        assert_eq!(sizes(&path), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_journal_cut_at_any_byte_loses_its_last_line_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uploads.jsonl");
        let whole = upload(1).line() + &upload(2).line();
        for cut in upload(1).line().len()..whole.len() - 1 {
            fs::write(&path, &whole[..cut]).unwrap();
            Journal::open(&path).unwrap().write(&upload(3)).await.unwrap();
            assert_eq!(sizes(&path), [1, 3], "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn many_lines_at_once_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uploads.jsonl");
        let journal = Journal::open(&path).unwrap();
        let writes: Vec<_> = (0..200)
            .map(|bytes| {
                let journal = journal.clone();
                tokio::spawn(async move { journal.write(&upload(bytes)).await })
            })
            .collect();
        for write in writes {
            write.await.unwrap().unwrap();
        }
        let mut all = sizes(&path);
        all.sort_unstable();
        assert_eq!(all, (0..200).collect::<Vec<_>>());
    }
}
