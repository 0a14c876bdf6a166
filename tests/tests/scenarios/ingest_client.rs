//! The ingest client on a whole tree, and programs that take the tree for the IPFS Cluster behind an ingest server.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use rookery_tests::{
    ipfscluster::IpfsCluster,
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

/// Sends bytes as they are, and reads to the end.
fn exchange(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("the port is open");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time limit");
    stream.write_all(request.as_bytes()).expect("it is read");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is answered, and then closed");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

#[test]
fn the_requests_of_the_original_servers_are_answered_byte_by_byte() {
    let tree = start();
    let cluster = tree.address(INGEST, "cluster");
    let (head, body) = exchange(
        cluster,
        "GET /version?stream-channels=true HTTP/1.1\r\nHost: 127.0.0.1:9094\r\nUser-Agent: python-requests/2.22.0\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("application/json"), "{head}");
    assert_eq!(body, format!("{{\"version\":\"{}\"}}", env!("CARGO_PKG_VERSION")));
    // As it was recorded, chunk by chunk: the disposition is `file`, and a header stands before it.
    let (head, body) = exchange(
        cluster,
        "POST /add?stream-channels=true&name=files HTTP/1.1\r\nHost: 127.0.0.1:9094\r\nUser-Agent: python-requests/2.22.0\r\n\
         Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: close\r\n\
         Content-Disposition: form-data; filename=\"files\"\r\n\
         Content-Type: multipart/form-data; boundary=\"06c319a44d10415abd8bed970c0d9189\"\r\nTransfer-Encoding: chunked\r\n\r\n\
         24\r\n--06c319a44d10415abd8bed970c0d9189\r\n\r\n\
         22\r\nAbspath: /srv/ipfs/socket_file.txt\r\n\
         2\r\n\r\n\r\n\
         37\r\nContent-Disposition: file; filename=\"socket_file.txt\"\r\n\r\n\
         1a\r\nContent-Type: text/plain\r\n\r\n\
         2\r\n\r\n\r\n\
         3\r\nhi\n\r\n\
         2\r\n\r\n\r\n\
         26\r\n--06c319a44d10415abd8bed970c0d9189--\r\n\r\n0\r\n\r\n",
    );
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head} {body}");
    let cid = only_hash(&tree, b"hi\n");
    assert_eq!(body, format!("{{\"cid\":{{\"/\":{cid}}},\"name\":\"socket_file.txt\",\"size\":11}}\n"));
}

#[test]
fn the_library_of_the_original_servers_works_unchanged() {
    let Some(library) = IpfsCluster::or_skip("the_library_of_the_original_servers_works_unchanged") else { return };
    let tree = start();
    let contents = [b"".to_vec(), b"text\n".to_vec(), content(30_000_000)];
    let files: Vec<_> =
        contents.iter().enumerate().map(|(at, bytes)| write(&tree, &format!("{at}.txt"), bytes)).collect();
    let paths: Vec<&str> = files.iter().map(String::as_str).collect();
    let added = library.add(tree.address(INGEST, "cluster"), &paths);
    for (at, (answer, bytes)) in added.iter().zip(&contents).enumerate() {
        assert_eq!(
            (&answer["cid"]["/"], &answer["name"]),
            (&only_hash(&tree, bytes), &Value::from(format!("{at}.txt")))
        );
        let back = ingest(&tree, &["--get", answer["cid"]["/"].as_str().expect("text")]);
        assert!(back.status.success() && back.stdout == *bytes, "{answer}");
    }
    assert_eq!(added.len(), contents.len());
    let journal = fs::read_to_string(tree.folder().join("data").join(proto::uploads::JOURNAL)).expect("a journal");
    assert_eq!(journal.lines().count(), contents.len(), "{journal}");
}

#[test]
fn a_client_of_todays_cluster_reads_what_it_expects_and_what_is_not_offered_is_said() {
    let tree = start();
    let mut cluster = rookery_tests::http::Client::new(tree.address(INGEST, "cluster"));
    let kind = multipart::content_type();
    let headers = [("Content-Type", &*kind)];
    let two = Form::new().file("a", b"one").file("b c", b"two").end();
    let added = cluster.ask("POST", "/add?stream-channels=false&cid-version=1", &headers, &two).expect(200).json();
    let expected = |bytes: &[u8]| only_hash_with(&tree, "&cid-version=1", bytes);
    assert_eq!((&added[0]["cid"], &added[1]["cid"]), (&expected(b"one"), &expected(b"two")), "{added}");
    assert_eq!((&added[0]["name"], &added[1]["name"]), (&Value::from("a"), &Value::from("b c")), "{added}");
    let refusals = [
        ("POST", "/add?shard=true", &two[..], 400, "shard=true is not offered"),
        ("POST", "/add?cid-version=7", &two, 400, "expected 0 or 1"),
        ("POST", "/add", b"no form, and longer than a boundary would be", 400, "does not begin with its boundary"),
        ("POST", "/add", &two[..two.len() - 10], 400, "EOF"),
        ("GET", "/add", b"", 405, "expected GET /version or POST /add"),
        ("GET", "/pins", b"", 404, "/pins is not offered here"),
    ];
    for (method, path, body, status, words) in refusals {
        let mut cluster = rookery_tests::http::Client::new(tree.address(INGEST, "cluster"));
        let answer = cluster.ask(method, path, &headers, body).expect(status).json();
        assert_eq!(answer["code"], status);
        assert!(answer["message"].as_str().is_some_and(|message| message.contains(words)), "{answer}");
    }
    let page = [("Content-Type", &*kind), ("Origin", "https://example.org")];
    let _ = cluster.ask("POST", "/add", &page, &two).expect(403);
}
