//! A repository of the standalone node: where it is, and its file `config`, which has the shape of Kubo's.
//!
//! Asked by the command line. Keeps `config`; the rest of the folder is the node's.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde_json::Value;
use thiserror::Error;

/// The folder in the user's home.
const USUAL: &str = ".rookery-ipfs";
const CONFIG: &str = "config";
/// What a repository of Kubo has, and ours has not.
const OF_KUBO: &str = "datastore_spec";

/// Why a repository is of no use.
#[derive(Debug, Error)]
pub enum RepoError {
    /// There is none.
    #[error("no IPFS repo found in {0}; make one by `ipfs-node init`, or name another by --repo-dir or IPFS_PATH")]
    None(PathBuf),
    /// There is one, and it is not made twice.
    #[error(
        "ipfs configuration file already exists! {0} is left as it is; name another folder by --repo-dir or IPFS_PATH"
    )]
    Exists(PathBuf),
    /// Kubo's.
    #[error(
        "{0} is a repository of Kubo, whose blocks are kept otherwise; name another folder by --repo-dir or IPFS_PATH"
    )]
    Foreign(PathBuf),
    /// The configuration is no JSON.
    #[error("{path} cannot be read as JSON; correct it")]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        cause: serde_json::Error,
    },
    /// A key of the configuration.
    #[error("{key} in {path} is {found}; {wanted}")]
    Setting {
        /// The file.
        path: PathBuf,
        /// The key, `Addresses.API`.
        key: String,
        /// What stands there.
        found: String,
        /// What should.
        wanted: String,
    },
    /// No such key.
    #[error("key {0:?} not found in the configuration; `config show` shows all there are")]
    NoSetting(String),
    /// No such collection of settings.
    #[error("{0:?} is no profile; there are: test, server, public")]
    NoProfile(String),
    /// The file system.
    #[error("cannot use {path}; check its permissions")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it says.
        #[source]
        cause: io::Error,
    },
}

/// Where a repository is, or will be.
#[derive(Debug, Clone)]
pub struct Repo {
    folder: PathBuf,
}

impl Repo {
    /// The one that is named, or that of `$IPFS_PATH`, or the user's.
    #[must_use]
    pub fn at(named: Option<PathBuf>) -> Self {
        let usual = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(USUAL);
        let of_environment = || env::var_os("IPFS_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
        Self { folder: named.or_else(of_environment).unwrap_or_else(usual) }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn config_path(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// Where the daemon that runs on it listens, or one that ran.
    pub(crate) fn api(&self) -> Option<String> {
        fs::read_to_string(self.folder.join("api")).ok().map(|text| text.trim().to_owned())
    }

    /// Whether it was made.
    pub(crate) fn is_made(&self) -> bool {
        self.config_path().is_file()
    }

    /// Refuses a folder that is somebody else's.
    pub(super) fn check_ours(&self) -> Result<(), RepoError> {
        match self.folder.join(OF_KUBO).exists() {
            true => Err(RepoError::Foreign(self.folder.clone())),
            false => Ok(()),
        }
    }

    /// The configuration.
    pub(crate) fn config(&self) -> Result<Value, RepoError> {
        self.check_ours()?;
        let path = self.config_path();
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RepoError::None(self.folder.clone())),
            text => text.map_err(|cause| RepoError::Io { path: path.clone(), cause })?,
        };
        serde_json::from_slice(&text).map_err(|cause| RepoError::Json { path, cause })
    }

    /// Replaces the configuration, or leaves it as it was.
    pub(crate) fn write_config(&self, config: &Value) -> Result<(), RepoError> {
        let path = self.config_path();
        let fresh = path.with_extension("new");
        let text = serde_json::to_string_pretty(config).expect("a value is written as JSON") + "\n";
        let write = || {
            let mut file = fs::File::create(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, &path)
        };
        write().map_err(|cause| RepoError::Io { path: path.clone(), cause })
    }
}

/// The value at `Addresses.API`.
pub(crate) fn look_up<'v>(config: &'v Value, key: &str) -> Result<&'v Value, RepoError> {
    let step = |here: &'v Value, name: &str| here.as_object().and_then(|object| object.get(name));
    key.split('.').try_fold(config, step).ok_or_else(|| RepoError::NoSetting(key.to_owned()))
}

/// Sets the value at `Addresses.API`; what is above it is made if it is not there.
pub(crate) fn set(config: &mut Value, key: &str, value: Value) {
    let place = key.split('.').fold(config, |here, name| {
        if !here.is_object() {
            *here = Value::Object(serde_json::Map::new());
        }
        &mut here[name]
    });
    *place = value;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_found_and_set_by_their_path() {
        let mut config = json!({ "Addresses": { "API": "/ip4/127.0.0.1/tcp/5001" } });
        assert_eq!(look_up(&config, "Addresses.API").unwrap(), "/ip4/127.0.0.1/tcp/5001");
        assert!(matches!(look_up(&config, "Addresses.Swarm"), Err(RepoError::NoSetting(_))));
        set(&mut config, "Pubsub.Enabled", json!(true));
        assert_eq!(look_up(&config, "Pubsub").unwrap(), &json!({ "Enabled": true }));
    }

    #[test]
    fn a_repository_of_kubo_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(OF_KUBO), "{}").unwrap();
        let repo = Repo::at(Some(folder.path().to_owned()));
        assert!(matches!(repo.config(), Err(RepoError::Foreign(_))));
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(Some(folder.path().to_owned()));
        assert!(matches!(repo.config(), Err(RepoError::None(_))));
        repo.write_config(&json!({ "Bootstrap": [] })).unwrap();
        assert_eq!(repo.config().unwrap(), json!({ "Bootstrap": [] }));
    }
}
