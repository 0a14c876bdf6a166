//! `client`: asks the supervising process over its socket, and waits with a limit.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::{fd::OwnedFd, unix::net::UnixStream},
    time::Duration,
};

use daemon::config::Loaded;
use proto::supervision::{COMMAND_SOCKET, Command, Reply, Status};
use rustix::{
    event::{PollFd, PollFlags, poll},
    net::sockopt,
    process::{PidfdFlags, pidfd_open},
};

use super::Refusal;
use crate::tree::patience;

/// No supervisor runs here: the code that init scripts use for it.
pub const NOT_RUNNING: u8 = 3;
/// A supervisor acknowledges within a second; one on a busy machine may need more.
const ACKNOWLEDGE_WAIT: Duration = Duration::from_secs(5);
/// After its last reply the supervisor ends within this.
const END_WAIT: Duration = Duration::from_secs(10);
/// More than the supervisor's own limit: it should be the one that says no.
const GRACE: Duration = Duration::from_secs(10);

/// What came of a command.
#[derive(Debug)]
pub enum Done {
    /// It is done.
    Done,
    /// What was asked for.
    Status(Box<Status>),
}

/// Asks, and waits until it is done.
///
/// # Errors
///
/// Exit code 3 when no supervisor runs here; else what the supervisor says.
pub fn ask(loaded: &Loaded, command: &Command) -> Result<Done, Refusal> {
    let mut stream = connect(loaded)?;
    talk(&mut stream, loaded, command)
}

/// Stops everything, and waits until the supervisor itself has ended: then the next `up` finds everything free.
///
/// # Errors
///
/// As [`ask`].
pub fn down(loaded: &Loaded) -> Result<(), Refusal> {
    let mut stream = connect(loaded)?;
    let supervisor = process_behind(&stream);
    talk(&mut stream, loaded, &Command::Down)?;
    // It waits for its clients to leave.
    drop(stream);
    match supervisor.map(|supervisor| wait_for_end(&supervisor)) {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Refusal::failed(
            "all boxes are gone, but the supervisor does not end; see `supervisor logs supervisor`",
        )),
        Ok(Err(error)) | Err(error) => {
            Err(Refusal::failed(format!("all boxes are gone; cannot see the supervisor end: {error}")))
        }
    }
}

/// The supervising process. Its number cannot become a stranger's while it holds the other end.
fn process_behind(stream: &UnixStream) -> io::Result<OwnedFd> {
    Ok(pidfd_open(sockopt::socket_peercred(stream)?.pid, PidfdFlags::empty())?)
}

fn wait_for_end(process: &OwnedFd) -> io::Result<bool> {
    let limit = END_WAIT.try_into().map_err(io::Error::other)?;
    Ok(poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&limit))? > 0)
}

fn connect(loaded: &Loaded) -> Result<UnixStream, Refusal> {
    let path = loaded.places.runtime_dir.join(COMMAND_SOCKET);
    UnixStream::connect(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Refusal {
            code: NOT_RUNNING,
            text: format!(
                "no supervisor runs here (nobody listens at {}); start one with `supervisor up`",
                path.display()
            ),
        },
        _ => Refusal::failed(format!("cannot ask the supervisor at {}: {error}", path.display())),
    })
}

fn talk(stream: &mut UnixStream, loaded: &Loaded, command: &Command) -> Result<Done, Refusal> {
    let lost = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock => Refusal::failed("the supervisor does not answer; is it stopped? see its process"),
        _ => Refusal::failed(format!("the supervisor ended before it answered: {error}")),
    };
    let mut line = serde_json::to_vec(command).map_err(|error| Refusal::failed(error.to_string()))?;
    line.push(b'\n');
    stream.set_write_timeout(Some(ACKNOWLEDGE_WAIT)).and_then(|()| stream.write_all(&line)).map_err(lost)?;
    let mut replies = BufReader::new(stream);
    let mut wait = ACKNOWLEDGE_WAIT;
    // At most two: an acknowledgement and the end.
    for _ in 0..2 {
        match reply(&mut replies, wait).map_err(lost)? {
            Reply::Working => wait = patience(&loaded.all, command) + GRACE,
            Reply::Done => return Ok(Done::Done),
            Reply::Status { status } => return Ok(Done::Status(status)),
            Reply::Refused { reason, code } => return Err(Refusal { code, text: reason }),
        }
    }
    Err(Refusal::failed("the supervisor acknowledged twice; run programs of one build"))
}

fn reply(replies: &mut BufReader<&mut UnixStream>, wait: Duration) -> io::Result<Reply> {
    replies.get_ref().set_read_timeout(Some(wait))?;
    let mut line = String::new();
    if replies.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}
