//! `logs`: shows what boxes wrote, from the files that the supervising process keeps; works without it, too.

mod follow;
mod line;

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use daemon::config::Loaded;

use super::{Refusal, show};
use crate::{
    journal::{OWN_LOG, path},
    up::logs_folder,
};
use line::Line;

/// Of one file no more than its end is read.
const TAIL_BYTES: u64 = 8 * 1024 * 1024;

/// Which lines.
#[derive(Debug)]
pub struct Wanted {
    /// Of this box (`get-worker`) or instance (`get-worker.1`), else of all.
    pub name: Option<String>,
    /// So many of the last lines.
    pub last: usize,
}

/// Whether to wait for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// No.
    End,
    /// Show lines as they are written, until interrupted.
    Follow,
}

/// Shows the last lines, in the order of their times, and then perhaps what comes.
///
/// # Errors
///
/// When there is no such log.
pub fn logs(loaded: &Loaded, wanted: &Wanted, then: Then) -> Result<(), Refusal> {
    let folder = logs_folder(loaded);
    let names = names(&folder, wanted.name.as_deref())?;
    // Watched before it is read: what is written in between is shown.
    let follower = match then {
        Then::Follow => {
            Some(follow::Follower::new(&folder, wanted.name.as_deref(), &names).map_err(|e| unreadable(&folder, &e))?)
        }
        Then::End => None,
    };
    let mut lines: Vec<_> = names.iter().flat_map(|name| tail(&folder, name, wanted.last)).collect();
    lines.sort_by(|one, other| one.time.cmp(&other.time));
    let shown = &lines[lines.len().saturating_sub(wanted.last)..];
    show::text(&shown.iter().map(Line::to_string).collect::<String>())?;
    follower.map_or(Ok(()), |follower| show::ended(follower.run(show::print)))
}

fn unreadable(folder: &Path, error: &io::Error) -> Refusal {
    Refusal::failed(format!("cannot read the logs in {}: {error}", folder.display()))
}

/// The logs that there are, by name.
fn names(folder: &Path, wanted: Option<&str>) -> Result<Vec<String>, Refusal> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let files = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let all: Vec<_> = files.filter_map(|file| file.strip_suffix(".log").map(str::to_owned)).collect();
    let mut names: Vec<_> = all.iter().filter(|name| matches(name, wanted)).cloned().collect();
    names.sort();
    match wanted {
        Some(wanted) if names.is_empty() && !all.is_empty() => Err(Refusal::failed(format!(
            "no log of `{wanted}`; expected a box, an instance (`get-worker.1`) or {OWN_LOG}"
        ))),
        _ => Ok(names),
    }
}

/// Whether the log `name` is wanted: `get-worker` means all its instances.
fn matches(name: &str, wanted: Option<&str>) -> bool {
    let Some(wanted) = wanted else { return true };
    let instance = name.strip_prefix(wanted).and_then(|rest| rest.strip_prefix('.'));
    name == wanted || instance.is_some_and(|number| number.parse::<u16>().is_ok())
}

/// The last lines of a log, across its rotated files.
fn tail(folder: &Path, name: &str, last: usize) -> Vec<Line> {
    let mut texts = Vec::new();
    let mut found = 0;
    for age in 0.. {
        let Ok(text) = end_of(&path(folder, name, age)) else { break };
        found += text.lines().count();
        texts.push(text);
        if found >= last {
            break;
        }
    }
    let mut lines = line::parse(name, texts.iter().rev().flat_map(|text| text.lines()));
    lines.drain(..lines.len().saturating_sub(last));
    lines
}

fn end_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let skipped = file.metadata()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_means_all_its_instances() {
        assert!(matches("get-worker.0", Some("get-worker")) && matches("get-worker.10", Some("get-worker")));
        assert!(matches("get-worker.0", Some("get-worker.0")) && matches("supervisor", Some("supervisor")));
        assert!(!matches("get-worker.10", Some("get-worker.1")) && !matches("get-worker.0", Some("get")));
        assert!(matches("anything", None));
    }

    #[test]
    fn the_last_lines_are_found_across_rotated_files() {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [("a.0.log", "5\n6\n"), ("a.0.log.1", "3\n4\n"), ("a.0.log.2", "1\n2\n")] {
            fs::write(folder.path().join(file), text).unwrap();
        }
        let texts = |last| tail(folder.path(), "a.0", last).iter().map(|line| line.text.clone()).collect::<String>();
        assert_eq!(texts(3), "456");
        assert_eq!(texts(100), "123456");
        assert_eq!(texts(0), "");
    }

    #[test]
    fn an_unknown_box_is_refused_with_what_would_be_right() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("get-worker.0.log"), "").unwrap();
        let refused = names(folder.path(), Some("get-wurker")).unwrap_err().to_string();
        assert!(refused.contains("get-wurker") && refused.contains("supervisor"), "{refused}");
    }
}
