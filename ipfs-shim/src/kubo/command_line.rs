//! The daemon's command line, for when its API cannot be reached: the same question as arguments, the same answer as lines.
//!
//! Kubo's program works on the repository itself then, as IPFS-Toolkit's `ipfs_cli` has it do. With `--enc=json` it writes what
//! the API would answer, so nothing above this knows the difference. One command at a time, and none until the API has been
//! away for a while: a daemon that is being started needs the repository for itself.

use std::{
    io,
    path::PathBuf,
    process::{Output, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use proto::config::{Ipfs, IpfsDaemon};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    sync::Semaphore,
    time::{Instant, timeout},
};
use tracing::{info, warn};

use super::{
    call::Call,
    error::{Awaited, RpcError},
};

/// The API must have been away for so long: longer than any restart of a daemon takes.
const AWAY: Duration = Duration::from_secs(15);
/// No call needs more; each file of it is a command of its own.
const FILES: usize = 256;
/// A command has so long.
const COMMAND_WAIT: Duration = Duration::from_secs(30);
/// An answer to us is no longer: a block, or the lines about a piece of a walk.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// A refusal is one line; what stands before it is not read without an end.
const WORDS_BYTES: usize = 1024 * 1024;

/// The program and the repository it works on. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CommandLine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    repository: PathBuf,
    away_since: Mutex<Option<Instant>>,
    away: Duration,
    in_use: AtomicBool,
    turn: Semaphore,
}

impl CommandLine {
    /// A program and a repository; used when the API has been away for so long.
    #[must_use]
    pub fn new(program: PathBuf, repository: PathBuf, away: Duration) -> Self {
        let (away_since, in_use, turn) = (Mutex::new(None), AtomicBool::new(false), Semaphore::new(1));
        Self(Arc::new(Inner { program, repository, away_since, away, in_use, turn }))
    }

    /// That of the configuration: of Kubo in our care, or of a remote daemon whose repository is on this machine. The
    /// embedded daemon has none: nobody but it opens its repository.
    #[must_use]
    pub fn configured(config: &Ipfs, repository: PathBuf) -> Option<Self> {
        let repository = match config.daemon {
            IpfsDaemon::Embedded => None,
            IpfsDaemon::Kubo => Some(repository),
            IpfsDaemon::Remote => config.remote_repo.clone(),
        };
        Some(Self::new(config.program.clone(), repository?, AWAY))
    }

    /// The API answered.
    pub(super) fn not_needed(&self) {
        *self.away_since() = None;
        if self.0.in_use.swap(false, Ordering::Relaxed) {
            info!("the IPFS daemon's API is back: its command line is no longer used");
        }
    }

    /// Whether it is time to use it instead of the API, which cannot be reached.
    pub(super) fn is_needed(&self) -> bool {
        let since = *self.away_since().get_or_insert_with(Instant::now);
        let needed = since.elapsed() >= self.0.away && self.0.repository.join("config").is_file();
        if needed && !self.0.in_use.swap(true, Ordering::Relaxed) {
            let (program, repository) = (self.0.program.display(), self.0.repository.display());
            warn!(%program, %repository, "the IPFS daemon's API cannot be reached: using its command line");
        }
        needed
    }

    fn away_since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.away_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a call, and gives what the API would have answered.
    ///
    /// # Errors
    ///
    /// As the API: `Refused` with the program's own words, `TimedOut` when it takes too long.
    pub(super) async fn answer(&self, call: &Call) -> Result<Bytes, RpcError> {
        let refused = |message: String| RpcError::Refused { endpoint: call.endpoint, status: 500, message };
        let Ok(_turn) = self.0.turn.acquire().await else { return Err(refused("ending".to_owned())) };
        if call.contents().len() > FILES {
            return Err(refused(format!("more than {FILES} files are too much for the command line")));
        }
        let mut answer = Vec::new();
        let nothing = [Vec::new()];
        let files = if call.contents().is_empty() { &nothing[..] } else { call.contents() };
        for file in files {
            let output = match timeout(COMMAND_WAIT, self.run(call, file)).await {
                Ok(output) => output.map_err(|cause| refused(format!("{}: {cause}", self.0.program.display())))?,
                Err(_) => return Err(late(call.endpoint)),
            };
            if !output.status.success() {
                return Err(refused(last_words(&output)));
            }
            answer.extend_from_slice(&output.stdout);
            if answer.len() > ANSWER_BYTES {
                return Err(refused(format!("more than {ANSWER_BYTES} bytes are too much for the command line")));
            }
        }
        Ok(answer.into())
    }

    async fn run(&self, call: &Call, file: &[Bytes]) -> io::Result<Output> {
        let mut command = Command::new(&self.0.program);
        command.args(call.arguments()).arg("--enc=json").env("IPFS_PATH", &self.0.repository);
        // No longer than a command may take: a daemon that just came up answers over its API.
        command.env("IPFS_WAIT_REPO_LOCK", "2s").env("NO_COLOR", "1").env_remove("IPFS_PROFILE").kill_on_drop(true);
        command.stdin(if file.is_empty() { Stdio::null() } else { Stdio::piped() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let feeding = feed(&mut child, file.to_vec());
        let said = (read(child.stdout.take(), ANSWER_BYTES), read(child.stderr.take(), WORDS_BYTES));
        // A program that wanted no more of its file says why. One that says too much is ended when `child` is dropped.
        let feeding = async {
            drop(feeding.await);
            Ok(())
        };
        let reading = async { tokio::try_join!(said.0, said.1) };
        let ((), (stdout, stderr)) = tokio::try_join!(feeding, reading)?;
        Ok(Output { status: child.wait().await?, stdout, stderr })
    }
}

/// Reads what a program says, to its end, but not more than this.
async fn read(said: Option<impl AsyncRead + Unpin>, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let Some(said) = said else { return Ok(all) };
    said.take(bytes_max as u64 + 1).read_to_end(&mut all).await?;
    if all.len() > bytes_max {
        let message = format!("more than {bytes_max} bytes are too much for the command line");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(all)
}

/// Writes a file to the program's stdin while its answer is read.
fn feed(child: &mut Child, file: Vec<Bytes>) -> impl Future<Output = io::Result<()>> + use<> {
    let stdin = child.stdin.take();
    async move {
        let Some(mut stdin) = stdin else { return Ok(()) };
        for piece in file {
            stdin.write_all(&piece).await?;
        }
        stdin.shutdown().await
    }
}

fn late(endpoint: &'static str) -> RpcError {
    let waited_ms = u64::try_from(COMMAND_WAIT.as_millis()).unwrap_or(u64::MAX);
    RpcError::TimedOut { endpoint, awaited: Awaited::FirstByte, waited_ms }
}

/// `Error: …`, which is what the API says as its message.
fn last_words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().rev().find_map(|line| line.split_once("Error: ")).map(|(_, words)| words);
    let line = line.unwrap_or_else(|| said.trim());
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}
