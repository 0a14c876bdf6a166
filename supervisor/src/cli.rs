//! `cli`: the operator's command line. Everything but `up` is a process of its own that talks to the supervising one
//! over its socket, to boxes over the bus (as `Operator`), or to files.

mod client;
mod detach;
mod export;
mod import;
mod ingest;
mod ipfs;
mod logs;
mod operator;
mod show;
mod store;
mod tap;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use daemon::{
    Failure,
    config::{self, Loaded},
};
use proto::{
    config::DEFAULT_TOML,
    supervision::{Command, exit},
};

use crate::up::{Place, up};
use client::{Done, ask};
use logs::{Then, Wanted};
use show::Form;

/// The process manager of Rookery: starts the boxes, watches them, restarts what fails.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Every command takes --config FILE.\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no supervisor runs, 65 damaged data, \
        75 another supervisor runs, 78 wrong configuration."
)]
pub struct Cli {
    #[command(subcommand)]
    task: Task,
    #[command(flatten)]
    configured: ConfigFlag,
}

#[derive(Debug, Args)]
struct ConfigFlag {
    /// The configuration (default: rookery.toml here, then the user's, then the system's).
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Start everything and stay; Ctrl-C stops it.
    Up {
        /// Go into the background; done when the tree is ready.
        #[arg(long)]
        detach: bool,
        /// How `--detach` starts itself.
        #[arg(long, hide = true, conflicts_with = "detach")]
        in_background: bool,
    },
    /// Stop everything; done when all boxes are gone.
    Down,
    /// Show every box.
    Status {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Stop a box and start it again; done when it is ready.
    Restart(Named),
    /// Stop a box and keep it stopped; done when it is gone.
    Stop(Named),
    /// Start a box that is stopped or held; done when it is ready.
    Start(Named),
    /// Show what boxes wrote.
    Logs {
        /// A box (`get-worker`), an instance (`get-worker.1`) or `supervisor`; all of them by default.
        #[arg(value_name = "BOX")]
        name: Option<String>,
        /// Go on as they write more.
        #[arg(short, long)]
        follow: bool,
        /// So many of the last lines.
        #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
        lines: usize,
    },
    /// Show the messages that pass through a box, decoded, as they pass.
    Tap(Named),
    /// Look after the comment store.
    #[command(subcommand)]
    Store(StoreTask),
    /// Write every comment into a folder, as `<2>/<2>/<36>/<legacy id>`.
    Export {
        /// The folder; what is there already is left as it is.
        folder: PathBuf,
    },
    /// Keep every comment of such a folder; those that are known already stay as they are.
    Import {
        /// The folder.
        folder: PathBuf,
    },
    /// Show which IPFS daemon this tree has, and how it is.
    Ipfs {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Look at what the ingest server has taken in.
    #[command(subcommand)]
    Ingest(IngestTask),
    /// Check a configuration, or print the default one.
    #[command(subcommand)]
    Config(ConfigTask),
    /// Show the version.
    Version,
}

#[derive(Debug, Args)]
struct Named {
    /// All its instances (`get-worker`) or one (`get-worker.1`).
    #[arg(value_name = "BOX")]
    name: String,
}

#[derive(Debug, Subcommand)]
enum ConfigTask {
    /// Check a file.
    Check {
        /// The file (default: the one that would be used).
        file: Option<PathBuf>,
    },
    /// Print every key with its default and what it means.
    Default,
}

#[derive(Debug, Subcommand)]
enum IngestTask {
    /// Show every file in the journal, the oldest first.
    List {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum StoreTask {
    /// Read all of it, and say what is damaged.
    Check,
    /// Copy what is sound into a new store.
    Salvage {
        /// A folder that does not exist yet.
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
}

/// Why a command did not work, and its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The exit code.
    pub code: u8,
    text: String,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { code: failure.code(), text: failure.to_string() }
    }
}

impl Refusal {
    fn failed(text: impl Into<String>) -> Self {
        Self { code: exit::FAILED, text: text.into() }
    }
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    ///
    /// With what to tell the operator, and the exit code.
    pub fn run(self) -> Result<(), Refusal> {
        let given = self.configured.config.as_deref();
        let loaded = || config::load(given);
        match self.task {
            Task::Up { detach: true, .. } => detach::up(&loaded()?),
            Task::Up { in_background, .. } => {
                Ok(up(given, if in_background { Place::Background } else { Place::Foreground })?)
            }
            Task::Down => client::down(&loaded()?),
            Task::Status { json } => show::status(&loaded()?, if json { Form::Json } else { Form::Table }),
            Task::Restart(Named { name }) => order(&loaded()?, &Command::Restart { name }),
            Task::Stop(Named { name }) => order(&loaded()?, &Command::Stop { name }),
            Task::Start(Named { name }) => order(&loaded()?, &Command::Start { name }),
            Task::Logs { name, follow, lines } => {
                let then = if follow { Then::Follow } else { Then::End };
                logs::logs(&loaded()?, &Wanted { name, last: lines }, then)
            }
            Task::Tap(Named { name }) => tap::tap(&loaded()?, &name),
            Task::Store(StoreTask::Check) => store::run(&loaded()?, &["check".into()]),
            Task::Store(StoreTask::Salvage { into }) => {
                store::run(&loaded()?, &["salvage".into(), "--into".into(), into.into()])
            }
            Task::Export { folder } => export::export(&loaded()?, &folder),
            Task::Import { folder } => import::import(&loaded()?, &folder),
            Task::Ipfs { json } => ipfs::ipfs(&loaded()?, if json { Form::Json } else { Form::Table }),
            Task::Ingest(IngestTask::List { json }) => {
                ingest::list(&loaded()?, if json { Form::Json } else { Form::Table })
            }
            Task::Config(ConfigTask::Check { file }) => check(file.as_deref().or(given)),
            Task::Config(ConfigTask::Default) => show::text(DEFAULT_TOML),
            Task::Version => show::text(concat!("rookery ", env!("CARGO_PKG_VERSION"), "\n")),
        }
    }
}

fn order(loaded: &Loaded, command: &Command) -> Result<(), Refusal> {
    match ask(loaded, command)? {
        Done::Done | Done::Status(_) => Ok(()),
    }
}

fn check(file: Option<&Path>) -> Result<(), Refusal> {
    let loaded = config::load(file)?;
    match loaded.file {
        Some(file) => show::text(&format!("{}: correct\n", file.display())),
        None => show::text("there is no configuration file; the defaults are used (`supervisor config default`)\n"),
    }
}
