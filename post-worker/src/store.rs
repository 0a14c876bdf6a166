//! Opening the store, and the maintenance that the operator asks for: `post-worker store check|salvage`.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use comment_store::{Incoming, Options, Salvage, Writer};
use daemon::{Failure, OrFail as _, config};
use proto::{config::CommentStore, posts::Origin, record::Limits};

use crate::{group, tree, writing::failure};

/// So many comments are written at a time.
const GROUP: usize = 1_024;

/// Opens the store for writing.
pub(crate) fn open(dir: &Path, config: &CommentStore) -> Result<Writer, Failure> {
    Writer::open(dir, &Options::from(config)).map_err(failure)
}

#[derive(Debug, Parser)]
#[command(name = "post-worker store", about = "Maintenance of the comment store")]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Compares everything in the store with everything else; changes nothing.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Writes the comments that can still be read into a new store; does not touch the damaged one.
    Salvage {
        /// A folder that is empty or absent: the new store.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
        /// The configuration.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Runs the maintenance; 0 when all is well, 65 when the store is damaged.
pub(crate) fn main() -> ExitCode {
    let arguments = std::env::args_os().take(1).chain(std::env::args_os().skip(2));
    let done = match Command::parse_from(arguments).what {
        What::Check { config } => check(config.as_deref()),
        What::Salvage { into, config } => salvage(&into, config.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("post-worker store: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn place(given: Option<&Path>) -> Result<(PathBuf, Options), Failure> {
    let loaded = config::load(given)?;
    Ok((loaded.places.data_dir.join("comments"), Options::from(&loaded.all.comment_store)))
}

fn check(config: Option<&Path>) -> Result<(), Failure> {
    let (dir, options) = place(config)?;
    println!("Checking {}", dir.display());
    let (reader, mut report) = comment_store::check(&dir, &options).map_err(unreadable)?;
    let wrong = tree::check(&reader.snapshot().map_err(unreadable)?).map_err(unreadable)?;
    report.fault_count += wrong.len() as u64;
    report.faults.extend(wrong);
    report.faults.iter().for_each(|fault| println!("  {fault}"));
    let (comments, deleted, topics) = (report.comments, report.deleted, report.topics);
    println!("{comments} comments on {topics} pages, {deleted} deleted; {} faults", report.fault_count);
    match report.fault_count {
        0 => Ok(()),
        faults => Err(Failure::damaged(format!("{faults} faults; save the comments with `supervisor store salvage`"))),
    }
}

fn salvage(into: &Path, config: Option<&Path>) -> Result<(), Failure> {
    let (dir, options) = place(config)?;
    let empty = !into.exists() || into.read_dir().or_fail("cannot read the folder for the new store")?.next().is_none();
    if !empty {
        let into = into.display();
        return Err(Failure::config(format!("{into} is not empty; name an empty or absent folder with --into")));
    }
    println!("Looking for comments in {}", dir.display());
    let found = Salvage::search(&dir, |seen, all| progress("pages searched", seen, all)).map_err(unreadable)?;
    println!("Found {} comments", found.count());
    let kept = write_all(&found, &mut Writer::open(into, &options).map_err(failure)?)?;
    let (dir, into) = (dir.display(), into.display());
    println!("{kept} of {} comments are in {into}.", found.count());
    println!("To use it, stop the tree, move {dir} away, and move {into} to its place.");
    Ok(())
}

/// Writes what was found, as if another server had sent it. What is deleted by another comment is deleted again.
fn write_all(found: &Salvage, writer: &mut Writer) -> Result<usize, Failure> {
    let comments = found
        .comments()
        .filter_map(|(topic, blob)| Incoming::read(topic, Origin::Server, blob.into(), Limits::NONE).ok());
    let (mut kept, mut waiting, all) = (0, Vec::with_capacity(GROUP), found.count() as u64);
    for comment in comments {
        waiting.push(comment);
        if waiting.len() == GROUP {
            kept += write_group(writer, &mut waiting)?;
            progress("comments written", kept as u64, all);
        }
    }
    kept += write_group(writer, &mut waiting)?;
    progress("comments written", all, all);
    Ok(kept)
}

/// Tells somebody who waits how far it is, in a line that the next one replaces; the last one stays.
fn progress(what: &str, done: u64, all: u64) {
    if io::stderr().is_terminal() {
        let end = if done == all { '\n' } else { '\r' };
        eprint!("  {done} of {all} {what}, {} %  {end}", done * 100 / all.max(1));
    }
}

fn write_group(writer: &mut Writer, waiting: &mut Vec<Incoming>) -> Result<usize, Failure> {
    let comments: Vec<&Incoming> = waiting.iter().collect();
    let written = group::write(writer, &comments).map_err(failure)?;
    waiting.clear();
    Ok(written.outcomes.iter().filter(|outcome| outcome.is_ok()).count())
}

fn unreadable(error: comment_store::StoreError) -> Failure {
    let failure = if error.is_damage() { Failure::damaged } else { Failure::failed };
    failure("cannot read the comment store").because(error)
}
