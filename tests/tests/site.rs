//! The site's own tests, `web/tests`: what it computes without a browser, and its vendored files against their packages.

use std::{ffi::OsStr, fs, path::PathBuf, process::Command};

use rookery_tests::{programs, skipped, sources};

#[test]
fn the_sites_own_tests_pass() {
    let packages = programs::target().join("peers/site");
    if !packages.join("installed.json").is_file() {
        return skipped::tell("the site's own tests", "node or its packages are missing; run `make peers`");
    }
    let mut node = Command::new("node");
    node.arg("--test").args(scripts()).env("ROOKERY_SITE_PACKAGES", packages.join("node_modules"));
    let end = node.output().expect("node is here: it installed the packages");
    assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stdout));
}

fn scripts() -> Vec<PathBuf> {
    let folder = fs::read_dir(sources::root().join("web/tests")).expect("the site has tests");
    let paths = folder.map(|entry| entry.expect("the folder can be read").path());
    let is_test =
        |path: &PathBuf| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with(".test.js"));
    let scripts: Vec<_> = paths.filter(is_test).collect();
    assert!(!scripts.is_empty(), "a run of nothing would pass");
    scripts
}
