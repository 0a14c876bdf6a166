//! Logs go to stderr: lines for a human on a terminal, JSON otherwise. A full pipe costs lines, never time.

use std::{
    io::{self, IsTerminal as _, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tracing_subscriber::{EnvFilter, fmt};

use crate::failure::Failure;

/// Lines that were dropped because nobody took them.
pub static DROPPED_LINES: AtomicU64 = AtomicU64::new(0);

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A person, or whoever stderr was given to: writing may wait for them.
    Somebody,
    /// The supervisor, through a pipe that must never block us.
    Supervisor,
}

/// Reads what `[common] log` says.
///
/// # Errors
///
/// Exit code 78 when it is no filter.
pub fn filter(text: &str) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(text).map_err(|cause| {
        Failure::config(format!(
            "[common] log = \"{text}\": expected a level (error, warn, info, debug, trace) or a filter such as \
             \"info,http_front=debug\""
        ))
        .because(cause)
    })
}

/// Sets the process's log up.
///
/// # Errors
///
/// Exit code 78 when the filter is none.
pub fn start(text: &str, reader: Reader) -> Result<(), Failure> {
    let filter = filter(text)?;
    if reader == Reader::Supervisor {
        never_wait_for_stderr();
    }
    let lines = fmt().with_env_filter(filter).with_writer(|| Stderr);
    // Setting it twice happens in tests only; the first one stays.
    let _ = if io::stderr().is_terminal() {
        let lines = lines.with_target(false).with_filter_reloading();
        let handle = lines.reload_handle();
        let _ = CHANGE.set(Box::new(move |filter| handle.reload(filter).is_ok()));
        lines.try_init()
    } else {
        let lines = lines.json().flatten_event(true).with_current_span(true).with_span_list(false);
        let lines = lines.with_filter_reloading();
        let handle = lines.reload_handle();
        let _ = CHANGE.set(Box::new(move |filter| handle.reload(filter).is_ok()));
        lines.try_init()
    };
    Ok(())
}

/// Puts another filter in the place of the one that the log was set up with.
type Change = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

static CHANGE: OnceLock<Change> = OnceLock::new();

/// Changes what is logged, until the process ends.
///
/// # Errors
///
/// When the filter is none, or no log was set up.
pub fn change(text: &str) -> Result<(), Failure> {
    let filter = filter(text)?;
    match CHANGE.get().is_some_and(|change| change(filter)) {
        true => Ok(()),
        false => Err(Failure::failed("the log of this process cannot be changed: it was never set up")),
    }
}

fn never_wait_for_stderr() {
    let stderr = io::stderr();
    let Ok(flags) = fcntl(&stderr, FcntlArg::F_GETFL) else { return };
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    // Without it a line may wait for the supervisor: slower, not wrong.
    let _ = fcntl(&stderr, FcntlArg::F_SETFL(flags));
}

/// Writes a line, or counts it as dropped.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match io::stderr().write(line) {
            Ok(written) => Ok(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(_) => {
                DROPPED_LINES.fetch_add(1, Ordering::Relaxed);
                Ok(line.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
