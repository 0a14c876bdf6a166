//! The daemon's command line in the place of its API: with a program of ours that writes down what it is asked, and with the
//! real Kubo where `make peers` has built it.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod fake;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use bytes::Bytes;
use fake::{Fake, ok};
use ipfs_shim::{
    kubo::{BlockCodec, CommandLine, Kubo, Waits},
    metrics::Metrics,
};
use unixfs::{Block, cid_raw};

fn block(text: &'static str) -> Block {
    Block { cid: cid_raw(text.as_bytes()), bytes: Bytes::from_static(text.as_bytes()) }
}

/// A daemon whose API is nowhere.
fn away(folder: &Path, program: PathBuf) -> Kubo {
    let command_line = CommandLine::new(program, folder.to_owned(), Duration::ZERO);
    Kubo::new(folder.join("api"), Waits::of(Duration::from_secs(20)), Metrics::default())
        .with_command_line(Some(command_line))
}

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("ipfs");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("config"), "{}").unwrap();
    path
}

#[tokio::test]
async fn while_the_api_is_away_the_program_is_asked_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "echo \"$IPFS_PATH: $@\" >> \"$IPFS_PATH/asked\"; printf hello");
    let kubo = away(folder.path(), program);
    let cid = cid_raw(b"hello");
    assert_eq!(kubo.get_block(&cid).await.unwrap().unwrap(), "hello");
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    assert_eq!(asked, format!("{}: block get --offline=true {cid} --enc=json\n", folder.path().display()));
}

#[tokio::test]
async fn what_the_program_says_last_is_the_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let words = "echo 'Error: block was not found locally (offline): ipld: could not find x' >&2; exit 1";
    let kubo = away(folder.path(), script(folder.path(), words));
    assert_eq!(kubo.get_block(&cid_raw(b"hello")).await.unwrap(), None);
    let kubo = away(folder.path(), script(folder.path(), "echo 'Error: no disk' >&2; exit 1"));
    assert!(kubo.version().await.unwrap_err().to_string().ends_with("no disk"));
}

#[tokio::test]
async fn a_program_that_talks_without_end_is_not_read_without_end() {
    for words in ["exec cat /dev/zero", "exec cat /dev/zero >&2"] {
        let folder = tempfile::tempdir().unwrap();
        let kubo = away(folder.path(), script(folder.path(), words));
        let refused = kubo.version().await.unwrap_err().to_string();
        assert!(refused.contains("too much for the command line"), "{words}: {refused}");
    }
}

#[tokio::test]
async fn an_api_that_is_there_or_was_there_a_moment_ago_is_not_gone_around() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), "touch \"$IPFS_PATH/asked\"; exit 1");
    let fake = Fake::scripted([ok("hello")]).await;
    let command_line = CommandLine::new(program.clone(), folder.path().to_owned(), Duration::ZERO);
    let kubo = fake.kubo(10_000).with_command_line(Some(command_line));
    assert!(kubo.get_block(&cid_raw(b"hello")).await.unwrap().is_some());
    let patient = CommandLine::new(program, folder.path().to_owned(), Duration::from_secs(600));
    let kubo = Kubo::new(folder.path().join("api"), Waits::of(Duration::from_secs(1)), Metrics::default())
        .with_command_line(Some(patient));
    assert!(kubo.version().await.unwrap_err().is_down());
    assert!(!folder.path().join("asked").exists());
}

#[tokio::test]
async fn the_real_program_does_all_that_publishing_needs() {
    let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/peers/ipfs");
    if !program.is_file() {
        assert!(std::env::var_os("CI").is_none(), "no Kubo at {}; run `make peers`", program.display());
        eprintln!("skipped: no Kubo at {}; run `make peers`", program.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut init = Command::new(&program);
    assert!(init.args(["init", "--profile=test"]).env("IPFS_PATH", folder.path()).output().unwrap().status.success());
    let kubo = away(folder.path(), program);
    let (one, two) = (block("one"), block("two"));
    kubo.check_health().await.unwrap();
    assert!(kubo.version().await.unwrap().starts_with("0."));
    assert!(kubo.id().await.unwrap().agent.starts_with("kubo/"));
    kubo.put_blocks(BlockCodec::Raw, &[one.clone(), two.clone()]).await.unwrap();
    assert_eq!(kubo.get_block(&two.cid).await.unwrap().unwrap(), "two");
    assert_eq!(kubo.get_block(&cid_raw(b"three")).await.unwrap(), None);
    kubo.pin(&one.cid).await.unwrap();
    kubo.pin_beside(&one.cid, &two.cid).await.unwrap();
    assert!(kubo.is_pinned(&one.cid).await.unwrap() && kubo.is_pinned(&two.cid).await.unwrap());
    kubo.unpin(&one.cid).await.unwrap();
    kubo.unpin(&one.cid).await.unwrap();
    assert!(!kubo.is_pinned(&one.cid).await.unwrap());
    let three = block("three");
    let car = vec![
        unixfs::car::header(&[three.cid]),
        unixfs::car::section_head(&three.cid, three.bytes.len()),
        three.bytes.clone(),
    ];
    kubo.import(car.into_iter().map(|piece| Bytes::copy_from_slice(&piece)).collect(), 1).await.unwrap();
    let mut export = kubo.export(&three.cid).await.unwrap();
    assert_eq!(export.next().await.unwrap(), Some((three.cid, three.bytes)));
    assert_eq!(export.next().await.unwrap(), None);
    assert!(kubo.repo_size().await.unwrap().repo_bytes > 0);
}
