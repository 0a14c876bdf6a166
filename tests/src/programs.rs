//! Where the programs under test are: beside the running test, in the same profile.

use std::{env, path::PathBuf};

/// The path of a program of the workspace.
///
/// # Panics
///
/// When it was not built; the text says how to.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let path = folder().join(name);
    let folder = folder();
    assert!(
        path.is_file(),
        "{name} is not in {}; build all programs first: `cargo build --workspace --bins --features ipfs-node/leak` \
         (`make test` does)",
        folder.display()
    );
    path
}

/// The folder of this profile's programs: the test runs in its `deps`.
fn folder() -> PathBuf {
    let this = env::current_exe().expect("a running program has a path");
    let deps = this.parent().expect("a program is in a folder");
    deps.parent().filter(|_| deps.ends_with("deps")).unwrap_or(deps).to_owned()
}

/// The `target` folder, where peers are built too.
#[must_use]
pub fn target() -> PathBuf {
    folder().parent().map(PathBuf::from).unwrap_or_default()
}

/// A port of loopback that nobody listens on, for a program that is told its address and starts without a supervisor.
///
/// # Panics
///
/// When the system has none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("the system has a free port");
    listener.local_addr().expect("a listener has an address").port()
}
