//! Locks the process down to what it declared, on the only thread that exists so far.
//!
//! Now: no new privileges, limits, umask, and for boxes that hold a private key no dumps. Landlock and seccomp follow
//! here: what they need to know (paths, sockets, ports) is already declared through [`crate::Boot`].

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt as _, path::Path};

use nix::{
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        stat::{Mode, umask},
    },
    unistd::geteuid,
};

use crate::failure::{Failure, OrFail as _};

/// Descriptors beyond this help nobody here, and some libraries walk through all of them.
const MOST_DESCRIPTORS: u64 = 65_536;

/// Whether a box holds a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// It may be dumped and debugged.
    None,
    /// Its memory is nobody's business.
    Key,
}

/// Confines this process, for good.
///
/// # Errors
///
/// When the kernel refuses, which is a failure of the box: it does not run unconfined.
pub fn confine(secrets: Secrets) -> Result<(), Failure> {
    umask(Mode::from_bits_truncate(0o077));
    limit().or_fail("cannot set resource limits")?;
    prctl::set_no_new_privs().or_fail("cannot give up new privileges")?;
    if secrets == Secrets::Key {
        prctl::set_dumpable(false).or_fail("cannot forbid dumps")?;
    }
    Ok(())
}

fn limit() -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(MOST_DESCRIPTORS), hard)?;
    // A stack is written to the log instead: a dump could hold comments that were deleted.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
}

/// Makes the directory for sockets, which nobody else may enter.
///
/// # Errors
///
/// When it cannot be made, or belongs to somebody else, or others may enter it.
pub fn private_dir(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt as _;
    let shown = path.display();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.or_fail(format!("cannot make directory {shown}; set [common] runtime_dir to a place that you may write"))?;
    let found = std::fs::metadata(path).or_fail(format!("cannot read directory {shown}"))?;
    if found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        let cause = io::Error::other(format!("mode {:04o}, owner {}", found.mode() & 0o7777, found.uid()));
        return Err(Failure::config(format!(
            "[common] runtime_dir = {shown} must be yours and of mode 0700; run `chmod 700 {shown}` or choose another"
        ))
        .because(cause));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run");
        private_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let failure = private_dir(&path).unwrap_err();
        assert!(failure.to_string().contains("chmod 700"), "{failure}");
    }
}
