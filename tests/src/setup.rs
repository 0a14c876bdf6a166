//! What a tree of a test is like before it is started: its configuration, its folder, its environment.

use std::{fs, path::PathBuf};

use crate::tree::Tree;

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

/// A tree that is to be started.
#[derive(Debug)]
pub struct Setup {
    config: toml::Table,
    environment: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { config: BASE.parse().expect("the base is TOML"), environment: Vec::new() }
    }
}

impl Setup {
    /// A tree with the default configuration, but ports and folders of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    /// Lays the folder out without starting anything.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[must_use]
    pub fn lay_out(self) -> Tree {
        let folder = tempfile::Builder::new().prefix("rk").tempdir_in(short_folder()).expect("a temporary folder");
        fs::write(folder.path().join("rookery.toml"), self.config.to_string()).expect("the folder can be written");
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
