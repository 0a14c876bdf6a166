//! Programs that a test starts beside a tree, as an operator would, and what they said.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use crate::wait;

/// What a command of the supervisor said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl Said {
    /// The same, if the exit code was 0.
    ///
    /// # Panics
    ///
    /// When it was another.
    #[must_use]
    pub fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }
}

/// A program that was started beside a tree; ended when it is dropped.
#[derive(Debug)]
pub struct Begun {
    child: Child,
    what: String,
    out: PathBuf,
    err: PathBuf,
}

impl Begun {
    /// Starts a program; what it writes goes to files beside `place`.
    pub(crate) fn start(mut command: Command, place: &Path) -> Self {
        let (out, err) = (place.with_extension("out"), place.with_extension("err"));
        command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
        let what = format!("{command:?}");
        let child = command.spawn().unwrap_or_else(|e| panic!("{what}: {e}"));
        Self { child, what, out, err }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to stdout so far.
    #[must_use]
    pub fn out(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    /// What it has written to stderr so far.
    #[must_use]
    pub fn err(&self) -> String {
        fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// Waits until it has ended by itself, and returns its exit code; none when a signal ended it.
    ///
    /// # Panics
    ///
    /// When it does not end within `deadline`.
    pub fn await_end(&mut self, deadline: Duration) -> Option<i32> {
        let ended = wait::within(deadline, || self.child.try_wait().expect("our own child"));
        ended.unwrap_or_else(|| panic!("`{}` does not end: {}{}", self.what, self.out(), self.err())).code()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
