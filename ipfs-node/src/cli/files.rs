//! Files and folders of this machine as the multipart body that Kubo's RPC takes, read as they are sent.
//!
//! Asked by [`super::ask`]. Holds no more than a few pieces at a time, however large a file is.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::Frame;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{CliError, line::Call};
use crate::{
    refusal::Refusal,
    rpc::{Cut, body::Body},
};

/// What stands between parts: random enough to stand in no file by chance.
pub(super) const BOUNDARY: &str = "rookery-9c4f2b1ee0a94d58a3d7-b86f7c5d2e10";
/// Read at a time.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces on their way to the connection.
const PIECES: usize = 4;
/// What stands in a name as it is.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How long a file may take to say what is wrong with it, once the daemon has answered.
const FAULT_WAIT: Duration = Duration::from_secs(1);

/// Why not all was sent.
enum Unsent {
    /// The daemon has answered before the end: its answer says why.
    Answered,
    File(CliError),
}

impl From<CliError> for Unsent {
    fn from(error: CliError) -> Self {
        Self::File(error)
    }
}

/// Reading that goes on beside the request.
pub(super) struct Sending(Option<JoinHandle<Result<(), Unsent>>>);

impl Sending {
    /// Why not all was sent, if a file was the cause.
    pub(super) async fn fault(self) -> Option<CliError> {
        match timeout(FAULT_WAIT, self.0?).await {
            Ok(Ok(Err(Unsent::File(error)))) => Some(error),
            _ => None,
        }
    }
}

/// The body of a call.
pub(super) fn body(call: &Call) -> (Body, Sending) {
    let Some(paths) = call.files.clone() else { return (Body::empty(), Sending(None)) };
    let (sender, receiver) = mpsc::channel(PIECES);
    let folders = Folders::of(call);
    let name = call.option("stdin-name").unwrap_or_default().to_owned();
    let sending = tokio::task::spawn_blocking(move || {
        let mut form = Form { sender, folders };
        let sent = form.all(&paths, &name);
        if sent.is_err() {
            // The daemon is to see half a body, not a whole one.
            let cut = Cut::because(&Refusal::failed("a file could not be read"));
            let _ = form.sender.blocking_send(Err(cut));
        }
        sent
    });
    (Body::streamed(receiver), Sending(Some(sending)))
}

/// What is done about folders.
#[derive(Debug, Clone, Copy)]
struct Folders {
    descend: bool,
    hidden: bool,
    follow: bool,
}

impl Folders {
    fn of(call: &Call) -> Self {
        Self {
            descend: call.is_on("recursive"),
            hidden: call.is_on("hidden"),
            follow: call.is_on("dereference-symlinks"),
        }
    }
}

struct Form {
    sender: mpsc::Sender<Result<Frame<Bytes>, Cut>>,
    folders: Folders,
}

impl Form {
    fn all(&mut self, paths: &[PathBuf], stdin_name: &str) -> Result<(), Unsent> {
        if paths.is_empty() {
            self.file(stdin_name, "the standard input", &mut io::stdin().lock())?;
        }
        for path in paths {
            if path.as_os_str() == "-" {
                self.file(stdin_name, "the standard input", &mut io::stdin().lock())?;
            } else {
                self.given(path)?;
            }
        }
        self.piece(format!("--{BOUNDARY}--\r\n").into())
    }

    /// What was named on the command line: its links are followed, and it may be hidden.
    fn given(&mut self, path: &Path) -> Result<(), Unsent> {
        let whole = path.canonicalize().map_err(|cause| at(path, cause))?;
        // `.` and `..` have the name of the folder that they are.
        let name = path.file_name().or(whole.file_name()).unwrap_or_default().to_string_lossy().into_owned();
        if whole.is_dir() && !self.folders.descend {
            let cause =
                io::Error::new(io::ErrorKind::IsADirectory, "is a directory, use the '-r' flag to specify directories");
            return Err(at(path, cause).into());
        }
        self.entry(&whole, &name)
    }

    fn entry(&mut self, path: &Path, name: &str) -> Result<(), Unsent> {
        let found = match self.folders.follow {
            true => fs::metadata(path),
            false => fs::symlink_metadata(path),
        };
        let kind = found.map_err(|cause| at(path, cause))?.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(path).map_err(|cause| at(path, cause))?;
            self.head(name, "application/symlink")?;
            return self.piece([target.to_string_lossy().as_bytes(), b"\r\n"].concat().into());
        }
        if kind.is_dir() {
            return self.folder(path, name);
        }
        let mut file = File::open(path).map_err(|cause| at(path, cause))?;
        self.file(name, &path.display().to_string(), &mut file)
    }

    fn folder(&mut self, path: &Path, name: &str) -> Result<(), Unsent> {
        self.head(name, "application/x-directory")?;
        self.piece(Bytes::from_static(b"\r\n"))?;
        let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = entries.map_err(|cause| at(path, cause))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let entry_name = entry.file_name().to_string_lossy().into_owned();
            if self.folders.hidden || !entry_name.starts_with('.') {
                self.entry(&entry.path(), &format!("{name}/{entry_name}"))?;
            }
        }
        Ok(())
    }

    fn file(&mut self, name: &str, shown: &str, from: &mut impl Read) -> Result<(), Unsent> {
        self.head(name, "application/octet-stream")?;
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            from.take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(|cause| CliError::file(&shown, cause))?;
            if piece.is_empty() {
                return self.piece(Bytes::from_static(b"\r\n"));
            }
            self.piece(piece.into())?;
        }
    }

    fn head(&mut self, name: &str, kind: &str) -> Result<(), Unsent> {
        let mut head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"");
        let _ = write!(head, "{}\"\r\nContent-Type: {kind}\r\n\r\n", utf8_percent_encode(name, &PLAIN));
        self.piece(head.into())
    }

    fn piece(&mut self, bytes: Bytes) -> Result<(), Unsent> {
        self.sender.blocking_send(Ok(Frame::data(bytes))).map_err(|_| Unsent::Answered)
    }
}

fn at(path: &Path, cause: io::Error) -> CliError {
    CliError::file(&path.display(), cause)
}
