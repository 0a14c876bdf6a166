//! What a tree of a test is like before it is started: its configuration, its folder, its environment.

use std::{env, fs, path::PathBuf};

use crate::{programs, skipped, tree::Tree};

/// What every tree of a test is like, unless the test says otherwise.
const BASE: &str = r#"
[common]
data_dir = "data"
runtime_dir = "run"
[http-front]
listen = "127.0.0.1:0"
[ipfs-node]
rpc_listen = "127.0.0.1:0"
gateway_listen = "127.0.0.1:0"
swarm_listen = []
"#;

/// With `kubo` in it, every tree of every test has Kubo as its daemon: so whole files of scenarios run with either.
const DAEMON_VARIABLE: &str = "ROOKERY_TEST_DAEMON";

/// A tree that is to be started.
#[derive(Debug, Clone)]
pub struct Setup {
    config: toml::Table,
    environment: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        let setup = Self { config: BASE.parse().expect("the base is TOML"), environment: Vec::new() };
        if env::var_os(DAEMON_VARIABLE).is_some_and(|daemon| daemon == "kubo") { setup.kubo() } else { setup }
    }
}

impl Setup {
    /// A tree with the default configuration, but ports and folders of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree with Kubo as its daemon; none when Kubo is not there, which is told and counted.
    ///
    /// # Panics
    ///
    /// When it is not there and `CI` is set.
    #[must_use]
    pub fn kubo_or_skip(test: &str) -> Option<Self> {
        let program = programs::target().join("peers/ipfs");
        if program.is_file() {
            return Some(Self::new().kubo());
        }
        skipped::tell(test, &format!("no Kubo at {}; install Go and run `make peers`", program.display()));
        None
    }

    /// Puts Kubo in the place of the embedded daemon.
    fn kubo(self) -> Self {
        let program = programs::target().join("peers/ipfs");
        self.with(&format!("[ipfs]\ndaemon = \"kubo\"\nprogram = {:?}\n", program.display().to_string()))
    }

    /// Sets keys, as they would stand in `rookery.toml`.
    ///
    /// # Panics
    ///
    /// When the text is no TOML.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap_or_else(|e| panic!("{e}"));
        for (section, keys) in table {
            let toml::Value::Table(keys) = keys else { panic!("{section} is no section") };
            let old = self.config.entry(section).or_insert_with(|| toml::Table::new().into());
            old.as_table_mut().expect("every entry is a section").extend(keys);
        }
        self
    }

    /// Sets a variable in the environment of all boxes.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// What would stand in `rookery.toml`.
    pub(crate) fn text(&self) -> String {
        self.config.to_string()
    }

    /// Lays the folder out without starting anything.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[must_use]
    pub fn lay_out(self) -> Tree {
        let folder = tempfile::Builder::new().prefix("rk").tempdir_in(short_folder()).expect("a temporary folder");
        fs::write(folder.path().join("rookery.toml"), self.text()).expect("the folder can be written");
        Tree::new(folder, self.environment)
    }

    /// Starts the tree and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    #[must_use]
    pub fn start(self) -> Tree {
        let mut tree = self.lay_out();
        tree.up();
        tree
    }
}

/// Sockets have short paths, so their folder has one too.
fn short_folder() -> PathBuf {
    let usual = std::env::temp_dir();
    if usual.as_os_str().len() <= 40 { usual } else { PathBuf::from("/tmp") }
}
