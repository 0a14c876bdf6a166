//! `ingest`: the client of `ingest-server`, and of the servers whose protocol that box speaks: files in, CIDs out.
//!
//! Asked by whoever has files, a shell script as a rule. Asks a server over plain TCP. Believes nothing: every CID is
//! computed here too. Keeps nothing but what `--get` was told to write.

mod args;
mod attempts;
mod crowd;
mod download;
mod expected;
mod link;
mod meter;
mod pinned;
mod refusal;
mod show;
mod source;
mod upload;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Task};
use refusal::Verdict;
use show::Show;

fn main() -> ExitCode {
    let args = Args::parse();
    let show = Show::new(args.form());
    let verdict = args.task().map_or_else(|wrong| show.misused(&wrong), |task| run(&args, task, &show));
    ExitCode::from(verdict.exit_code())
}

fn run(args: &Args, task: Task, show: &Show) -> Verdict {
    match task {
        Task::Store(sources) => crowd::store_all(&args.server(), &sources, args.parallel(), show),
        Task::Get(wanted) => download::get(&args.server(), &wanted, show),
    }
}
