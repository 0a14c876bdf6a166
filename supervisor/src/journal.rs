//! `journal`: the logs of all boxes as files, written by a thread of their own, so that a slow or full disk costs lines
//! and never the time of a box or of the supervisor. The supervisor's stderr is written in the same way, for the sake of
//! terminals that are stopped and pipes that nobody reads.
//!
//! `<data_dir>/logs/<box>.<instance>.log`, and `supervisor.log`; older ones are `….log.1`, `….log.2`, and so on.

mod files;

use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use serde_json::{Map, Value};
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime as _, SystemTime},
};

pub use files::{Files, Rotation, path};

/// The supervisor's own log.
pub const OWN_LOG: &str = "supervisor";
/// So much may wait for the disk.
const QUEUE_BYTES: usize = 512 * 1024;
const QUEUE_CHUNKS: usize = 1_024;
/// A disk that does not take the last lines in this time does not get them.
const LAST_LINES_WAIT: Duration = Duration::from_secs(1);

/// Where lines end up. It may wait: it has a thread of its own.
pub trait Sink: Send + 'static {
    /// Appends whole lines to a log.
    ///
    /// # Errors
    ///
    /// When they could not be written; they are counted as dropped.
    fn append(&mut self, log: &Arc<str>, lines: &[u8]) -> io::Result<()>;
}

/// The supervisor's stderr, whatever log a line is of.
#[derive(Debug)]
pub struct Stderr;

impl Sink for Stderr {
    fn append(&mut self, _log: &Arc<str>, lines: &[u8]) -> io::Result<()> {
        io::stderr().write_all(lines)
    }
}

/// Takes lines without waiting. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    chunks: SyncSender<Chunk>,
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: AtomicUsize,
    dropped_lines: AtomicU64,
}

#[derive(Debug)]
enum Chunk {
    Lines {
        log: Arc<str>,
        lines: Vec<u8>,
    },
    /// All that came before is written.
    Mark(SyncSender<()>),
}

/// Starts the thread.
///
/// # Errors
///
/// When there is no room for another thread.
pub fn start(sink: impl Sink) -> io::Result<Journal> {
    let (chunks, waiting) = sync_channel(QUEUE_CHUNKS);
    let queue = Arc::new(Queue::default());
    let ours = Arc::clone(&queue);
    thread::Builder::new().name("journal".to_owned()).stack_size(128 * 1024).spawn(move || {
        write_all(&waiting, sink, &ours);
    })?;
    Ok(Journal { chunks, queue })
}

fn write_all(waiting: &Receiver<Chunk>, mut sink: impl Sink, queue: &Queue) {
    // Ends when the last `Journal` is gone.
    while let Ok(chunk) = waiting.recv() {
        match chunk {
            Chunk::Lines { log, lines } => {
                queue.bytes.fetch_sub(lines.len(), Ordering::Relaxed);
                if sink.append(&log, &lines).is_err() {
                    queue.drop_lines(&lines);
                }
            }
            // Whoever waited for it may have given up.
            Chunk::Mark(seen) => drop(seen.try_send(())),
        }
    }
}

impl Queue {
    fn drop_lines(&self, lines: &[u8]) {
        let count = lines.iter().filter(|&&byte| byte == b'\n').count();
        self.dropped_lines.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Journal {
    /// Appends whole lines to a log, or counts them as dropped.
    pub fn put(&self, log: &Arc<str>, lines: Vec<u8>) {
        if lines.is_empty() {
            return;
        }
        let bytes = lines.len();
        let waiting = self.queue.bytes.fetch_add(bytes, Ordering::Relaxed);
        if waiting + bytes > QUEUE_BYTES {
            self.queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return self.queue.drop_lines(&lines);
        }
        let refused = self.chunks.try_send(Chunk::Lines { log: Arc::clone(log), lines });
        if let Err(TrySendError::Full(chunk) | TrySendError::Disconnected(chunk)) = refused {
            self.queue.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.queue.drop_lines(chunk.lines());
        }
    }

    /// Adds an event of the supervisor to the log of a box, so that the log alone tells when its process came and went.
    pub fn note(&self, log: &Arc<str>, message: &str, mut fields: Map<String, Value>) {
        let mut timestamp = String::new();
        // A clock that cannot be told leaves the line without a time.
        let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
        for (key, value) in [("timestamp", timestamp.as_str()), ("level", "INFO"), ("message", message)] {
            fields.insert(key.to_owned(), value.into());
        }
        fields.insert("target".to_owned(), OWN_LOG.into());
        self.put(log, format!("{}\n", Value::Object(fields)).into_bytes());
    }

    /// Waits until all that was put so far is written, for a moment. Blocks the thread: for the end.
    pub fn finish(&self) {
        let (mark, seen) = sync_channel(1);
        if self.chunks.try_send(Chunk::Mark(mark)).is_ok() {
            // A disk that is too slow loses the last lines.
            let _ = seen.recv_timeout(LAST_LINES_WAIT);
        }
    }

    /// Lines that no disk took in time.
    pub fn dropped_lines(&self) -> u64 {
        self.queue.dropped_lines.load(Ordering::Relaxed)
    }
}

impl Chunk {
    fn lines(&self) -> &[u8] {
        match self {
            Self::Lines { lines, .. } => lines,
            Self::Mark(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files(folder: &tempfile::TempDir) -> Files {
        Files::new(Rotation { folder: folder.path().join("logs"), file_bytes: 64, files: 3 }).unwrap()
    }

    #[test]
    fn lines_reach_their_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let journal = start(files(&folder)).unwrap();
        for line in ["one\n", "two\n"] {
            journal.put(&"get-worker.0".into(), line.into());
        }
        journal.put(&"post-worker.0".into(), b"three\n".to_vec());
        journal.finish();
        let read = |name: &str| fs::read_to_string(folder.path().join("logs").join(name)).unwrap();
        assert_eq!(read("get-worker.0.log"), "one\ntwo\n");
        assert_eq!(read("post-worker.0.log"), "three\n");
    }

    #[test]
    fn a_disk_that_takes_nothing_costs_lines_and_no_time() {
        let (chunks, _never_read) = sync_channel(QUEUE_CHUNKS);
        let journal = Journal { chunks, queue: Arc::default() };
        let line = [b"x".repeat(1_023), b"\n".to_vec()].concat();
        for _ in 0..600 {
            journal.put(&"a.0".into(), line.clone());
        }
        assert_eq!(journal.queue.bytes.load(Ordering::Relaxed), QUEUE_BYTES);
        assert_eq!(journal.dropped_lines(), 600 - (QUEUE_BYTES / 1_024) as u64);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let journal = start(files(&folder)).unwrap();
        fs::create_dir(folder.path().join("logs/a.0.log")).unwrap();
        let queue = Arc::clone(&journal.queue);
        journal.put(&"a.0".into(), b"one\ntwo\n".to_vec());
        journal.finish();
        assert_eq!(queue.dropped_lines.load(Ordering::Relaxed), 2);
    }
}
