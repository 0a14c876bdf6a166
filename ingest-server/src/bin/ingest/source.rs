//! What is sent: a file or standard input, read in whole pieces. Asked by `upload`.

use std::{
    fs::{self, File},
    io::{self, Read, stdin},
    path::{Path, PathBuf},
};

use bytes::Bytes;

use crate::refusal::Refusal;

/// Bytes of one read: whole chunks of every profile, so that hashing copies nothing.
pub const PIECE_BYTES: usize = 1024 * 1024;

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input, which can be read once.
    Stdin,
}

/// A source that is open, at its beginning.
pub struct Opened {
    reader: Box<dyn Read + Send>,
    name: String,
}

impl Source {
    /// As it was typed.
    #[must_use]
    pub fn of(typed: &Path) -> Self {
        if typed.as_os_str() == "-" { Self::Stdin } else { Self::File(typed.to_owned()) }
    }

    /// The name to tell about it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
        }
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// `Unreadable` when it is not there, is a folder, or may not be read.
    pub fn open(&self) -> Result<Opened, Refusal> {
        let name = self.name();
        let reader: Box<dyn Read + Send> = match self {
            Self::Stdin => Box::new(stdin()),
            Self::File(path) => match open_file(path) {
                Ok(file) => Box::new(file),
                Err(cause) => return Err(Refusal::Unreadable { name, cause }),
            },
        };
        Ok(Opened { reader, name })
    }

    /// How many bytes it has; unknown of a pipe.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|about| about.len()),
        }
    }

    /// Whether a second try would read the same bytes.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        match self {
            Self::Stdin => false,
            // Not a pipe, a terminal, a socket: those are empty when they have been read.
            Self::File(_) => self.bytes().is_some(),
        }
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, expected a file"));
    }
    Ok(file)
}

impl Opened {
    /// The next piece, a whole one unless it is the last; empty at the end.
    ///
    /// # Errors
    ///
    /// `Unreadable` when the file or the pipe cannot be read on.
    pub fn piece(&mut self) -> Result<Bytes, Refusal> {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let read = self.reader.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece);
        read.map_err(|cause| Refusal::Unreadable { name: self.name.clone(), cause })?;
        Ok(piece.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_not_sent() {
        let Err(refusal) = Source::of(&std::env::temp_dir()).open() else { panic!("opened") };
        assert!(refusal.in_full().contains("folder"), "{refusal}");
    }

    #[test]
    fn pieces_are_whole_until_the_last() {
        let length = PIECE_BYTES as u64 * 2 + 5;
        let mut opened = Opened { reader: Box::new(io::repeat(7).take(length)), name: "zeros".to_owned() };
        let lengths: Vec<_> = (0..4).map(|_| opened.piece().unwrap().len()).collect();
        assert_eq!(lengths, [PIECE_BYTES, PIECE_BYTES, 5, 0]);
    }

    #[test]
    fn only_a_plain_file_can_be_read_twice() {
        assert!(Source::of(&std::env::current_exe().unwrap()).is_repeatable());
        assert!(!Source::of(Path::new("/dev/zero")).is_repeatable());
        assert!(!Source::of(Path::new("-")).is_repeatable());
    }
}
