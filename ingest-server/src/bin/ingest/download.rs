//! Gets one file back, checks it, and puts it in its place only if it is the one that was asked for.
//!
//! Asked by `main`. A file is written beside its place, under its name with `.part` behind it, and moved there at the end.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
};

use bytes::Bytes;
use ingest_server::wire::{Answer, Finder, Request, TLS_LINE, Token};
use unixfs::Profile;

use crate::{
    args::{Check, Wanted},
    attempts::attempts,
    expected::{Expected, Hashing, profiles_of},
    link::{Link, Server},
    meter::Meter,
    refusal::{Refusal, Verdict},
    show::Show,
};

/// Bytes of one read.
const PIECE_BYTES: usize = 256 * 1024;
/// A refusal of the server is shorter than this.
const REFUSAL_BYTES: u64 = 1024;

/// A file that was got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Got {
    /// How many bytes it has.
    pub bytes: u64,
    /// The profile that gives the CID; none when the server was believed.
    pub profile: Option<Profile>,
}

/// Gets a file, and tells what came of it.
pub fn get(server: &Server, wanted: &Wanted, show: &Show) -> Verdict {
    let cid = wanted.cid.to_string();
    let meter = show.meter(&cid, None);
    // What went to stdout cannot be taken back, so it is not tried again.
    let retries = if wanted.to.is_some() { server.retries } else { 0 };
    let outcome = attempts(retries, |_, _| {
        meter.restart();
        match &wanted.to {
            None => receive(server, wanted, &mut io::stdout().lock(), &meter).map_err(|refusal| named(refusal, None)),
            Some(path) => into_file(server, wanted, path, &meter),
        }
    });
    meter.finish();
    show.got(&cid, wanted.to.as_deref(), &outcome);
    Verdict::of(&outcome.result)
}

fn into_file(server: &Server, wanted: &Wanted, path: &Path, meter: &Meter) -> Result<Got, Refusal> {
    let part = part_of(path);
    let unwritable = |cause| Refusal::Unwritable { name: part.display().to_string(), cause };
    let mut file = File::create(&part).map_err(unwritable)?;
    let got = receive(server, wanted, &mut file, meter).map_err(|refusal| named(refusal, Some(&part)));
    let placed = got.and_then(|got| fs::rename(&part, path).map(|()| got).map_err(unwritable));
    if placed.is_err() {
        // Best effort: the name says that it is a part.
        let _ = fs::remove_file(&part);
    }
    placed
}

fn part_of(path: &Path) -> PathBuf {
    let mut name: OsString = path.into();
    name.push(".part");
    name.into()
}

/// Says which file could not be written.
fn named(refusal: Refusal, path: Option<&Path>) -> Refusal {
    match refusal {
        Refusal::Unwritable { cause, .. } => {
            let name = path.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
            Refusal::Unwritable { name, cause }
        }
        other => other,
    }
}

fn receive(server: &Server, wanted: &Wanted, into: &mut dyn Write, meter: &Meter) -> Result<Got, Refusal> {
    let mut link = Link::connect(server, server.download_port)?;
    link.secure(server.tls, TLS_LINE)?;
    let token = Token::from_random(rand::random());
    link.send(Request { token: token.clone(), cid: wanted.cid }.line().as_bytes(), |_| {})?;
    let profiles = if server.check == Check::Compute { profiles_of(&wanted.cid) } else { Vec::new() };
    thread::scope(|scope| {
        let hashing = Hashing::begin(scope, &profiles);
        let bytes = copy(&mut link, Finder::new(&token), into, &hashing, meter)?;
        let profile = judge(wanted, &hashing.finish(), server.check)?;
        Ok(Got { bytes, profile })
    })
}

/// Copies until the marker; how many bytes there were.
fn copy(
    link: &mut Link,
    mut finder: Finder,
    into: &mut dyn Write,
    hashing: &Hashing<'_>,
    meter: &Meter,
) -> Result<u64, Refusal> {
    let mut buffer = vec![0; PIECE_BYTES];
    // Held back: a refusal looks like the beginning of a file.
    let mut first = Vec::new();
    let mut bytes = 0;
    let mut keep = |piece: Bytes| {
        bytes += piece.len() as u64;
        meter.advance(piece.len() as u64);
        into.write_all(&piece).map_err(|cause| Refusal::Unwritable { name: String::new(), cause })?;
        hashing.push(piece);
        Ok::<_, Refusal>(bytes)
    };
    let mut moved = 0;
    loop {
        let count = link.receive(&mut buffer)?;
        if count == 0 {
            return Err(refused(&first).unwrap_or_else(|| cut(moved)));
        }
        moved += count as u64;
        let fed = finder.feed(&Bytes::copy_from_slice(&buffer[..count]));
        let file = [fed.freed, fed.file];
        if moved <= REFUSAL_BYTES && fed.after.is_none() {
            file.iter().for_each(|piece| first.extend_from_slice(piece));
            continue;
        }
        keep(std::mem::take(&mut first).into())?;
        for piece in file {
            keep(piece)?;
        }
        if fed.after.is_some() {
            return keep(Bytes::new());
        }
    }
}

fn refused(first: &[u8]) -> Option<Refusal> {
    match Answer::read(first) {
        Ok(Answer::Refused(why)) => Some(Refusal::Refused(why)),
        _ => None,
    }
}

fn cut(moved_bytes: u64) -> Refusal {
    let cause = io::Error::new(io::ErrorKind::UnexpectedEof, "the server ended without the end of the file");
    Refusal::Broken { moved_bytes, cause }
}

fn judge(wanted: &Wanted, expected: &Expected, check: Check) -> Result<Option<Profile>, Refusal> {
    if check == Check::Believe {
        return Ok(None);
    }
    let wrong = || Refusal::WrongBytes { wanted: wanted.cid.to_string(), found: expected.in_words() };
    expected.profile_of(&wanted.cid).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_named_after_the_whole() {
        assert_eq!(part_of(Path::new("a/b.txt")), Path::new("a/b.txt.part"));
    }

    #[test]
    fn a_line_that_begins_with_error_and_ends_without_a_marker_is_a_refusal() {
        assert!(
            matches!(refused(b"ERROR nobody has this file\n"), Some(Refusal::Refused(why)) if why.contains("nobody"))
        );
        assert!(refused(b"some text").is_none());
    }
}
