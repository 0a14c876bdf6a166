//! `get`: the archive that comes becomes files of this machine, or stays an archive.
//!
//! Asked by [`super::print`]. Writes to where `--output` says, or to the last name of the path. The archive is written
//! beside it first, because it is unpacked only when it has come as a whole.

use std::{
    fs::{self, File},
    io::{self, Seek as _, Write as _},
    path::{Component, Path, PathBuf},
};

use tar::{Archive, EntryType};

use super::{CliError, line::Call};

/// An archive that comes.
pub(super) struct Unpacking {
    output: PathBuf,
    /// The archive itself: a file without a name, unless it is what is wanted.
    archive: File,
    keep: bool,
}

impl Unpacking {
    pub(super) fn of(call: &Call) -> Result<Self, CliError> {
        let path = call.args.first().map(String::as_str).unwrap_or_default();
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let (keep, packed) = (call.is_on("archive"), call.is_on("compress"));
        let ending = match (keep, packed) {
            (true, true) => ".tar.gz",
            (true, false) => ".tar",
            (false, true) => ".gz",
            (false, false) => "",
        };
        let named = call.option("output").map(PathBuf::from);
        let output = named.unwrap_or_else(|| PathBuf::from(format!("{last}{ending}")));
        let keep = keep || packed;
        let archive = if keep { File::create(&output) } else { unnamed(&output) };
        let archive = archive.map_err(|cause| at(&output, cause))?;
        eprintln!("Saving {} to {}", if keep { "archive" } else { "file(s)" }, output.display());
        Ok(Self { output, archive, keep })
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.archive.write_all(bytes).map_err(|cause| at(&self.output, cause))
    }

    pub(super) fn end(mut self) -> Result<(), CliError> {
        if self.keep {
            return Ok(());
        }
        let unpacked = self.archive.rewind().and_then(|()| unpack(&self.archive, &self.output));
        unpacked.map_err(|cause| at(&self.output, cause))
    }
}

/// A file that is gone when it is closed.
fn unnamed(beside: &Path) -> io::Result<File> {
    let mut name = beside.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tar", std::process::id()));
    let path = beside.with_file_name(name);
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// All entries of an archive stand below one name, in place of which `output` stands.
fn unpack(archive: &File, output: &Path) -> io::Result<()> {
    let mut archive = Archive::new(archive);
    let mut is_link = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        // All that follows would be written to where the archive's own link points.
        if is_link {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an entry follows a root that is a symbolic link"));
        }
        let name = entry.path()?.into_owned();
        // What leads out of the folder is left out: an archive is a stranger's.
        let below: PathBuf = name.components().skip(1).filter(|part| matches!(part, Component::Normal(_))).collect();
        is_link = below.as_os_str().is_empty() && entry.header().entry_type() == EntryType::Symlink;
        let path =
            if below.as_os_str().is_empty() { folder_or_file(output, &entry, &name) } else { output.join(below) };
        if leads_through_a_link(output, &path) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an entry stands below a symbolic link"));
        }
        match entry.header().entry_type() {
            EntryType::Directory => fs::create_dir_all(&path)?,
            EntryType::Symlink => {
                let target = entry.link_name()?.unwrap_or_default();
                std::os::unix::fs::symlink(target, &path)?;
            }
            _ => _ = io::copy(&mut entry, &mut File::create(&path)?)?,
        }
    }
    Ok(())
}

/// A file that is got into a folder keeps its name there.
fn folder_or_file(output: &Path, entry: &tar::Entry<'_, impl io::Read>, name: &Path) -> PathBuf {
    let into = output.is_dir() && entry.header().entry_type() != EntryType::Directory;
    if into { output.join(name.file_name().unwrap_or_default()) } else { output.to_owned() }
}

fn leads_through_a_link(output: &Path, path: &Path) -> bool {
    let mut below = path.ancestors().take_while(|folder| folder.starts_with(output) && *folder != output);
    below.any(Path::is_symlink)
}

fn at(path: &Path, cause: io::Error) -> CliError {
    CliError::file(&path.display(), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, EntryType, &str)]) -> File {
        let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            if *kind == EntryType::Symlink {
                header.set_size(0);
                builder.append_link(&mut header, path, content).unwrap();
            } else {
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, path, content.as_bytes()).unwrap();
            }
        }
        let mut file = builder.into_inner().unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_folder_is_unpacked_under_another_name() {
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("here");
        let entries = [
            ("QmX", EntryType::Directory, ""),
            ("QmX/d", EntryType::Directory, ""),
            ("QmX/d/a", EntryType::Regular, "hi"),
        ];
        unpack(&archive(&entries), &output).unwrap();
        assert_eq!(fs::read_to_string(output.join("d/a")).unwrap(), "hi");
    }

    #[test]
    fn a_file_is_unpacked_into_a_folder_that_is_there() {
        let place = tempfile::tempdir().unwrap();
        unpack(&archive(&[("a", EntryType::Regular, "hi")]), place.path()).unwrap();
        assert_eq!(fs::read_to_string(place.path().join("a")).unwrap(), "hi");
    }

    #[test]
    fn nothing_is_written_through_a_link_of_the_archive() {
        let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let output = place.path().join("here");
        let target = outside.path().to_str().unwrap();
        let entries =
            [("x", EntryType::Directory, ""), ("x/l", EntryType::Symlink, target), ("x/l/a", EntryType::Regular, "hi")];
        assert!(unpack(&archive(&entries), &output).is_err());
        assert!(!outside.path().join("a").exists());
    }

    #[test]
    fn nothing_is_written_through_a_root_that_is_a_link() {
        for below in ["x/owned", "x"] {
            let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let target = if below == "x" { outside.path().join("owned") } else { outside.path().to_owned() };
            let entries = [("x", EntryType::Symlink, target.to_str().unwrap()), (below, EntryType::Regular, "hi")];
            assert!(unpack(&archive(&entries), &place.path().join("here")).is_err(), "{below}");
            assert!(!outside.path().join("owned").exists(), "{below}");
        }
    }
}
