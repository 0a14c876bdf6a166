//! What is kept for the next start: where the round is, and what waits to be announced soon. A file of lines, written anew
//! whenever something changed; what a crash loses of it is announced once more, or with the next round.
//!
//! Asked by `provide`. Keeps `<repo>/providing`.

use std::{fmt::Write as _, fs, io, path::Path};

use unixfs::Cid;

use super::{Why, round::Round};

const TITLE: &str = "rookery-providing 1";

/// The contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paper {
    pub(super) round: Round,
    pub(super) soon: Vec<(Cid, Why)>,
}

/// Reads the file; none when there is none, or none of this version.
pub(super) fn read(path: &Path) -> io::Result<Option<Paper>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the file, whole or not at all.
pub(super) fn write(path: &Path, paper: &Paper) -> io::Result<()> {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text(paper))?;
    fs::rename(fresh, path)
}

fn text(paper: &Paper) -> String {
    let round = &paper.round;
    let after = round.after.map_or_else(|| "-".to_owned(), |cid| cid.to_string());
    let mut text = format!("{TITLE}\nround {} {} {} {after}\n", round.began_s, round.total, round.done);
    for (cid, why) in &paper.soon {
        let word = match why {
            Why::Pinned => "pinned",
            Why::Asked => "asked",
        };
        let _ = writeln!(text, "{word} {cid}");
    }
    text
}

fn parse(text: &str) -> Option<Paper> {
    let mut lines = text.lines();
    if lines.next()? != TITLE {
        return None;
    }
    let mut words = lines.next()?.strip_prefix("round ")?.split(' ');
    let mut number = || words.next()?.parse::<u64>().ok();
    let (began_s, total, done) = (number()?, number()?, number()?);
    let after = match words.next()? {
        "-" => None,
        cid => Some(cid.parse().ok()?),
    };
    let soon = lines.filter_map(waiting).collect();
    Some(Paper { round: Round { began_s, total, done, after }, soon })
}

fn waiting(line: &str) -> Option<(Cid, Why)> {
    let (word, cid) = line.split_once(' ')?;
    let why = match word {
        "pinned" => Why::Pinned,
        "asked" => Why::Asked,
        _ => return None,
    };
    Some((cid.parse().ok()?, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("providing");
        let cid: Cid = "bafkqac3jobxhgidsn5rww4yk".parse().unwrap();
        let empty = "bafkqaaa".parse().unwrap();
        for after in [None, Some(cid)] {
            let round = Round { began_s: 7, total: 3, done: 2, after };
            let paper = Paper { round, soon: vec![(cid, Why::Pinned), (empty, Why::Asked)] };
            write(&path, &paper).unwrap();
            assert_eq!(read(&path).unwrap(), Some(paper));
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "rookery-providing 1\nround 7 3 2 bafkqac3jobxhgidsn5rww4yk\npinned bafkqac3jobxhgidsn5rww4yk\nasked bafkqaaa\n"
        );
    }

    #[test]
    fn a_file_that_is_none_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("providing");
        assert_eq!(read(&path).unwrap(), None);
        for text in ["", "nonsense", "rookery-providing 2\nround 1 2 3 -\n", "rookery-providing 1\nround 1 2\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap(), None, "{text:?}");
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
}
