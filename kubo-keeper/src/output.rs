//! What Kubo writes, as lines of bounded length: passed on to the log, and watched for the one that says it is ready.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A line is cut to this; Kubo's own are shorter.
const LINE_BYTES: usize = 4_096;
/// What Kubo prints when everything listens.
const READY: &str = "Daemon is ready";

/// Lines on their way in.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    unread: Vec<u8>,
    /// The rest of a line that was too long is left out.
    skipping: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// The lines of `source`.
    pub fn of(source: R) -> Self {
        Self { source, unread: Vec::new(), skipping: false }
    }

    /// The next line that is not empty; none at the end, whatever ended it. May be dropped at any await.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            while let Some(line) = self.take() {
                if !line.trim().is_empty() {
                    return Some(line);
                }
            }
            let mut piece = [0; 1_024];
            match self.source.read(&mut piece).await {
                Ok(0) | Err(_) => return self.last(),
                Ok(bytes) => self.unread.extend_from_slice(&piece[..bytes]),
            }
        }
    }

    fn take(&mut self) -> Option<String> {
        match self.unread.iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let line: Vec<_> = self.unread.drain(..=end).collect();
                let was_cut = std::mem::take(&mut self.skipping);
                Some(if was_cut { String::new() } else { text(&line) })
            }
            None if self.skipping => {
                self.unread.clear();
                None
            }
            None if self.unread.len() > LINE_BYTES => {
                self.skipping = true;
                Some(text(&std::mem::take(&mut self.unread)))
            }
            None => None,
        }
    }

    fn last(&mut self) -> Option<String> {
        let line = text(&std::mem::take(&mut self.unread));
        (!self.skipping && !line.trim().is_empty()).then_some(line)
    }
}

fn text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES)]);
    text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether this line says that everything listens.
#[must_use]
pub fn says_ready(line: &str) -> bool {
    line.trim() == READY
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::of(bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn lines_are_read_whole_and_long_ones_are_cut() {
        let long = "x".repeat(3 * LINE_BYTES);
        let text = format!("Initializing daemon...\n\n{long}\nDaemon is ready\nrest");
        let lines = all(text.as_bytes()).await;
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[1].len() <= LINE_BYTES && lines[1].starts_with("xxx"));
        assert!(says_ready(&lines[2]) && !says_ready(&lines[0]));
        assert_eq!(lines[3], "rest");
    }

    #[tokio::test]
    async fn what_is_no_text_does_no_harm() {
        assert_eq!(all(b"\xff\x00\x1b[1m\n").await.len(), 1);
        assert!(all(b"").await.is_empty());
    }
}
