//! `up`: becomes the supervising process: takes the lock, binds the listeners, opens the sockets, runs the tree.

use std::{
    env,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use daemon::{
    Failure, OrFail as _,
    config::{self, Loaded},
    confine, lock,
};
use nix::{
    sys::{
        prctl,
        stat::{Mode, umask},
    },
    unistd,
};
use proto::supervision::Status;

use crate::{
    control::Control,
    doors::{self, OpenDoor},
    herald::Herald,
    journal::{self, Files, Journal, OWN_LOG, Rotation, Stderr},
    memory::{self, Limits},
    own_log,
    signals::Signals,
    table::{self, Row},
    tree::{Plan, Tree, banner},
};

const LOCK: &str = "supervisor.lock";
/// A supervisor that was killed a moment ago holds its lock for some milliseconds more.
const PREDECESSOR_WAIT: Duration = Duration::from_millis(500);
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Who started the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Somebody who looks at it, and may press Ctrl-C.
    Foreground,
    /// `supervisor up --detach`, which ends when the tree is ready.
    Background,
}

/// The folder of all logs.
pub fn logs_folder(loaded: &Loaded) -> PathBuf {
    loaded.places.data_dir.join("logs")
}

/// Runs the tree until it was asked to end and all of it is gone. Called on the main thread, while there is no other.
///
/// # Errors
///
/// Exit code 78 for a configuration that cannot be used, 75 when another supervisor runs this tree.
pub fn up(given: Option<&Path>, place: Place) -> Result<(), Failure> {
    let loaded = config::load(given)?;
    if place == Place::Background {
        unistd::setsid().or_fail("cannot leave the session of the terminal")?;
    }
    umask(Mode::from_bits_truncate(0o077));
    confine::private_dir(&loaded.places.runtime_dir)?;
    let _lock = take_lock(&loaded.places.runtime_dir.join(LOCK))?;
    prctl::set_child_subreaper(true).or_fail("cannot become the reaper of what boxes leave behind")?;
    let rows = table::rows(&loaded.all);
    let doors = rows.iter().map(open_doors).collect::<Result<_, _>>()?;
    let logs = start_log(&loaded, place)?;
    let limits = Limits::new(&loaded.all.ipfs, memory::of_the_machine());
    let plan = Plan { programs: programs(), rows, doors, limits, loaded };
    let ended = run(plan, logs[0].clone(), place);
    if let Err(failure) = &ended {
        tracing::error!(%failure, "ended");
    }
    logs.iter().for_each(Journal::finish);
    ended
}

fn take_lock(path: &Path) -> Result<lock::Lock, Failure> {
    let end = Instant::now() + PREDECESSOR_WAIT;
    loop {
        match lock::try_take(path)? {
            Some(lock) => return Ok(lock),
            None if Instant::now() >= end => return Err(taken(path)),
            None => thread::sleep(BETWEEN_TRIES),
        }
    }
}

fn taken(path: &Path) -> Failure {
    let holder = fs::read_to_string(path).unwrap_or_default();
    let (holder, path) = (holder.trim(), path.display());
    Failure::locked(format!(
        "a supervisor runs here already: process {holder} holds {path}; see `supervisor status`, end it with \
         `supervisor down`, or set another [common] runtime_dir and data_dir"
    ))
}

fn open_doors(row: &Row) -> Result<Vec<OpenDoor>, Failure> {
    row.doors.iter().map(doors::open).collect()
}

/// The boxes are installed beside the supervisor.
pub fn programs() -> PathBuf {
    let exe = env::current_exe().ok();
    exe.and_then(|exe| exe.parent().map(Path::to_owned)).unwrap_or_default()
}

/// The journal of files, and in the foreground that of stderr.
fn start_log(loaded: &Loaded, place: Place) -> Result<Vec<Journal>, Failure> {
    let folder = logs_folder(loaded);
    let section = &loaded.all.supervisor;
    let failed =
        format!("cannot write logs in {}; set [common] data_dir to a place that you may write", folder.display());
    let files = Files::new(Rotation { folder, file_bytes: section.log_bytes, files: section.log_files });
    let mut logs = vec![files.and_then(journal::start).or_fail(failed)?];
    if place == Place::Foreground {
        logs.push(journal::start(Stderr).or_fail("cannot start a thread for stderr")?);
    }
    own_log::start(&loaded.all.common.log, logs[0].clone(), logs.get(1).cloned())?;
    Ok(logs)
}

fn run(plan: Plan, journal: Journal, place: Place) -> Result<(), Failure> {
    let places = plan.loaded.places.clone();
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = plan.loaded.file.as_ref().map(|file| tracing::field::display(file.display())),
        data_dir = %places.data_dir.display(),
        runtime_dir = %places.runtime_dir.display(),
        "started"
    );
    // One thread: the main one, because the parent-death signal of the children is tied to it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.or_fail("cannot start the runtime")?.block_on(async {
        let signals = Signals::new().or_fail("cannot listen to signals")?;
        let (control, asks) = Control::open(&places.runtime_dir).or_fail("cannot open the sockets for commands")?;
        if place == Place::Background {
            leave_terminal(&plan.loaded).or_fail("cannot leave the terminal")?;
        }
        let tree = Tree::new(plan, journal, Herald::new(announce(place)), asks);
        tokio::select! {
            () = tree.run(signals) => {}
            () = control.serve() => {}
        }
        control.finish().await;
        Ok(())
    })
}

/// In the background nobody looks: whoever started us asks over the socket.
fn announce(place: Place) -> Box<dyn FnOnce(&Status)> {
    match place {
        Place::Background => Box::new(|_| {}),
        Place::Foreground => Box::new(|status| {
            // A terminal that is gone is no reason to end.
            let _ = writeln!(io::stdout(), "{}  {:<14}Ctrl-C, or `supervisor down`", banner(status), "to stop:");
        }),
    }
}

/// A word on our stdout tells `up --detach` that commands are heard, and it is the last. What a panic would say is kept
/// in a file.
fn leave_terminal(loaded: &Loaded) -> io::Result<()> {
    let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
    let panics = File::create(logs_folder(loaded).join(format!("{OWN_LOG}.stderr")))?;
    // Whoever started us may have been interrupted; the tree was asked for all the same.
    let _ = writeln!(io::stdout(), "commands are heard");
    unistd::dup2_stderr(panics)?;
    unistd::dup2_stdout(nowhere)?;
    Ok(())
}
