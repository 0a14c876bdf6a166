//! What is remembered of an upload: one line of the journal that `ingest-server` writes and `supervisor ingest list` reads.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::ids::Cid;

/// Where the journal is, below the folder of all data.
pub const JOURNAL: &str = "ingest-server/uploads.jsonl";

/// A file that was taken in, pinned and announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// When it was complete: `2026-11-20T16:47:05Z`.
    pub time: String,
    /// Who sent it.
    pub peer: SocketAddr,
    /// Its length.
    pub bytes: u64,
    /// Its name.
    pub cid: Cid,
    /// From the connection to the answer.
    pub seconds: f64,
}

impl Upload {
    /// A line of the journal, its end included.
    ///
    /// # Panics
    ///
    /// Never: every field can be written as JSON.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("numbers and text can be written as JSON") + "\n"
    }

    /// Reads a line; none when it is damaged, as the last one is after a power cut. A field that a newer version has
    /// added is left out.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload() -> Upload {
        Upload {
            time: "2026-11-20T16:47:05Z".to_owned(),
            peer: "192.0.2.7:51000".parse().unwrap(),
            bytes: 5,
            cid: "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH".parse().unwrap(),
            seconds: 0.25,
        }
    }

    #[test]
    fn a_line_has_the_fields_that_programs_know() {
        let line = "{\"time\":\"2026-11-20T16:47:05Z\",\"peer\":\"192.0.2.7:51000\",\"bytes\":5,\
                    \"cid\":\"QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH\",\"seconds\":0.25}\n";
        assert_eq!(upload().line(), line);
        assert_eq!(Upload::read(line), Some(upload()));
    }

    #[test]
    fn a_line_of_a_newer_version_is_read_and_a_cut_one_is_not() {
        let line = upload().line();
        assert_eq!(Upload::read(&line.replace("{\"time\"", "{\"new\":[1],\"time\"")), Some(upload()));
        for cut in 0..line.len() - 2 {
            assert_eq!(Upload::read(&line[..cut]), None);
        }
    }
}
