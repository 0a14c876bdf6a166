//! Schemathesis, which makes requests of a description and looks whether the answers are as described: installed by
//! `make peers`, pinned hash by hash.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{programs, skipped, sources};

/// Schemathesis, with our settings.
#[derive(Debug)]
pub struct Schemathesis {
    program: PathBuf,
}

impl Schemathesis {
    /// It; none when it is not there, which is told and counted.
    ///
    /// # Panics
    ///
    /// When it is not there and `CI` is set: what CI passes has been compared.
    #[must_use]
    pub fn or_skip(test: &str) -> Option<Self> {
        let program = programs::target().join("peers/schemathesis/venv/bin/schemathesis");
        if program.is_file() {
            return Some(Self { program });
        }
        let why = format!("no Schemathesis at {}; install python3-venv and run `make peers`", program.display());
        skipped::tell(test, &why);
        None
    }

    /// Compares the front at `address` with the description that it serves.
    ///
    /// # Panics
    ///
    /// With all that Schemathesis found, when it found something.
    pub fn compare(&self, address: SocketAddr, options: &[&str]) {
        let settings = sources::root().join("tests/peers/schemathesis/schemathesis.toml");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(&self.program);
        command
            .arg("--config-file")
            .arg(settings)
            .args(["run", &format!("http://{address}/openapi.json")])
            .args(options);
        command.current_dir(folder.path()).stdin(Stdio::null()).env("NO_COLOR", "1").env("NO_PROXY", "*");
        let output = command.output().expect("Schemathesis can be started");
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{options:?}: {found}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
