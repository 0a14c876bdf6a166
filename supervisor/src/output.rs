//! `output`: what a child writes to stdout and stderr, taken as whole lines and without ever letting it wait.

use std::{io, mem, os::fd::OwnedFd};

use tokio::net::unix::pipe::Receiver;

/// A longer line is broken here.
const LINE_BYTES: usize = 16 * 1024;
const READ_BYTES: usize = 8 * 1024;
/// The end of a child's output is kept for its last words; so much of it.
const LAST_LINE_BYTES: usize = 400;
/// What a dead child left in its pipe: at most the pipe's size, so this many reads are enough.
const LAST_READS: usize = 16;

/// One child's output.
#[derive(Debug)]
pub struct Output {
    pipe: Receiver,
    lines: Lines,
}

impl Output {
    /// # Errors
    ///
    /// When the runtime cannot watch it.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self { pipe: Receiver::from_owned_fd(fd)?, lines: Lines::default() })
    }

    /// Waits for the next whole lines; none when nothing more will come.
    ///
    /// # Errors
    ///
    /// When the runtime is ending, or the pipe failed.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            self.pipe.readable().await?;
            match self.read() {
                Ok(None) => return Ok(None),
                Ok(Some(lines)) if lines.is_empty() => {}
                Ok(lines) => return Ok(lines),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// What is already here, the last unfinished line included. For a child that has ended.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        for _ in 0..LAST_READS {
            let mut chunk = [0; READ_BYTES];
            // Past the runtime, which may not have noticed yet that there is something to read.
            match rustix::io::read(&self.pipe, &mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(bytes) => rest.extend(self.lines.add(&chunk[..bytes])),
            }
        }
        rest.extend(self.lines.finish());
        rest
    }

    /// The last line, unless it is a record of the log: those are read with `supervisor logs`.
    pub fn last_plain_line(&self) -> Option<String> {
        let line = String::from_utf8_lossy(&self.lines.last);
        let line = line.trim();
        (!line.is_empty() && !line.starts_with('{')).then(|| line.to_owned())
    }

    fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = [0; READ_BYTES];
        match self.pipe.try_read(&mut chunk)? {
            0 => Ok(None),
            bytes => Ok(Some(self.lines.add(&chunk[..bytes]))),
        }
    }
}

/// Cuts a stream into whole lines.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
    last: Vec<u8>,
}

impl Lines {
    /// Takes some bytes, gives the lines that are complete with them, each with its end.
    fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(end) = bytes.iter().rposition(|&byte| byte == b'\n') else {
            self.begun.extend(bytes);
            return if self.begun.len() > LINE_BYTES { self.finish() } else { Vec::new() };
        };
        let mut complete = mem::take(&mut self.begun);
        complete.extend(&bytes[..=end]);
        self.begun.extend(&bytes[end + 1..]);
        self.remember_last(&complete);
        complete
    }

    /// Ends the line that was begun, if one was.
    fn finish(&mut self) -> Vec<u8> {
        let mut line = mem::take(&mut self.begun);
        if !line.is_empty() {
            line.push(b'\n');
            self.remember_last(&line);
        }
        line
    }

    fn remember_last(&mut self, complete: &[u8]) {
        let Some(line) = complete.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty()) else { return };
        self.last.clear();
        self.last.extend(&line[..line.len().min(LAST_LINE_BYTES)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_come_out_whole() {
        let mut lines = Lines::default();
        assert_eq!(lines.add(b"one\ntw"), b"one\n");
        assert_eq!(lines.add(b"o"), b"");
        assert_eq!(lines.add(b"\nthree\n\nfour"), b"two\nthree\n\n");
        assert_eq!(lines.last, b"three");
        assert_eq!(lines.finish(), b"four\n");
        assert_eq!(lines.last, b"four");
        assert_eq!(lines.finish(), b"");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_little_is_kept(chunks in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![9 => Just(b'x'), 1 => Just(b'\n')], 0..9_000), 0..12,
        )) {
            let mut lines = Lines::default();
            let mut out = Vec::new();
            for chunk in &chunks {
                let complete = lines.add(chunk);
                prop_assert!(complete.is_empty() || complete.ends_with(b"\n"));
                out.extend(complete);
                prop_assert!(lines.begun.len() <= LINE_BYTES);
            }
            out.extend(lines.finish());
            let letters = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'x').count();
            prop_assert_eq!(letters(&out), letters(&chunks.concat()));
        }
    }

    #[tokio::test]
    async fn a_dead_childs_last_line_is_kept_even_without_its_end() {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        rustix::io::write(&write, b"one\nerror: unexpected argument").unwrap();
        drop(write);
        let mut output = Output::new(read).unwrap();
        assert_eq!(output.rest(), b"one\nerror: unexpected argument\n");
        assert_eq!(output.last_plain_line().unwrap(), "error: unexpected argument");
    }
}
