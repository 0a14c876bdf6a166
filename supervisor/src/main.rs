//! `supervisor`: the process manager of Rookery and its command line.
//!
//! `supervisor up` is asked by the operator over `supervisor.sock` and shown to `http-front` on `status.sock`; it asks no
//! box anything. The other commands are processes of their own. Keeps a lock and sockets in the runtime directory and the
//! logs of all boxes beside the data.

mod beats;
mod cli;
mod control;
mod descriptor;
mod doors;
mod herald;
mod journal;
mod machine;
mod memory;
mod metrics;
mod output;
mod own_log;
mod process;
mod signals;
mod table;
mod tree;
mod trend;
mod up;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            eprintln!("supervisor: {refusal}");
            ExitCode::from(refusal.code)
        }
    }
}
