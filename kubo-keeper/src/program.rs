//! Kubo's program: where it is, which version it is, and short commands of it.

use std::{
    env, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use daemon::Failure;
use tokio::{process::Command, time::timeout};

use crate::version::{OLDEST, Version};

/// A command that takes longer hangs.
const COMMAND_WAIT: Duration = Duration::from_secs(60);
/// Another process may hold the repository for a moment: the one that was killed before us.
const LOCK_WAIT: &str = "15s";

/// Kubo's program, which can be run.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Finds it: at a path, or by name in `PATH`.
    ///
    /// # Errors
    ///
    /// Exit code 78 when it is not there: no restart brings it.
    pub fn find(named: &Path) -> Result<Self, Failure> {
        let found = if named.components().count() > 1 { Some(named.to_owned()) } else { in_path(named) };
        let path = found.filter(|path| is_executable(path)).ok_or_else(|| {
            Failure::config(format!(
                "[ipfs] program = \"{}\": there is no such program; install Kubo {OLDEST} or later, or name it by its path",
                named.display()
            ))
        })?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks which version it is.
    ///
    /// # Errors
    ///
    /// Exit code 78 when it is too old, or something else than Kubo.
    pub async fn version(&self, repository: &Path) -> Result<Version, Failure> {
        let text = self.run(repository, &["version", "--number"]).await?;
        let version: Version = text.parse().map_err(|cause| {
            Failure::config(format!("[ipfs] program = \"{}\": not Kubo", self.path.display())).because(cause)
        })?;
        if version < OLDEST {
            return Err(Failure::config(format!(
                "[ipfs] program = \"{}\" is Kubo {version}, which is too old: it cannot tell its health; install {OLDEST} \
                 or later",
                self.path.display()
            )));
        }
        Ok(version)
    }

    /// Runs a short command on a repository, and gives what it wrote.
    ///
    /// # Errors
    ///
    /// With what it said.
    pub async fn run(&self, repository: &Path, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = self.command(repository);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended = timeout(COMMAND_WAIT, command.output()).await;
        let ended = ended.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no end within 60 s")));
        let what = || format!("`{} {}` failed", self.path.display(), arguments.join(" "));
        match ended {
            Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(output) => Err(Failure::failed(what()).because(io::Error::other(last_line(&output)))),
            Err(cause) => Err(Failure::failed(what()).because(cause)),
        }
    }

    fn command(&self, repository: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.kill_on_drop(true);
        for (name, value) in environment(repository) {
            command.env(name, value);
        }
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command
    }
}

/// What an operator's shell may have set for another repository.
pub const NOT_INHERITED: [&str; 2] = ["IPFS_PROFILE", "LIBP2P_TCP_REUSEPORT"];

/// What Kubo is told by its environment.
pub fn environment(repository: &Path) -> [(&'static str, std::ffi::OsString); 4] {
    [
        ("IPFS_PATH", repository.into()),
        ("IPFS_WAIT_REPO_LOCK", LOCK_WAIT.into()),
        ("IPFS_TELEMETRY", "off".into()),
        ("NO_COLOR", "1".into()),
    ]
}

fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    format!("{}: {}", output.status, line.chars().take(500).collect::<String>())
}

fn in_path(name: &Path) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn script(folder: &Path, text: &str) -> Program {
        let path = folder.join("ipfs");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Program::find(&path).unwrap()
    }

    #[test]
    fn a_program_that_is_not_there_is_a_mistake_in_the_configuration() {
        for name in ["no-such-program-anywhere", "/no/such/ipfs"] {
            let failure = Program::find(Path::new(name)).unwrap_err();
            assert_eq!(failure.code(), 78, "{failure}");
            assert!(failure.to_string().contains("install Kubo"), "{failure}");
        }
        assert!(Program::find(Path::new("sh")).is_ok(), "a name is looked for in PATH");
    }

    #[tokio::test]
    async fn an_old_kubo_is_refused_with_its_version() {
        let folder = tempfile::tempdir().unwrap();
        let old = script(folder.path(), "echo 0.29.0");
        let failure = old.version(folder.path()).await.unwrap_err();
        assert_eq!(failure.code(), 78);
        assert!(failure.to_string().contains("Kubo 0.29.0, which is too old"), "{failure}");
        let other = script(folder.path(), "echo something else");
        assert!(other.version(folder.path()).await.unwrap_err().to_string().contains("not Kubo"));
        let new = script(folder.path(), "echo 0.43.0");
        assert_eq!(new.version(folder.path()).await.unwrap().to_string(), "0.43.0");
    }

    #[tokio::test]
    async fn what_a_failed_command_said_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let failing = script(folder.path(), "echo 'Error: no disk' >&2; exit 1");
        let failure = failing.run(folder.path(), &["init"]).await.unwrap_err().to_string();
        assert!(failure.contains("init") && failure.contains("Error: no disk"), "{failure}");
    }
}
