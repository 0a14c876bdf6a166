//! `store`: `supervisor store …` is `post-worker store …`: only that program opens the comment store for writing.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use daemon::config::Loaded;
use proto::wiring::{BoxKind as _, PostWorker};

use super::Refusal;
use crate::up::programs;

/// Becomes `post-worker store …`; returns only when it could not.
///
/// # Errors
///
/// When there is no such program.
pub fn run(loaded: &Loaded, args: &[OsString]) -> Result<(), Refusal> {
    let beside = programs().join(PostWorker::NAME);
    let program = if beside.is_file() { beside } else { PostWorker::NAME.into() };
    let mut command = Command::new(&program);
    command.arg("store").args(args);
    if let Some(file) = &loaded.file {
        command.arg("--config").arg(file);
    }
    let error = command.exec();
    Err(Refusal::failed(format!("cannot start {}: {error}; it belongs beside the supervisor", program.display())))
}
