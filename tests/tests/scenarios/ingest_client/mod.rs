//! The ingest client on a whole tree.

mod cluster;
mod resumed;
mod secured;

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use rookery_tests::{
    kubo::{Kubo, Profile},
    multipart::{self, Form},
    programs,
    setup::Setup,
    tree::Tree,
    wait,
};
use serde_json::Value;

const INGEST: &str = "ingest-server.0";
const CONFIG: &str = r#"
[ingest-server]
enabled = true
upload_listen = "127.0.0.1:0"
download_listen = "127.0.0.1:0"
cluster_listen = "127.0.0.1:0"
"#;
/// For what goes on while a box is killed and started again.
const DEADLINE: Duration = Duration::from_secs(60);

fn start() -> Tree {
    Setup::new().with(CONFIG).start()
}

fn client(tree: &Tree, arguments: &[&str]) -> Command {
    let port = |purpose| tree.address(INGEST, purpose).port().to_string();
    let mut command = Command::new(programs::program("ingest"));
    command.args(["--upload-port", &port("upload"), "--download-port", &port("download")]);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ingest(tree: &Tree, arguments: &[&str]) -> Output {
    client(tree, arguments).output().expect("the client can be started")
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn write(tree: &Tree, name: &str, bytes: &[u8]) -> String {
    let path = tree.folder().join(name);
    fs::write(&path, bytes).expect("a test can write into its folder");
    path.to_str().expect("test paths are text").to_owned()
}

/// Bytes of all values, no two blocks of them alike.
fn content(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(8) as u64)
        .flat_map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .take(bytes)
        .collect()
}

/// What the embedded daemon calls these bytes, when it is asked by another way.
fn only_hash(tree: &Tree, bytes: &[u8]) -> Value {
    only_hash_with(tree, "", bytes)
}

fn only_hash_with(tree: &Tree, options: &str, bytes: &[u8]) -> Value {
    let headers = [("Content-Type", &*multipart::content_type())];
    let mut rpc = tree.rpc();
    rpc.ask("POST", &format!("/api/v0/add?only-hash=true{options}"), &headers, &Form::of(bytes)).expect(200).json()["Hash"].clone()
}

#[test]
fn twenty_files_at_once_get_the_cids_of_ipfs_add_and_come_back_whole() {
    let tree = start();
    let contents: Vec<_> = (0..20).map(|at| content(at * 40_000 + at)).collect();
    let files: Vec<_> = contents.iter().enumerate().map(|(at, bytes)| write(&tree, &format!("{at}"), bytes)).collect();
    let arguments: Vec<&str> =
        ["--json", "--parallel", "8"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let lines = out(&ingest(&tree, &arguments));
    assert_eq!(lines.lines().count(), 20);
    for line in lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
        let at = files.iter().position(|file| line["file"] == **file).expect("one of ours");
        assert_eq!(line["cid"], only_hash(&tree, &contents[at]));
        let cid = line["cid"].as_str().expect("text");
        let back = tree.folder().join(format!("{at}.back"));
        out(&ingest(&tree, &["--get", cid, "-o", back.to_str().expect("text")]));
        assert_eq!(fs::read(back).expect("it was written"), contents[at], "{line}");
    }
}

#[test]
fn standard_input_goes_in_and_comes_back_by_standard_output() {
    let tree = start();
    let bytes = content(3_000_000);
    let mut sender = client(&tree, &["-q", "-"]).stdin(Stdio::piped()).spawn().expect("the client can be started");
    sender.stdin.take().expect("it is piped").write_all(&bytes).expect("the client reads");
    let cid = out(&sender.wait_with_output().expect("our own child"));
    let back = ingest(&tree, &["--get", cid.trim()]);
    assert!(back.status.success() && back.stdout == bytes, "{}", String::from_utf8_lossy(&back.stderr));
}

#[test]
fn the_cid_is_the_one_that_kubo_prints() {
    let Some(kubo) = Kubo::or_skip("the_cid_is_the_one_that_kubo_prints", Profile::AsItComes) else { return };
    let tree = start();
    for bytes in [0, 1, 262_144, 262_145, 50_000_000] {
        let path = write(&tree, "file", &content(bytes));
        let printed = kubo.run(&["add", "--only-hash", "--quieter", &path]);
        assert_eq!(out(&ingest(&tree, &["-q", &path])), printed, "{bytes} bytes");
    }
}

#[test]
fn a_server_for_the_newer_profile_is_understood() {
    let config = format!("{CONFIG}profile = \"unixfs-v1-2025\"\n");
    let tree = Setup::new().with(&config).start();
    let path = write(&tree, "file", &content(2_500_000));
    let line: Value = serde_json::from_str(&out(&ingest(&tree, &["--json", &path]))).expect("JSON");
    assert_eq!(line["profile"], "unixfs-v1-2025");
    let back = ingest(&tree, &["--get", line["cid"].as_str().expect("text")]);
    assert!(back.status.success() && back.stdout == content(2_500_000));
}

#[test]
fn an_upload_survives_the_death_of_the_box_that_takes_it() {
    let tree = start();
    let bytes = content(150_000_000);
    let path = write(&tree, "large", &bytes);
    let mut sender = client(&tree, &["--json", &path]).spawn().expect("the client can be started");
    wait::until("the file is on its way", DEADLINE, || (read_so_far(sender.id(), &path)? > 20_000_000).then_some(()));
    let old = tree.kill(INGEST);
    let ended = wait::within(DEADLINE, || sender.try_wait().expect("our own child"));
    if ended.is_none() {
        let _ = sender.kill();
    }
    let line: Value = serde_json::from_str(&out(&sender.wait_with_output().expect("our own child"))).expect("JSON");
    assert!(line["tries"].as_u64() > Some(1), "{line}");
    assert_eq!(line["cid"], only_hash(&tree, &bytes));
    tree.await_successor(INGEST, old);
}

/// How far a process has read a file.
fn read_so_far(pid: u32, path: &str) -> Option<u64> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let file =
        files.into_iter().find(|file| fs::read_link(file.path()).is_ok_and(|target| target == Path::new(path)))?;
    let about = fs::read_to_string(format!("/proc/{pid}/fdinfo/{}", file.file_name().to_str()?)).ok()?;
    about.lines().find_map(|line| line.strip_prefix("pos:"))?.trim().parse().ok()
}
