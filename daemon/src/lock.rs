//! A lock that dies with its process: `flock` on a file that names the holder.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::fcntl::{Flock, FlockArg};

use crate::failure::{Failure, OrFail as _};

/// How long a newcomer waits for its predecessor to end.
pub const WAIT: Duration = Duration::from_secs(10);
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Held until dropped or until the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

/// Takes the lock, waiting up to [`WAIT`] for the holder to end. Blocks the thread: for boot, before the runtime.
///
/// # Errors
///
/// Exit code 75 with the holder's process id when it does not end; exit code 1 when the file cannot be made.
pub fn take(path: &Path) -> Result<Lock, Failure> {
    let end = Instant::now() + WAIT;
    loop {
        match try_take(path)? {
            Some(lock) => return Ok(lock),
            None if Instant::now() >= end => return Err(held(path)),
            None => thread::sleep(BETWEEN_TRIES),
        }
    }
}

/// Takes the lock if it is free.
///
/// # Errors
///
/// Exit code 1 when the file cannot be made.
pub fn try_take(path: &Path) -> Result<Option<Lock>, Failure> {
    let failed = || format!("cannot make the lock file {}", path.display());
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    match Flock::lock(file.or_fail(failed())?, FlockArg::LockExclusiveNonblock) {
        Ok(file) => name_holder(file).or_fail(failed()).map(Some),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno).or_fail(failed()),
    }
}

/// Says who holds the lock at `path`.
#[must_use]
pub fn held(path: &Path) -> Failure {
    let holder = holder(path).map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    Failure::locked(format!("{} is held by {holder}; stop it, or choose another --instance", path.display()))
}

fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn name_holder(mut file: Flock<File>) -> io::Result<Lock> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    Ok(Lock { _file: file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = try_take(&path).unwrap();
        assert!(first.is_some());
        assert!(try_take(&path).unwrap().is_none());
        assert!(held(&path).to_string().contains(&format!("process {}", std::process::id())));
        drop(first);
        assert!(try_take(&path).unwrap().is_some());
    }
}
