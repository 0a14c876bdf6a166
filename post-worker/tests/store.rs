//! The maintenance commands, as an operator runs them.

use std::{fs, process::Command};

use comment_store::{Incoming, Options, Reader, Writer};
use proto::{
    Topic,
    posts::Origin,
    record::{Draft, Limits},
};

#[test]
fn a_damaged_store_is_found_and_what_is_left_of_it_saved() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let (config, store) = (dir.path().join("rookery.toml"), dir.path().join("comments"));
    fs::write(&config, format!("[common]\ndata_dir = {:?}\n[comment-store]\nmap_gib = 1\n", dir.path()))?;
    let options = Options { map_gib: 1, reserve_mib: 0, ..Options::default() };
    let run = |what: &str, dir_argument: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_post-worker"));
        command.args(["store", what]).args(dir_argument).arg("--config").arg(&config).output()
    };

    let mut writer = Writer::open(&store, &options)?;
    let mut batch = writer.batch()?;
    for number in 0..40 {
        let blob = Draft::new().header("User", "me").unsigned(&format!("comment number {number}"));
        batch.insert(&Incoming::read(Topic([1; 20]), Origin::Visitor, blob.into(), Limits::NONE)?)?;
    }
    batch.commit()?;
    drop(writer);

    // Kept without folders, as no post-worker would: the check sees that they are missing.
    let told = String::from_utf8(run("check", &[])?.stdout)?;
    assert!(told.contains("its folder is None") && told.contains("40 comments on 1 pages"), "{told}");

    let data = store.join("data.mdb");
    let whole = fs::read(&data)?;
    fs::write(&data, &whole[..whole.len() - 4_096])?;
    let checked = run("check", &[])?;
    assert_eq!(checked.status.code(), Some(65));
    let told = String::from_utf8(checked.stderr)?;
    assert!(told.contains("damaged") && told.contains("supervisor store salvage"), "{told}");

    let saved = dir.path().join("saved");
    let into = saved.to_string_lossy().into_owned();
    let salvaged = run("salvage", &["--into", &into])?;
    assert!(salvaged.status.success(), "{salvaged:?}");
    assert_eq!(fs::read(&data)?, whole[..whole.len() - 4_096], "the damaged store was touched");
    let again = run("salvage", &["--into", &into])?;
    assert_eq!(again.status.code(), Some(78), "a store is not written into another one");

    fs::rename(&store, dir.path().join("damaged"))?;
    fs::rename(&saved, &store)?;
    let checked = run("check", &[])?;
    let told = String::from_utf8(checked.stdout)?;
    assert!(checked.status.success() && told.contains("0 faults"), "{told}");
    let stored = Reader::open(&store, &options)?.snapshot()?.stored();
    assert!((1..=40).contains(&stored), "{stored}");
    Ok(())
}
