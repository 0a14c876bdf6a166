//! An instance's own endpoint: one process holds it at a time, and its socket appears complete or not at all.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use proto::{
    bus::{hint_socket_name, socket_name},
    hints::Hint,
    interface::Interface,
};
use tokio::time::{Instant, sleep};

use super::binding::Binding;
use crate::{
    context::Context,
    failure::{Failure, OrFail as _},
    lock::{self, Lock},
};

const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// A bound endpoint.
#[derive(Debug)]
pub struct Endpoint {
    path: PathBuf,
    _lock: Lock,
}

impl Endpoint {
    /// Takes the endpoint of this instance, waiting up to 10 s for the process that holds it, and listens there.
    ///
    /// # Errors
    ///
    /// Exit code 75 when another process keeps it; exit code 1 when the socket cannot be made.
    pub async fn bind<I: Interface, B: Binding>(context: &Context) -> Result<(Self, B::Router), Failure> {
        let name = socket_name::<I>(context.instance);
        let stem = name.trim_end_matches(".sock");
        let lock = take(&context.runtime_dir.join(format!("{stem}.lock")), context).await?;
        let path = context.runtime_dir.join(&name);
        let router = listen(&path, B::bind).await.or_fail(format!("cannot listen at {}", path.display()))?;
        Ok((Self { path, _lock: lock }, router))
    }

    /// Takes the endpoint where this instance tells hints, if nobody else holds it.
    ///
    /// # Errors
    ///
    /// Exit code 75 when another process holds it; exit code 1 when the socket cannot be made.
    pub async fn publish<H: Hint, B: Binding>(context: &Context) -> Result<(Self, B::Publisher), Failure> {
        let path = context.runtime_dir.join(hint_socket_name::<H>(context.instance));
        let lock_path = path.with_extension("lock");
        let lock = lock::try_take(&lock_path)?.ok_or_else(|| lock::held(&lock_path))?;
        let publisher = listen(&path, B::publish).await.or_fail(format!("cannot listen at {}", path.display()))?;
        Ok((Self { path, _lock: lock }, publisher))
    }

    /// Whether the socket's file is still there for askers to find.
    pub fn is_there(&self) -> bool {
        self.path.exists()
    }

    /// Takes the name away, so that nobody new comes. Who is connected stays.
    pub fn hide(&self) {
        // Gone already, with its directory: then nobody new can come either.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn take(path: &Path, context: &Context) -> Result<Lock, Failure> {
    let end = Instant::now() + lock::WAIT;
    loop {
        context.pulse.beat();
        match lock::try_take(path)? {
            Some(lock) => return Ok(lock),
            None if Instant::now() >= end => return Err(lock::held(path)),
            None => sleep(BETWEEN_TRIES).await,
        }
    }
}

/// Listens under another name and then renames, so that a stale file is replaced in one step and nobody ever meets a
/// socket that does not listen yet.
async fn listen<S>(path: &Path, bind: impl AsyncFnOnce(&Path) -> io::Result<S>) -> io::Result<S> {
    let fresh = path.with_extension("fresh");
    match std::fs::remove_file(&fresh) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let socket = bind(&fresh).await?;
    std::fs::rename(&fresh, path)?;
    Ok(socket)
}
