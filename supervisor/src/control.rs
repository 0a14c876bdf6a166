//! `control`: the two sockets of the supervisor. `supervisor.sock` takes commands from the operator's command line;
//! `status.sock` tells the status to whoever connects, and reads nothing.
//!
//! Every client has a task and hard limits of time of its own, so one that is stuck harms nobody. The sockets are in the
//! runtime directory, which only the operator may enter.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use proto::supervision::{COMMAND_SOCKET, Command, Reply, STATUS_SOCKET, exit};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{sleep, timeout},
};

use crate::tree::Ask;

/// Clients at a time, on each socket.
const SEATS: u32 = 32;
/// Time to send a command, and time to take a reply.
const CLIENT_WAIT: Duration = Duration::from_secs(5);
/// A command that is not done by then is acknowledged first: well within the second that was promised.
const ACKNOWLEDGE_AFTER: Duration = Duration::from_millis(300);
/// When the machine is out of descriptors, accepting waits so long instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The last replies get so long to be sent when the supervisor ends.
const LAST_REPLIES_WAIT: Duration = Duration::from_secs(1);
const COMMAND_BYTES: u64 = 4_096;
/// Commands that the tree has not read yet.
const ASKS: usize = 16;

/// The sockets, open.
#[derive(Debug)]
pub struct Control {
    commands: Door,
    status: Door,
    asks: mpsc::Sender<Ask>,
}

#[derive(Debug)]
struct Door {
    path: PathBuf,
    listener: UnixListener,
    seats: Arc<Semaphore>,
}

impl Control {
    /// Opens the sockets, in place of stale ones: the caller holds the lock, so nobody lives behind those. Gives the end
    /// at which the tree hears the questions. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When a socket cannot be made.
    pub fn open(runtime_dir: &Path) -> io::Result<(Self, mpsc::Receiver<Ask>)> {
        let (asks, heard) = mpsc::channel(ASKS);
        let commands = Door::open(&runtime_dir.join(COMMAND_SOCKET))?;
        let status = Door::open(&runtime_dir.join(STATUS_SOCKET))?;
        Ok((Self { commands, status, asks }, heard))
    }

    /// Serves until the future is dropped.
    pub async fn serve(&self) {
        tokio::join!(
            self.commands.serve(|stream| take_commands(stream, self.asks.clone())),
            self.status.serve(|stream| show_status(stream, self.asks.clone())),
        );
    }

    /// Lets the last replies out.
    pub async fn finish(self) {
        let Self { commands, status, asks } = self;
        drop(asks);
        for door in [&commands, &status] {
            // For the eye of whoever looks into the directory: the next supervisor replaces stale ones anyway.
            let _ = fs::remove_file(&door.path);
        }
        let all_left = async { tokio::join!(commands.seats.acquire_many(SEATS), status.seats.acquire_many(SEATS)) };
        // Whoever does not take the last reply in time does not get it.
        let _ = timeout(LAST_REPLIES_WAIT, all_left).await;
    }
}

impl Door {
    fn open(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { path: path.to_owned(), listener, seats: Arc::new(Semaphore::new(SEATS as usize)) })
    }

    async fn serve<F: Future<Output = ()> + Send + 'static>(&self, talk: impl Fn(UnixStream) -> F) {
        // The semaphore is never closed.
        while let Ok(seat) = Arc::clone(&self.seats).acquire_owned().await {
            match self.listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(seated(talk(stream), seat))),
                Err(error) => {
                    tracing::warn!(%error, "a client could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn seated(talk: impl Future<Output = ()>, seat: OwnedSemaphorePermit) {
    talk.await;
    drop(seat);
}

async fn show_status(mut stream: UnixStream, asks: mpsc::Sender<Ask>) {
    let (reply, status) = oneshot::channel();
    if asks.send(Ask::Show(reply)).await.is_err() {
        return;
    }
    let Ok(status) = status.await else { return };
    let json = serde_json::to_vec(&status).unwrap_or_default();
    // A client that does not read is left alone.
    let _ = timeout(CLIENT_WAIT, stream.write_all(&json)).await;
}

async fn take_commands(stream: UnixStream, asks: mpsc::Sender<Ask>) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(512, read);
    while let Some(line) = next_line(&mut read).await {
        let replied = match serde_json::from_str(&line) {
            Ok(command) => converse(command, &asks, &mut read, &mut write).await,
            Err(error) => say(&mut write, &refused(format!("no command: {error}"))).await,
        };
        if replied.is_none() {
            return;
        }
    }
}

async fn next_line(read: &mut BufReader<OwnedReadHalf>) -> Option<String> {
    let mut line = String::new();
    let bytes = timeout(CLIENT_WAIT, read.take(COMMAND_BYTES).read_line(&mut line)).await.ok()?.ok()?;
    (bytes > 0).then_some(line)
}

/// One command and its replies; nothing when the client is gone.
async fn converse(
    command: Command,
    asks: &mpsc::Sender<Ask>,
    read: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
) -> Option<()> {
    let (reply, mut done) = oneshot::channel();
    if asks.send(Ask::Do(command, reply)).await.is_err() {
        return say(write, &ending()).await;
    }
    let reply = match timeout(ACKNOWLEDGE_AFTER, &mut done).await {
        Ok(reply) => reply,
        Err(_) => {
            say(write, &Reply::Working).await?;
            tokio::select! {
                reply = done => reply,
                // It has nothing to say while it waits: this is its end, or nonsense.
                _ = read.fill_buf() => return None,
            }
        }
    };
    say(write, &reply.unwrap_or_else(|_| ending())).await
}

async fn say(write: &mut OwnedWriteHalf, reply: &Reply) -> Option<()> {
    let mut line = serde_json::to_vec(reply).ok()?;
    line.push(b'\n');
    timeout(CLIENT_WAIT, write.write_all(&line)).await.ok()?.ok()
}

fn refused(reason: String) -> Reply {
    Reply::Refused { reason, code: exit::FAILED }
}

fn ending() -> Reply {
    refused("the supervisor is ending; start it with `supervisor up`".to_owned())
}
