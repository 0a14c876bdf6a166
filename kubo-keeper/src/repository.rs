//! Kubo's repository: made once, its configuration brought up to ours before every start.
//!
//! Its locks are never touched: the kernel lets go of them when a process ends, and Kubo waits for one that still does.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use daemon::{Failure, OrFail as _};
use proto::config::Rookery;
use serde_json::Value;

use crate::{
    program::Program,
    settings::{Listening, set, settings},
};

/// Where it is.
#[must_use]
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("kubo")
}

/// Makes it if it is not there, and sets what is ours in its configuration.
///
/// # Errors
///
/// When it cannot be written, or what is there is no repository.
pub async fn prepare(program: &Program, folder: &Path, all: &Rookery, listening: Listening) -> Result<(), Failure> {
    let shown = folder.display();
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.or_fail(format!("cannot make {shown}; check that it may be written and the disk is not full"))?;
    let config = folder.join("config");
    if !config.exists() {
        // Interrupted in the middle it has no config yet, and is begun again.
        program.run(folder, &["init"]).await?;
        tracing::info!(repository = %shown, "repository made");
    }
    let configured = configure(&config, all, listening);
    configured.or_fail(format!("cannot set the configuration {}; mend it or move {shown} away", config.display()))
}

fn configure(path: &Path, all: &Rookery, listening: Listening) -> io::Result<()> {
    let before = fs::read(path)?;
    let mut document: Value = serde_json::from_slice(&before)?;
    let is_repository = document.pointer("/Identity/PeerID").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    if !is_repository {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it names no peer"));
    }
    settings(all, listening).into_iter().for_each(|(key, value)| set(&mut document, key, value));
    let after = serde_json::to_vec_pretty(&document)?;
    if after == before { Ok(()) } else { replace(path, &after) }
}

/// Whoever reads it, also after a loss of power, finds the old or the new one. It holds the peer's private key.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let _ = fs::remove_file(&beside);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn listening(port: u16) -> Listening {
        Listening { rpc: ([127, 0, 0, 1], port).into(), gateway: ([127, 0, 0, 1], port + 1).into() }
    }

    #[test]
    fn our_keys_are_set_and_the_others_kept_and_nobody_else_reads_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        fs::write(&path, r#"{"Identity":{"PeerID":"12D3","PrivKey":"secret"},"Import":{"CidVersion":1}}"#).unwrap();
        for port in [4_000, 5_000] {
            configure(&path, &Rookery::default(), listening(port)).unwrap();
            let now: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(now["Identity"]["PrivKey"], "secret");
            assert_eq!(now["Import"]["CidVersion"], 1);
            assert_eq!(now["Addresses"]["API"][0], format!("/ip4/127.0.0.1/tcp/{port}"));
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_no_repository_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        for text in ["", "{}", "[1]", r#"{"Identity":{"PeerID":""}}"#] {
            fs::write(&path, text).unwrap();
            assert!(configure(&path, &Rookery::default(), listening(1)).is_err(), "{text}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }
}
