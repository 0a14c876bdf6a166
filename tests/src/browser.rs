//! A real Chromium that is shown what the tree serves: each scenario is a script of `tests/browser`, run by node.
//!
//! What drives the browser is installed by `make peers`, pinned by `tests/browser/package-lock.json`.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{begun::Begun, programs, skipped, sources};

/// A scenario gives each of its steps less than this, and ends by itself.
const DEADLINE: Duration = Duration::from_secs(240);
/// Everything that a scenario needs beside what `make peers` installs.
const PROGRAMS: [&str; 2] = ["node", "chromium"];

/// A scenario that was started.
#[derive(Debug)]
pub struct Scenario {
    begun: Begun,
    name: &'static str,
}

impl Scenario {
    /// Shows the front at `front` to a browser, and begins to do what `tests/browser/NAME.mjs` says; none when there is
    /// no browser here, which is told and counted.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or when there is no browser and `CI` is set.
    #[must_use]
    pub fn or_skip(name: &'static str, front: SocketAddr) -> Option<Self> {
        if let Some(missing) = missing() {
            skipped::tell(&format!("in a browser: {name}"), &missing);
            return None;
        }
        let screenshots = programs::target().join("screenshots");
        fs::create_dir_all(&screenshots).expect("the target folder can be written");
        let script = sources::root().join(format!("tests/browser/{name}.mjs"));
        let mut node = Command::new("node");
        node.arg(script).arg(format!("http://{front}")).arg(&screenshots).stdin(Stdio::null());
        node.env("ROOKERY_BROWSER", installed());
        Some(Self { begun: Begun::start(node, &screenshots.join(name)), name })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.begun.pid()
    }

    /// What it has said so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.begun.out()
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    ///
    /// When something was not as it should be, with what it said.
    pub fn await_success(mut self) {
        let code = self.begun.await_end(DEADLINE);
        assert_eq!(code, Some(0), "{}:\n{}{}", self.name, self.begun.out(), self.begun.err());
    }
}

fn installed() -> PathBuf {
    programs::target().join("peers/browser")
}

/// What is missing, and what to do about it.
fn missing() -> Option<String> {
    let has = |name: &str| {
        env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
    };
    if let Some(name) = PROGRAMS.iter().find(|name| has(name).is_none()) {
        return Some(format!("no {name}; install it and run `make peers`"));
    }
    let stamp = installed().join("installed.json");
    (!stamp.is_file()).then(|| format!("no {}; run `make peers`", stamp.display()))
}
