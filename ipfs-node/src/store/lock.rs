//! The repository's lock: one process at a time, gone with its holder.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::fcntl::{Flock, FlockArg};

use super::OpenError;

/// A predecessor that was told to end may take a moment.
const WAIT: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: Flock<File>,
}

/// Takes the lock, waiting a little for the holder to end.
pub(super) fn take(path: &Path) -> Result<Lock, OpenError> {
    take_within(path, WAIT)
}

fn take_within(path: &Path, wait: Duration) -> Result<Lock, OpenError> {
    let end = Instant::now() + wait;
    loop {
        match try_take(path) {
            Ok(lock) => return Ok(lock),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return Err(OpenError::Io { path: path.to_owned(), cause: error });
            }
            Err(_) if Instant::now() >= end => {
                return Err(OpenError::Locked { path: path.to_owned(), holder: holder(path) });
            }
            Err(_) => thread::sleep(BETWEEN_TRIES),
        }
    }
}

fn try_take(path: &Path) -> io::Result<Lock> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| io::Error::from(errno))?;
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}

fn holder(path: &Path) -> String {
    match fs::read_to_string(path).map(|text| text.trim().parse::<u32>()) {
        Ok(Ok(pid)) => format!("process {pid}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("LOCK");
        let first = take(&path).unwrap();
        let refusal = take_within(&path, Duration::ZERO).unwrap_err().to_string();
        assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
        drop(first);
        assert!(take_within(&path, Duration::ZERO).is_ok());
    }
}
