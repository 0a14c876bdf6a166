//! The writer's lock: one writer at a time, and a newcomer is told who it is.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{StoreError, format::failed};

const NAME: &str = "LOCK";
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// Held as long as this lives. The kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock, or waits for it.
    pub(crate) fn take(dir: &Path, wait: Duration) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|cause| failed("open", &path, cause))?;
        let deadline = Instant::now() + wait;
        while let Err(error) = file.try_lock() {
            match error {
                TryLockError::Error(cause) => return Err(failed("lock", path, cause)),
                TryLockError::WouldBlock if Instant::now() >= deadline => {
                    return Err(StoreError::Locked { dir: dir.to_owned(), holder: holder(&mut file) });
                }
                TryLockError::WouldBlock => thread::sleep(BETWEEN_TRIES),
            }
        }
        name_holder(&mut file).map_err(|cause| failed("write", PathBuf::from(&path), cause))?;
        Ok(Self { _file: file })
    }
}

fn name_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    match file.rewind().and_then(|()| file.read_to_string(&mut pid)) {
        Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = WriterLock::take(dir.path(), Duration::ZERO).unwrap();
        let refused = WriterLock::take(dir.path(), Duration::ZERO).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(first);
        WriterLock::take(dir.path(), Duration::ZERO).unwrap();
    }
}
