//! `own_log`: the supervisor's own events, to stderr and to `supervisor.log`. Neither can make it wait.

use std::{
    io::{self, IsTerminal as _, Write},
    sync::Arc,
};

use daemon::Failure;
use tracing_subscriber::{Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::journal::{Journal, OWN_LOG};

/// Starts the log.
///
/// # Errors
///
/// Exit code 78 when the filter is none.
pub fn start(filter: &str, file: Journal, stderr: Option<Journal>) -> Result<(), Failure> {
    let expected = "expected a level (error, warn, info, debug, trace) or a filter such as \"info,http_front=debug\"";
    let filter: Targets = filter
        .parse()
        .map_err(|cause| Failure::config(format!("[common] log = \"{filter}\": {expected}")).because(cause))?;
    let (human, machine) = if io::stderr().is_terminal() { (stderr, None) } else { (None, stderr) };
    let all = fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(lines(file))
        .and_then(human.map(|stderr| fmt::layer().with_target(false).with_writer(lines(stderr))))
        .and_then(machine.map(|stderr| fmt::layer().json().flatten_event(true).with_writer(lines(stderr))));
    // Setting it twice happens in tests only; the first one stays.
    let _ = tracing_subscriber::registry().with(all.with_filter(filter)).try_init();
    Ok(())
}

fn lines(journal: Journal) -> impl Fn() -> Lines {
    let lines = Lines { journal, log: OWN_LOG.into() };
    move || lines.clone()
}

#[derive(Debug, Clone)]
struct Lines {
    journal: Journal,
    log: Arc<str>,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.journal.put(&self.log, line.to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
