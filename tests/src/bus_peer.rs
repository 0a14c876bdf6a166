//! Starts `bus-peer` processes, talks to them, and never leaves one behind.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde::Deserialize;

use crate::{process, wait};

/// No process is waited for longer.
const LONG: Duration = Duration::from_secs(60);

/// One end of the bus.
#[derive(Debug)]
pub struct BusPeer {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    log: Arc<Mutex<String>>,
}

/// What an asking peer has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// Questions with the right answer.
    pub answered: u64,
    /// Questions with the answer to another one.
    pub wrong: u64,
    /// Questions that were turned away.
    pub busy: u64,
    /// Questions without an answer.
    pub failed: u64,
    /// Instances that answer now.
    pub live: u64,
}

impl BusPeer {
    /// Starts a process that answers.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn answers(program: &str, folder: &Path, instance: u16) -> Self {
        Self::start(Command::new(program).arg("answer").arg(folder).arg(instance.to_string()))
    }

    /// Starts a process that asks, so many questions at a time.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn asks(program: &str, folder: &Path, instance: u16, together: u16) -> Self {
        let numbers = [instance, together].map(|number| number.to_string());
        Self::start(Command::new(program).arg("ask").arg(folder).args(numbers))
    }

    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("bus-peer starts");
        let (sender, output) = sync_channel(64);
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        thread::spawn(move || lines.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let log = Arc::new(Mutex::new(String::new()));
        keep(child.stderr.take().expect("it is piped"), Arc::clone(&log));
        Self { input: child.stdin.take(), child, output, log }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    ///
    /// # Panics
    ///
    /// When reading it panicked before.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panics over a log").clone()
    }

    /// What it has counted so far. A process that is being killed says nothing.
    ///
    /// # Panics
    ///
    /// When it says something else.
    pub fn counts(&mut self) -> Option<Counts> {
        writeln!(self.input.as_mut()?).ok()?;
        self.next_counts()
    }

    fn next_counts(&self) -> Option<Counts> {
        let line = self.output.recv_timeout(LONG).ok()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|cause| panic!("{cause} in {line}")))
    }

    /// Waits until it has so many more answers.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub fn await_answers(&mut self, more: u64) -> Counts {
        let goal = self.counts().expect("it runs").answered + more;
        wait::until(&format!("{goal} answers came"), LONG, || self.counts().filter(|counts| counts.answered >= goal))
    }

    /// Lets an asker finish what is open, and end.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn finish(mut self) -> Counts {
        self.input = None;
        let counts = self.next_counts().expect("an asker tells its counts at its end");
        assert!(self.ended().success(), "{}", self.log());
        counts
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        process::send(self.pid(), signal);
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn kill(mut self) {
        process::kill(self.pid());
        self.ended();
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not come.
    pub fn ended(&mut self) -> ExitStatus {
        wait::until("a peer ends", LONG, || self.child.try_wait().expect("it is our child"))
    }

    /// How many descriptors it has open.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    /// Its size in memory.
    #[must_use]
    pub fn rss_bytes(&self) -> u64 {
        process::rss_bytes(self.pid())
    }
}

impl Drop for BusPeer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a log to its end, so that its writer never waits.
fn keep(mut from: impl Read + Send + 'static, log: Arc<Mutex<String>>) {
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(bytes @ 1..) = from.read(&mut piece) {
            log.lock().expect("nobody panics over a log").push_str(&String::from_utf8_lossy(&piece[..bytes]));
        }
    });
}
