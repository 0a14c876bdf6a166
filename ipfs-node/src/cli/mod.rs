//! The command line: `ipfs-node` by itself, without a tree, under that name or under `ipfs`.
//!
//! Asked by `main` before anything else. A command goes to the daemon of the repository over Kubo's RPC, or, when none
//! runs, to a node that is opened for it alone. `init` makes a repository; `daemon` serves one.

mod ask;
mod configure;
mod files;
mod line;
mod print;
mod shown;
mod unpack;

use std::{
    env,
    error::Error,
    ffi::OsString,
    fmt,
    io::{self, IsTerminal as _},
    path::Path,
    process::ExitCode,
};

use thiserror::Error;

use crate::standalone::{self, Repo, RepoError, StandaloneError};

use line::{Asked, Call, Own, What};

/// What begins the command line of a box of the tree.
const OF_A_BOX: [&str; 4] = ["--config", "--instance", "--version", "--help"];
/// The name under which it is never a box.
const OTHER_NAME: &str = "ipfs";

/// Why a command was not carried out, as a person is told.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    /// The daemon said no, in its words.
    #[error("{0}")]
    Refused(String),
    /// No daemon and no repository.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The node of the repository could not be opened or served.
    #[error(transparent)]
    Standalone(#[from] StandaloneError),
    /// The daemon could not be asked.
    #[error("cannot ask the daemon at {address}; check that it runs: `ipfs-node daemon`")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The connection ended early.
    #[error("the daemon's answer ended early; look into its log, then try again")]
    Cut(#[source] hyper::Error),
    /// The daemon's answer is not what its RPC gives.
    #[error("the daemon's answer cannot be read; check that what listens there is an IPFS daemon")]
    Nonsense(#[source] serde_json::Error),
    /// A file of ours.
    #[error("{path}; check the path and its permissions")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

impl CliError {
    fn file(path: &dyn fmt::Display, cause: io::Error) -> Self {
        Self::File { path: path.to_string(), cause }
    }
}

/// Does what the command line asks, if it asks this program to be no box of a tree.
#[must_use]
pub fn run() -> Option<ExitCode> {
    let arguments: Vec<OsString> = env::args_os().collect();
    is_for_us(&arguments).then(|| match carry_out(line::parse(arguments.into_iter())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    })
}

fn is_for_us(arguments: &[OsString]) -> bool {
    let named = arguments.first().and_then(|name| Path::new(name).file_name()).is_some_and(|name| name == OTHER_NAME);
    let first = arguments.get(1).map(|first| first.to_string_lossy().into_owned());
    named
        || first
            .is_some_and(|first| !OF_A_BOX.iter().any(|flag| first == *flag || first.starts_with(&format!("{flag}="))))
}

fn tell(error: &CliError) {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    eprintln!("Error: {text}");
}

fn carry_out(asked: Asked) -> Result<(), CliError> {
    let repo = Repo::at(asked.repo);
    match asked.what {
        What::Own(Own::Init, given) => Ok(standalone::init(&repo, &given_profile(&given, "profile"))?),
        What::Own(Own::Daemon, given) => Ok(standalone::daemon(&repo, &wishes(&given))?),
        What::Call(call) if asked.api.is_none() && configure::is_about(&call) => configure::carry_out(&repo, &call),
        What::Call(call) => carry_out_call(&repo, asked.api.as_deref(), with_args(call)?),
    }
}

fn given_profile(given: &clap::ArgMatches, name: &str) -> Vec<String> {
    let text = given.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    text.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn wishes(given: &clap::ArgMatches) -> standalone::Wishes {
    let is_on = |name: &str| given.get_one::<String>(name).is_some_and(|value| value == "true");
    standalone::Wishes {
        init: is_on("init").then(|| given_profile(given, "init-profile")),
        offline: is_on("offline"),
        pubsub: is_on("enable-pubsub-experiment"),
        routing: given.get_one::<String>("routing").filter(|kind| *kind != "default").cloned(),
    }
}

/// Arguments that were not given are lines of the standard input, unless that is a person's.
fn with_args(mut call: Call) -> Result<Call, CliError> {
    if call.wants_args && !io::stdin().is_terminal() {
        let lines = io::read_to_string(io::stdin()).map_err(|cause| CliError::file(&"the standard input", cause))?;
        call.args.extend(lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    Ok(call)
}

fn carry_out_call(repo: &Repo, api: Option<&str>, call: Call) -> Result<(), CliError> {
    let runtime = standalone::runtime()?;
    runtime.block_on(async {
        match ask::find(repo, api).await? {
            Some(daemon) => ask::carry_out(&daemon, call).await,
            // Nobody runs there: the repository is opened for this one command.
            None => {
                let alone = standalone::Alone::open(repo).await?;
                let done = ask::carry_out(&ask::Daemon::at(alone.address()), call).await;
                alone.close().await?;
                done
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_cli(line: &str) -> bool {
        is_for_us(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_box_of_the_tree_is_told_from_a_command() {
        for line in [
            "ipfs-node",
            "bin/ipfs-node --config rookery.toml --instance 1",
            "ipfs-node --instance=2",
            "ipfs-node --help",
        ] {
            assert!(!is_cli(line), "{line}");
        }
        for line in [
            "ipfs",
            "/usr/bin/ipfs --help",
            "ipfs-node daemon",
            "ipfs-node --api /ip4/127.0.0.1/tcp/5001 id",
            "ipfs-node help",
        ] {
            assert!(is_cli(line), "{line}");
        }
    }
}
