//! A failure ends the process, with an exit code that tells the supervisor whether a restart may help.

use std::{error::Error, fmt, path::Path};

use proto::supervision::exit;

/// Why a box ends, and the exit code that says it.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    text: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), cause: None }
    }

    /// The configuration is wrong: the supervisor holds the box instead of restarting it. Exit code 78.
    pub fn config(text: impl Into<String>) -> Self {
        Self::new(exit::CONFIG, text)
    }

    /// Another process holds the lock. Exit code 75.
    pub fn locked(text: impl Into<String>) -> Self {
        Self::new(exit::LOCKED, text)
    }

    /// The data on disk is damaged: the supervisor holds the box. Exit code 65.
    pub fn damaged(text: impl Into<String>) -> Self {
        Self::new(exit::DAMAGED, text)
    }

    /// Anything else: a restart may help. Exit code 1.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new(exit::FAILED, text)
    }

    /// Attaches what lies behind it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says which file it is about, if there is one.
    #[must_use]
    pub fn in_file(mut self, file: Option<&Path>) -> Self {
        if let Some(file) = file {
            self.text = format!("{}: {}", file.display(), self.text);
        }
        self
    }

    /// The exit code of the process.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        let mut cause = self.cause.as_deref().map(|e| e as &dyn Error);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Turns an error into a [`Failure`] with a sentence of its own.
pub trait OrFail<T> {
    /// Ends the box with exit code 1, the sentence, and the error behind it.
    ///
    /// # Errors
    ///
    /// Whenever `self` is one.
    fn or_fail(self, text: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrFail<T> for Result<T, E> {
    fn or_fail(self, text: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|cause| Failure::failed(text).because(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_its_whole_chain() {
        let failure = Err::<(), _>(std::io::Error::other("disk on fire")).or_fail("cannot open log").unwrap_err();
        assert_eq!(failure.to_string(), "cannot open log: disk on fire");
        assert_eq!(failure.code(), 1);
    }
}
