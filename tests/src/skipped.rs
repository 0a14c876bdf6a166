//! Tests that cannot be run because a peer is missing: told to whoever looks, counted by `make test`, failures in CI.

use std::{env, fs::File, io::Write as _};

/// Says that a test is skipped, and why, where a person sees it and where `make test` counts it.
///
/// # Panics
///
/// When `CI` is set: what passes there has met every peer.
pub fn tell(test: &str, why: &str) {
    assert!(env::var_os("CI").is_none(), "{test}: {why}");
    let line = format!("skipped: {test}: {why}\n");
    // Not `eprint!`: what a test prints is hidden while it passes.
    let _ = std::io::stderr().write_all(line.as_bytes());
    let Some(list) = env::var_os("ROOKERY_SKIPPED") else { return };
    let list = File::options().create(true).append(true).open(list);
    let _ = list.and_then(|mut list| list.write_all(line.as_bytes()));
}
