//! The client as a program, on servers that are as the original one and on servers that are worse.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

mod stand_in;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use stand_in::{StandIn, cid, give, read_as_the_original, read_well};
use tempfile::TempDir;
use unixfs::Profile;

/// Lengths around everything that has a border: reads of 1024, chunks of 256 KiB, pieces of 1 MiB.
const LENGTHS: [usize; 14] =
    [0, 1, 977, 978, 1_000, 1_023, 1_024, 2_047, 262_144, 262_145, 300_000, 1_048_575, 1_048_576, 2_097_152 + 990];

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Text that is not the same everywhere.
fn text(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| b"abcdefghijklmnopqrstuvwxyz, and so on.\n"[(at * 7 + at / 1000) % 39]).collect()
}

fn command(server: &StandIn, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ingest"));
    command.args(server.flags()).args(arguments).stdin(Stdio::null());
    command
}

fn ingest(server: &StandIn, arguments: &[&str]) -> Output {
    command(server, arguments).output().unwrap()
}

fn with_stdin(server: &StandIn, arguments: &[&str], bytes: &[u8]) -> Output {
    let mut command = command(server, arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Reads whatever comes until the client has gone.
fn swallow(stream: &mut TcpStream) {
    let _ = std::io::copy(stream, &mut std::io::sink());
}

fn answer(stream: &mut TcpStream, line: &str) {
    let _ = stream.write_all(line.as_bytes());
}

#[test]
fn the_stand_in_hangs_where_the_original_does_when_a_read_cuts_the_marker() {
    let server = StandIn::original();
    let mut stream = TcpStream::connect(server.address).unwrap();
    let mut token = [0; 64];
    let count = stream.read(&mut token).unwrap();
    let all = [&text(1_000)[..], b"This is the end of the file: ", &token[..count]].concat();
    stream.write_all(&all).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(stream.read(&mut [0; 64]).is_err(), "it answered");
}

#[test]
fn files_of_all_lengths_reach_the_original_server_whole() {
    let (server, folder) = (StandIn::original(), Folder::new());
    let files: Vec<_> = LENGTHS.iter().map(|bytes| folder.file(&bytes.to_string(), &text(*bytes))).collect();
    let arguments: Vec<_> =
        ["--parallel", "1", "--answer-wait", "3"].into_iter().map(str::to_owned).chain(files).collect();
    let output = ingest(&server, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let lines = out(&output);
    for (line, bytes) in lines.lines().zip(LENGTHS) {
        let expected =
            format!("{}  {}", cid(&text(bytes), Profile::V0_2015), folder.path(&bytes.to_string()).display());
        assert_eq!(line, expected);
    }
    assert_eq!(lines.lines().count(), LENGTHS.len());
}

#[test]
fn a_marker_that_was_cut_is_sent_again_with_a_longer_gap() {
    let server = StandIn::with(|stream, before| {
        if before == 0 {
            // The marker was cut: nothing comes back, and nothing ever will.
            answer(stream, "0.25");
            swallow(stream);
        } else if let Some(file) = read_as_the_original(stream) {
            answer(stream, &format!("{}\n", cid(&file, Profile::V0_2015)));
        }
    });
    let folder = Folder::new();
    let output = ingest(&server, &["--json", "--answer-wait", "0.3", &folder.file("a", b"text")]);
    let line: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((code(&output), &line["tries"]), (Some(0), &Value::from(2)), "{line}");
}

#[test]
fn a_server_that_is_configured_for_the_newer_profile_is_believed_too() {
    for profile in [Profile::V1_2025, Profile::KuboCidV1] {
        let server = StandIn::with(move |stream, _| {
            let file = read_well(stream).unwrap();
            answer(stream, &format!("{}\n", cid(&file, profile)));
        });
        let (folder, bytes) = (Folder::new(), text(1_500_000));
        for output in [ingest(&server, &["-q", &folder.file("a", &bytes)]), with_stdin(&server, &["-q", "-"], &bytes)] {
            assert_eq!((code(&output), out(&output)), (Some(0), cid(&bytes, profile) + "\n"), "{}", err(&output));
        }
    }
}

#[test]
fn a_server_that_answers_another_cid_is_found_out() {
    let other = cid(b"something else", Profile::V0_2015);
    let said = other.clone();
    let server = StandIn::with(move |stream, _| {
        read_well(stream);
        answer(stream, &format!("{said}\n"));
    });
    let folder = Folder::new();
    let output = ingest(&server, &["--retries", "1", &folder.file("a", b"this")]);
    assert_eq!((code(&output), out(&output)), (Some(4), String::new()));
    let said = err(&output);
    assert!(
        said.contains(&other) && said.contains(&cid(b"this", Profile::V0_2015)) && said.contains("2 tries"),
        "{said}"
    );
    let believed = ingest(&server, &["--no-check", "-q", &folder.file("a", b"this")]);
    assert_eq!((code(&believed), out(&believed)), (Some(0), other + "\n"));
}

#[test]
fn a_server_that_dies_in_the_middle_is_tried_again() {
    let server = StandIn::with(|stream, before| {
        if before < 2 {
            answer(stream, "0.5");
            let _ = stream.read_exact(&mut vec![0; 100_000]);
        } else if let Some(file) = read_well(stream) {
            answer(stream, &format!("{}\n", cid(&file, Profile::V0_2015)));
        }
    });
    let (folder, bytes) = (Folder::new(), text(5_000_000));
    let output = ingest(&server, &["-q", &folder.file("a", &bytes)]);
    assert_eq!((code(&output), out(&output)), (Some(0), cid(&bytes, Profile::V0_2015) + "\n"), "{}", err(&output));
}

#[test]
fn what_goes_wrong_every_time_is_told_with_the_number_of_tries() {
    let server = StandIn::with(|stream, _| {
        answer(stream, "0.5");
        let _ = stream.read_exact(&mut [0; 1]);
    });
    let folder = Folder::new();
    let output = ingest(&server, &["--retries", "1", &folder.file("a", &text(3_000_000))]);
    assert_eq!(code(&output), Some(1));
    assert!(err(&output).contains("broke") && err(&output).contains("(2 tries)"), "{}", err(&output));
}

#[test]
fn standard_input_is_sent_and_a_failure_says_that_it_cannot_be_sent_again() {
    let (server, bytes) = (StandIn::original(), text(700_000));
    let output = with_stdin(&server, &["-"], &bytes);
    assert_eq!(out(&output), format!("{}  -\n", cid(&bytes, Profile::V0_2015)), "{}", err(&output));
    let dying = StandIn::with(|stream, _| {
        answer(stream, "0.5");
        let _ = stream.read_exact(&mut [0; 10]);
    });
    let output = with_stdin(&dying, &["-"], &bytes);
    assert_eq!(code(&output), Some(1));
    assert!(err(&output).contains("only once"), "{}", err(&output));
    assert_eq!(dying.connections.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[test]
fn many_files_go_at_once_but_no_more_than_was_said() {
    let (server, folder) = (StandIn::original(), Folder::new());
    let files: Vec<_> = (0..20).map(|at| folder.file(&format!("{at}"), &text(50_000 + at))).collect();
    let arguments: Vec<&str> =
        ["--parallel", "5", "--json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let output = ingest(&server, &arguments);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    for line in out(&output).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let expected = cid(&fs::read(line["file"].as_str().unwrap()).unwrap(), Profile::V0_2015);
        assert_eq!((&line["cid"], &line["profile"]), (&Value::from(expected), &Value::from("unixfs-v0-2015")));
    }
    assert_eq!(server.files.lock().unwrap().len(), 20);
    let crowd = server.crowd.load(std::sync::atomic::Ordering::SeqCst);
    assert!((1..=5).contains(&crowd), "{crowd} at a time");
}

#[test]
fn one_bad_file_among_good_ones_is_told_and_the_rest_is_stored() {
    let (server, folder) = (StandIn::original(), Folder::new());
    let (good, missing) = (folder.file("good", b"good"), folder.path("missing").to_str().unwrap().to_owned());
    let folder_itself = folder.0.path().to_str().unwrap().to_owned();
    let output = ingest(&server, &[&missing, &good, &folder_itself]);
    assert_eq!((code(&output), out(&output)), (Some(1), format!("{}  {good}\n", cid(b"good", Profile::V0_2015))));
    assert!(err(&output).contains("cannot read") && err(&output).contains("it is a folder"), "{}", err(&output));
}

#[test]
fn a_refusal_in_the_middle_ends_the_upload_with_the_words_of_the_server() {
    let server = StandIn::with(|stream, _| {
        answer(stream, "0.5");
        let _ = stream.read_exact(&mut [0; 10]);
        answer(stream, "ERROR the file is over 1 MiB\n");
        swallow(stream);
    });
    let folder = Folder::new();
    let output = ingest(&server, &[&folder.file("a", &text(30_000_000))]);
    assert_eq!(code(&output), Some(1));
    assert!(err(&output).contains("the server refused: the file is over 1 MiB"), "{}", err(&output));
}

#[test]
fn a_refusal_in_the_place_of_the_greeting_is_told_in_its_own_words() {
    let server = StandIn::with(|stream, _| answer(stream, "ERROR too many connections\n"));
    let folder = Folder::new();
    let output = ingest(&server, &["--retries", "0", &folder.file("a", b"a")]);
    assert!(code(&output) == Some(1) && err(&output).contains("too many connections"), "{}", err(&output));
}

#[test]
fn bytes_that_are_no_text_never_get_an_answer_from_the_original_and_that_is_said() {
    let (server, folder) = (StandIn::original(), Folder::new());
    let binary = folder.file("a", &[0xff; 100]);
    let output = ingest(&server, &["--retries", "0", "--answer-wait", "0.3", &binary]);
    assert_eq!(code(&output), Some(1));
    assert!(err(&output).contains("no CID came within 0.3 s") && err(&output).contains("UTF-8"), "{}", err(&output));
}

#[test]
fn every_wait_has_an_end() {
    let (folder, silent) = (Folder::new(), StandIn::with(|stream, _| swallow(stream)));
    let file = folder.file("a", &text(30_000_000));
    let output = ingest(&silent, &["--retries", "0", "--connect-wait", "0.2", &file]);
    assert!(code(&output) == Some(1) && err(&output).contains("did not greet"), "{}", err(&output));
    // Greets, and reads nothing: what is on its way fills up, and then no byte moves.
    let deaf = StandIn::with(|stream, _| {
        answer(stream, "0.5");
        let _ = stream.peek(&mut [0; 1]);
        std::thread::park_timeout(Duration::from_secs(20));
    });
    let output = ingest(&deaf, &["--retries", "0", "--idle-wait", "0.3", &file]);
    assert!(code(&output) == Some(1) && err(&output).contains("no byte moved"), "{}", err(&output));
    let output = ingest(&deaf, &["--retries", "0", "--total-wait", "0.3", &file]);
    assert!(code(&output) == Some(1) && err(&output).contains("not done after 0.3 s"), "{}", err(&output));
}

#[test]
fn nobody_there_and_wrong_usage_have_exit_codes_of_their_own() {
    let folder = Folder::new();
    let file = folder.file("a", b"a");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let run = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_ingest")).args(arguments).output().unwrap();
    let away = run(&["--upload-port", &port, "--retries", "0", &file]);
    assert!(code(&away) == Some(3) && err(&away).contains(&port), "{}", err(&away));
    let wrong = run(&["--host", "a:1", &file]);
    assert!(code(&wrong) == Some(2) && err(&wrong).contains("--upload-port"), "{}", err(&wrong));
    assert_eq!(code(&run(&[])), Some(2));
    assert_eq!(code(&run(&["--help"])), Some(0));
}

#[test]
fn a_file_is_got_back_whole_whatever_is_in_it() {
    let almost = b"This is the end of the file: 0.8444218515250481";
    let contents =
        [b"".to_vec(), almost.to_vec(), (0..=255).collect(), text(3_000_000), [&text(1_000)[..], b"\xf0\x9f"].concat()];
    for content in contents {
        for profile in [Profile::V0_2015, Profile::V1_2025] {
            let given = content.clone();
            let server = StandIn::with(move |stream, _| give(stream, &given));
            let (folder, name) = (Folder::new(), cid(&content, profile));
            let path = folder.path("out");
            let output = ingest(&server, &["--get", &name, "-o", path.to_str().unwrap()]);
            assert_eq!(code(&output), Some(0), "{}", err(&output));
            assert_eq!(fs::read(&path).unwrap(), content);
            let output = ingest(&server, &["--get", &name]);
            assert_eq!((code(&output), output.stdout), (Some(0), content.clone()));
        }
    }
}

#[test]
fn other_bytes_than_those_asked_for_do_not_become_the_file() {
    let server = StandIn::with(|stream, _| give(stream, b"something else"));
    let folder = Folder::new();
    let path = folder.path("out");
    let arguments = ["--get", &cid(b"this", Profile::V0_2015), "-o", path.to_str().unwrap()];
    let output = ingest(&server, &arguments);
    assert_eq!(code(&output), Some(4), "{}", err(&output));
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 0, "something was left");
}

#[test]
fn a_download_that_is_refused_or_cut_is_told_and_leaves_nothing() {
    let wanted = cid(b"this", Profile::V0_2015);
    let refusing = StandIn::with(|stream, _| {
        let _ = stream.read(&mut [0; 1024]);
        answer(stream, "ERROR nobody has this file\n");
    });
    let cutting = StandIn::with(|stream, _| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&text(10_000));
    });
    for (server, expected) in
        [(refusing, "the server refused: nobody has this file"), (cutting, "without the end of the file")]
    {
        let folder = Folder::new();
        let path = folder.path("out");
        let output = ingest(&server, &["--retries", "1", "--get", &wanted, "-o", path.to_str().unwrap()]);
        assert!(code(&output) == Some(1) && err(&output).contains(expected), "{}", err(&output));
        assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 0, "something was left");
    }
}
