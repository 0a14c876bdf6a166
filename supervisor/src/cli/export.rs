//! `export`: writes every comment into a plain folder tree, `<2>/<2>/<36>/<legacy id>`: the layout comntr has on disk,
//! and the one whose IPFS folder is the root that `GET /` tells.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use daemon::{bus::Asker, config::Loaded};
use indicatif::ProgressBar;
use proto::{
    LegacyId, Threads, Topic,
    threads::{FolderFiles, ListTopics, ReadFolder},
};

use super::{
    Refusal,
    operator::{ask, ask_boxes},
    show,
};

/// Topics asked for at a time.
const TOPICS: u16 = 1_000;

/// What was written.
#[derive(Debug, Default)]
struct Written {
    topics: u64,
    new: u64,
    there: u64,
}

/// Writes every comment of the running tree.
///
/// # Errors
///
/// When nobody answers, or the folder cannot be written.
pub fn export(loaded: &Loaded, folder: &Path) -> Result<(), Refusal> {
    let bar = progress();
    let written = ask_boxes(loaded, async |desk| all(&desk.asker()?, folder, &bar).await)?;
    bar.finish_and_clear();
    let Written { topics, new, there } = written;
    show::text(&format!("{new} comments of {topics} topics written to {}, {there} were there\n", folder.display()))
}

/// On stderr, and only if that is a terminal.
pub(super) fn progress() -> ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{wide_bar} {pos}/{len} comments, {per_sec}, {eta} left");
    let bar = ProgressBar::new(0);
    style.into_iter().for_each(|style| bar.set_style(style));
    bar
}

async fn all(threads: &Asker<Threads>, folder: &Path, bar: &ProgressBar) -> Result<Written, Refusal> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let mut written = Written::default();
    let mut after = None;
    loop {
        let list = ask(threads, &ListTopics { after, limit: TOPICS }).await?;
        let list = list.map_err(|error| Refusal::failed(error.to_string()))?;
        bar.set_length(list.stored);
        let Some(last) = list.topics.last() else { break };
        after = Some(*last);
        for topic in list.topics {
            one(threads, topic, folder, &mut written, bar).await?;
        }
    }
    sync(folder).map_err(|error| unwritable(folder, &error))?;
    Ok(written)
}

async fn one(
    threads: &Asker<Threads>,
    topic: Topic,
    folder: &Path,
    written: &mut Written,
    bar: &ProgressBar,
) -> Result<(), Refusal> {
    let place = place(folder, topic);
    fs::create_dir_all(&place).map_err(|error| unwritable(&place, &error))?;
    written.topics += 1;
    let mut after = None;
    loop {
        let files = ask(threads, &ReadFolder { topic, after }).await?;
        let files = files.map_err(|error| Refusal::failed(error.to_string()))?;
        for (name, blob) in blobs(&files)? {
            match keep(&place, name, blob).map_err(|error| unwritable(&place.join(name.to_string()), &error))? {
                Kept::New => written.new += 1,
                Kept::There => written.there += 1,
            }
            bar.inc(1);
        }
        let Some(next) = files.next else { return Ok(()) };
        after = Some(next);
    }
}

/// Where a topic's comments are.
pub(super) fn place(folder: &Path, topic: Topic) -> PathBuf {
    let hex = topic.to_string();
    folder.join(&hex[..2]).join(&hex[2..4]).join(&hex[4..])
}

fn unwritable(path: &Path, error: &io::Error) -> Refusal {
    Refusal::failed(format!("cannot write {}: {error}", path.display()))
}

/// The files of an answer, each checked against its name.
fn blobs(files: &FolderFiles) -> Result<Vec<(LegacyId, &[u8])>, Refusal> {
    let mut rest = &files.blobs[..];
    let cut = |&(name, bytes): &(LegacyId, u32)| {
        let (blob, after) = rest.split_at_checked(usize::try_from(bytes).ok()?)?;
        rest = after;
        (LegacyId::of(blob) == name).then_some((name, blob))
    };
    let all: Option<Vec<_>> = files.files.iter().map(cut).collect();
    all.ok_or_else(|| {
        Refusal::failed("a comment came with other bytes than its name says; run `supervisor store check`")
    })
}

enum Kept {
    New,
    There,
}

/// Writes a file so that it is never seen half written.
fn keep(place: &Path, name: LegacyId, blob: &[u8]) -> io::Result<Kept> {
    let path = place.join(name.to_string());
    // Its name is its hash, so what has its name and length has its bytes.
    if fs::metadata(&path).is_ok_and(|there| there.is_file() && there.len() == blob.len() as u64) {
        return Ok(Kept::There);
    }
    let new = place.join(format!(".{name}.new"));
    File::create(&new)?.write_all(blob)?;
    fs::rename(&new, &path)?;
    Ok(Kept::New)
}

fn sync(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(test)]
mod tests {
    use proto::Seq;

    use super::*;

    #[test]
    fn a_topic_has_its_place_in_the_tree() {
        let place = place(Path::new("/x"), Topic([0xab; 20]));
        assert_eq!(place, Path::new("/x/ab/ab").join("ab".repeat(18)));
    }

    #[test]
    fn a_file_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let name = LegacyId::of(b"hi");
        assert!(matches!(keep(folder.path(), name, b"hi").unwrap(), Kept::New));
        assert!(matches!(keep(folder.path(), name, b"hi").unwrap(), Kept::There));
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, [name.to_string().as_str()]);
    }

    #[test]
    fn an_answer_is_cut_into_its_files_and_checked() {
        let names = vec![(LegacyId::of(b"one"), 3), (LegacyId::of(b"four"), 4)];
        let answer =
            |blobs: &'static [u8]| FolderFiles { files: names.clone(), next: None::<Seq>, blobs: blobs.into() };
        assert_eq!(blobs(&answer(b"onefour")).unwrap()[1], (LegacyId::of(b"four"), &b"four"[..]));
        assert!(blobs(&answer(b"onefive")).is_err());
        assert!(blobs(&answer(b"onefo")).is_err());
    }
}
