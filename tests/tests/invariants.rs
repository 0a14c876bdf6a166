//! The invariants of the design, each with the test that proves it. Most read the repository; none starts a tree.

use std::{collections::BTreeMap, env, process::Command, sync::LazyLock};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use proto::{config::Rookery, wiring::TABLE};
use rookery_tests::sources::{self, Source};

/// Every crate and its layer. An arrow points strictly downward.
const LAYERS: [(&str, u8); 20] = [
    ("rookery-tests", 5),
    ("rookery-benches", 5),
    ("supervisor", 4),
    ("http-front", 4),
    ("get-worker", 4),
    ("post-worker", 4),
    ("sync-agent", 4),
    ("ipfs-shim", 4),
    ("ipfs-node", 4),
    ("kubo-keeper", 4),
    ("ingest-server", 4),
    ("swarm", 3),
    ("daemon", 2),
    ("comment-store", 2),
    ("gateway", 2),
    ("bitswap", 2),
    ("proto", 1),
    ("multipart", 1),
    ("unixfs", 1),
    ("ipns", 1),
];

/// What decides and encodes, and leaves input and output to others.
const SANS_IO: [&str; 6] = ["proto", "unixfs", "gateway", "multipart", "bitswap", "ipns"];

/// This file names what it forbids.
const THIS: &str = "tests/tests/invariants.rs";

/// What cargo knows about the workspace, for this platform: other platforms' crates are not here.
static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    let platform = format!("--filter-platform={}-unknown-linux-gnu", env::consts::ARCH);
    let options = ["--offline".to_owned(), platform];
    let manifest = sources::root().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).other_options(options).exec().expect("cargo tells its metadata")
});

fn layer(name: &str) -> u8 {
    let found = LAYERS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("{name} has no layer; add it to LAYERS in {THIS}")).1
}

fn package(name: &str) -> &'static Package {
    METADATA.packages.iter().find(|package| package.name.as_str() == name).unwrap_or_else(|| panic!("no crate {name}"))
}

/// The names of the crates that a crate is built from, itself left out, tests left out.
fn built_from(name: &str) -> Vec<String> {
    let resolve = METADATA.resolve.as_ref().expect("cargo resolves");
    let mut open = vec![package(name).id.clone()];
    let mut seen = open.clone();
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == id).expect("every crate is resolved");
        let normal =
            |dep: &&cargo_metadata::NodeDep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
        for dep in node.deps.iter().filter(normal) {
            if !seen.contains(&dep.pkg) {
                seen.push(dep.pkg.clone());
                open.push(dep.pkg.clone());
            }
        }
    }
    seen[1..].iter().map(|id| METADATA[id].name.to_string()).collect()
}

/// Fails with every place where `forbidden` says so.
fn assert_nowhere<'a>(rule: &str, places: impl Iterator<Item = (&'a Source, usize, &'a str)>) {
    let places: Vec<_> = places.map(|(source, at, line)| format!("{}:{at}: {}", source.path, line.trim())).collect();
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

fn lines_of_code(sources: &[Source]) -> impl Iterator<Item = (&Source, usize, &str)> {
    sources
        .iter()
        .filter(|source| source.path != THIS)
        .flat_map(|source| source.code().map(move |(at, line)| (source, at, line)))
}

fn lines_of_tests(sources: &[Source]) -> impl Iterator<Item = (&Source, usize, &str)> {
    sources
        .iter()
        .filter(|source| source.path != THIS)
        .flat_map(|source| source.tests().map(move |(at, line)| (source, at, line)))
}

// ---- 1: what is sans I/O knows no socket, file, clock or runtime

#[test]
fn layers_point_strictly_downward_and_no_box_depends_on_a_box() {
    for package in METADATA.workspace_packages() {
        let from = layer(&package.name);
        for dependency in package.dependencies.iter().filter(|dependency| dependency.path.is_some()) {
            let to = layer(&dependency.name);
            assert!(to < from, "{} (layer {from}) depends on {} (layer {to})", package.name, dependency.name);
        }
    }
}

#[test]
fn what_is_sans_io_is_built_from_crates_without_input_and_output() {
    let with_io =
        ["tokio", "mio", "socket2", "async-io", "nix", "rustix", "zeromq", "hyper", "heed", "tempfile", "memmap2"];
    for name in SANS_IO {
        let crates = built_from(name);
        let found: Vec<_> = with_io.iter().filter(|io| crates.iter().any(|name| name == *io)).collect();
        assert!(found.is_empty(), "{name} is built from {found:?}");
    }
}

#[test]
fn what_is_sans_io_names_no_socket_file_clock_or_thread() {
    let sources = sources::rust();
    let words = [
        "std::net::Tcp",
        "std::net::Udp",
        "std::os",
        "std::fs",
        "fs::",
        "Instant",
        "SystemTime::now",
        "std::process",
        "std::env",
    ];
    let places = lines_of_code(&sources).filter(|(source, _, _)| SANS_IO.contains(&source.of_crate()));
    let places = places.filter(|(_, _, line)| {
        words.iter().any(|word| line.split([' ', '{', '(', ',']).any(|part| part.starts_with(word)))
    });
    assert_nowhere("what is sans I/O knows no socket, file, clock or runtime", places);
}

#[test]
fn what_is_sans_io_builds_where_there_is_no_operating_system() {
    const TARGET: &str = "wasm32-unknown-unknown";
    let installed = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let folder = installed.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if !std::path::Path::new(&folder).is_dir() {
        // Then the two tests above are the proof, as the design says.
        return;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--offline", "-p", "proto", "-p", "unixfs", "-p", "gateway", "--target", TARGET]);
    cargo.env("CARGO_TARGET_DIR", sources::root().join("target/wasm")).current_dir(sources::root());
    assert!(cargo.status().expect("cargo can be run").success());
}

// ---- 2: the skeleton names no box

#[test]
fn daemon_names_no_box_and_no_interface() {
    let kinds = TABLE.iter().map(|row| camel(row.name)).filter(|kind| kind != "Supervisor");
    let names = TABLE.iter().map(|row| row.name.to_owned()).filter(|name| name != "supervisor");
    let faces =
        TABLE.iter().flat_map(|row| row.answers.iter().chain(row.tells)).map(|face| format!("proto::{}", camel(face)));
    let words: Vec<String> = kinds.chain(names).chain(faces).collect();
    let sources = sources::rust();
    let places = lines_of_code(&sources).filter(|(source, _, _)| source.path.starts_with("daemon/src/"));
    assert_nowhere(
        "daemon names no box",
        places.filter(|(_, _, line)| words.iter().any(|word| line.contains(word.as_str()))),
    );
}

/// `get-worker` → `GetWorker`.
fn camel(name: &str) -> String {
    let upper = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(upper).collect()
}

// ---- 3: who may name what

#[test]
fn only_the_bus_of_daemon_names_zeromq() {
    assert_named_only_in("zeromq", &["daemon/src/bus/", "daemon/Cargo.toml", "Cargo.toml"]);
}

#[test]
fn only_swarm_names_libp2p() {
    // As code: what Kubo says of keys and streams has the name in it too.
    assert_named_only_in("libp2p::", &["swarm/", "tests/"]);
    assert_named_only_in("libp2p.workspace", &["swarm/Cargo.toml"]);
    assert_named_only_in("libp2p = ", &["Cargo.toml"]);
}

#[test]
fn only_ipfs_shim_speaks_kubos_rpc_as_a_client() {
    // The supervisor only shows its address to people, and Kubo's keeper asks whether it is healthy.
    assert_named_only_in(
        "/api/v0",
        &["ipfs-shim/", "kubo-keeper/src/health.rs", "ipfs-node/", "tests/", "benches/", "supervisor/src/tree/told.rs"],
    );
}

#[test]
fn only_http_front_serves_the_web_and_two_boxes_serve_programs_beside_it() {
    let servers = with_hyper("server");
    // Kubo's RPC and gateway are the one's, a Cluster's `add` is the other's.
    let may = ["http-front", "ipfs-node", "ingest-server", "rookery-benches"];
    assert!(servers.iter().all(|name| may.contains(&name.as_str())), "{servers:?}");
    let clients = with_hyper("client");
    let may = ["ipfs-shim", "ipfs-node", "kubo-keeper", "swarm", "sync-agent", "rookery-tests", "rookery-benches"];
    assert!(clients.iter().all(|name| may.contains(&name.as_str())), "{clients:?}");
}

/// The crates whose programs (not whose tests) use this half of hyper.
fn with_hyper(feature: &str) -> Vec<String> {
    let uses = |package: &&&Package| {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        normal
            .filter(|dependency| dependency.name == "hyper")
            .any(|hyper| hyper.features.iter().any(|name| name == feature))
    };
    METADATA.workspace_packages().iter().filter(uses).map(|package| package.name.to_string()).collect()
}

fn assert_named_only_in(word: &str, allowed: &[&str]) {
    let mut files = sources::rust();
    files.extend(sources::files("Cargo.toml"));
    let elsewhere =
        |source: &&Source| source.path != THIS && !allowed.iter().any(|place| source.path.starts_with(place));
    let places =
        files.iter().filter(elsewhere).flat_map(|source| source.code().map(move |(at, line)| (source, at, line)));
    assert_nowhere(&format!("{word} is named only in {allowed:?}"), places.filter(|(_, _, line)| line.contains(word)));
}

// ---- 4: who opens the comment store

#[test]
fn only_post_worker_opens_the_comment_store_for_writing() {
    let sources = sources::rust();
    // Nobody else is built with the store: see the next test.
    let readers = ["get-worker", "ipfs-shim", "sync-agent"];
    let places = lines_of_code(&sources).filter(|(source, _, _)| readers.contains(&source.of_crate()));
    assert_nowhere("only post-worker writes comments", places.filter(|(_, _, line)| names(line, "Writer")));
}

/// Whether a word stands in a line as a name of its own.
fn names(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|name| name == word)
}

#[test]
fn only_the_boxes_that_read_comments_are_built_with_the_store() {
    let may = ["post-worker", "get-worker", "ipfs-shim", "sync-agent", "rookery-tests", "rookery-benches"];
    for package in METADATA.workspace_packages() {
        let uses = package.dependencies.iter().any(|dependency| dependency.name == "comment-store");
        assert!(!uses || may.contains(&package.name.as_str()), "{} asks a box for comments instead", package.name);
    }
}

// ---- 5: the store knows no IPFS, the IPFS node knows no comments

#[test]
fn comment_store_knows_no_ipfs_and_ipfs_node_knows_no_comments() {
    let store = built_from("comment-store");
    assert!(
        !["daemon", "unixfs", "hyper", "tokio"].iter().any(|name| store.iter().any(|used| used == name)),
        "{store:?}"
    );
    let node = built_from("ipfs-node");
    assert!(!node.iter().any(|used| used == "comment-store"), "{node:?}");
    let words = ["comment_store", "proto::record", "proto::threads", "proto::posts", "CommentId", "LegacyId"];
    let sources = sources::rust();
    let places = lines_of_code(&sources).filter(|(source, _, _)| source.of_crate() == "ipfs-node");
    assert_nowhere(
        "ipfs-node knows no comments",
        places.filter(|(_, _, line)| words.iter().any(|word| line.contains(word))),
    );
}

// ---- 6: the supervisor asks nobody

#[test]
fn only_the_command_line_of_the_supervisor_asks_boxes() {
    let words = ["Asker", "Threads", "Posts", "Blocks"];
    let sources = sources::rust();
    let inside =
        |source: &Source| source.path.starts_with("supervisor/src/") && !source.path.starts_with("supervisor/src/cli");
    let places = lines_of_code(&sources).filter(|(source, _, _)| inside(source));
    let asks = |line: &str| words.iter().any(|word| names(line, word)) && !line.contains('"');
    assert_nowhere("the supervising process asks nobody", places.filter(|(_, _, line)| asks(line)));
}

#[test]
fn the_supervisor_is_built_without_what_parses_the_network() {
    let crates = built_from("supervisor");
    let parsers: Vec<_> = ["hyper", "heed", "comment-store", "unixfs", "libp2p"]
        .into_iter()
        .filter(|name| crates.iter().any(|used| used == name))
        .collect();
    assert!(parsers.is_empty(), "{parsers:?}");
}

// ---- 7: unsafe only where a system call or a C library forces it

/// Every file that may hold `unsafe`, with what forces it.
const UNSAFE: [(&str, &str); 13] = [
    ("comment-store/src/opened.rs", "opening LMDB"),
    ("comment-store/src/tests/keeping.rs", "making LMDB's map small"),
    ("daemon/src/board.rs", "a mapped file"),
    ("daemon/src/bus/lookout.rs", "watching a descriptor"),
    ("daemon/src/inherited.rs", "descriptors by number, from the environment"),
    ("daemon/src/stack.rs", "a signal handler"),
    ("ingest-server/src/bin/ingest/link.rs", "asking how much of what was sent is on its way"),
    ("daemon/src/memory.rs", "telling the C library to give memory back"),
    ("ipfs-node/src/store/index.rs", "opening LMDB"),
    ("ipfs-node/src/store/mark.rs", "opening LMDB"),
    ("kubo-keeper/src/become_kubo.rs", "descriptors by number, for another program"),
    ("supervisor/src/descriptor.rs", "watching a descriptor"),
    ("supervisor/src/process.rs", "what a child does between fork and exec"),
];

#[test]
fn unsafe_stands_only_where_a_system_call_or_a_c_library_forces_it() {
    assert_exactly_in("unsafe", &UNSAFE, |line| names(line, "unsafe") && !line.contains('"'));
}

/// Fails with every line that `is_so` of a file that is not listed, and with every listed file that has none.
fn assert_exactly_in(rule: &str, listed: &[(&str, &str)], is_so: impl Fn(&str) -> bool) {
    let sources = sources::rust();
    let places: Vec<_> =
        lines_of_code(&sources).chain(lines_of_tests(&sources)).filter(|(_, _, line)| is_so(line)).collect();
    let is_listed = |source: &Source| listed.iter().any(|(path, _)| *path == source.path);
    assert_nowhere(&format!("{rule} elsewhere"), places.iter().copied().filter(|(source, _, _)| !is_listed(source)));
    let idle: Vec<_> =
        listed.iter().filter(|(path, _)| places.iter().all(|(source, _, _)| source.path != *path)).collect();
    assert!(idle.is_empty(), "listed for {rule}, but without: {idle:?}");
}

#[test]
fn every_crate_is_under_the_lints_of_the_workspace() {
    // The fuzzer is no part of the workspace: it needs another compiler.
    let apart = ["Cargo.toml", "fuzz/Cargo.toml"];
    for manifest in sources::files("Cargo.toml").into_iter().filter(|source| !apart.contains(&source.path.as_str())) {
        let table: toml::Table = manifest.text.parse().unwrap_or_else(|e| panic!("{}: {e}", manifest.path));
        let inherits = table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(inherits, Some(true), "{}", manifest.path);
    }
    let root: toml::Table =
        std::fs::read_to_string(sources::root().join("Cargo.toml")).expect("the workspace").parse().expect("TOML");
    let lint = root["workspace"]["lints"]["clippy"]["undocumented_unsafe_blocks"].as_str();
    assert_eq!(lint, Some("deny"), "every unsafe block says why it is sound");
}

// ---- 8: every queue has a limit

#[test]
fn no_queue_is_unbounded() {
    let sources = sources::rust();
    let endless = |line: &str| line.contains("unbounded") || line.contains("mpsc::channel()");
    assert_nowhere("every queue has a limit", lines_of_code(&sources).filter(|(_, _, line)| endless(line)));
}

// ---- the rules of the house

#[test]
fn every_file_is_one_idea_of_less_than_600_lines() {
    let long = |source: &&Source| source.text.lines().count() >= 600;
    let long: Vec<_> = sources::rust().iter().filter(long).map(|source| source.path.clone()).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn main_of_a_box_is_one_screen() {
    for source in sources::rust().iter().filter(|source| source.path.ends_with("/src/main.rs")) {
        assert!(source.text.lines().count() <= 60, "{}", source.path);
    }
}

#[test]
fn every_file_begins_with_its_place_in_the_world() {
    let silent = |source: &&Source| !source.text.starts_with("//!");
    let silent: Vec<_> = sources::rust().iter().filter(silent).map(|source| source.path.clone()).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    let sources = sources::rust();
    let words = ["todo!(", "unimplemented!(", "dbg!(", "#[ignore", "(being written)"];
    let all = lines_of_code(&sources).chain(lines_of_tests(&sources));
    assert_nowhere("nothing is left to do", all.filter(|(_, _, line)| words.iter().any(|word| line.contains(word))));
}

/// Every file of tests that may let time pass, with what for.
const PAUSES: [(&str, &str); 15] = [
    ("benches/src/peers/churn.rs", "between two visitors"),
    ("benches/src/peers/serve.rs", "between two looks"),
    ("benches/src/tree.rs", "between two looks"),
    ("ipfs-node/tests/http/peers.rs", "between two looks"),
    ("ipfs-node/tests/http/routing.rs", "between two looks"),
    ("ipfs-shim/src/kubo/wait.rs", "a drip of bytes, on a clock that jumps"),
    ("ipfs-shim/tests/real.rs", "between two looks"),
    ("ipfs-shim/tests/work/mod.rs", "between two looks"),
    ("supervisor/tests/rehearsal/box.rs", "a box that hangs"),
    ("supervisor/tests/rig/mod.rs", "between two looks"),
    ("swarm/tests/peers/kubo/daemon.rs", "between two looks"),
    ("swarm/tests/peers/rig.rs", "between two looks"),
    ("tests/src/echo.rs", "an answer that takes long"),
    ("tests/src/visitors.rs", "a client whose request was refused"),
    ("tests/src/wait.rs", "between two looks"),
];

#[test]
fn a_test_waits_for_a_condition_and_never_for_time() {
    let sources = sources::rust();
    let sleeps = |line: &str| line.contains("thread::sleep(") || line.contains("time::sleep(");
    let listed = |source: &Source| PAUSES.iter().any(|(path, _)| *path == source.path);
    let places = lines_of_tests(&sources).filter(|(source, _, line)| sleeps(line) && !listed(source));
    assert_nowhere("a sleep in a test", places);
}

#[test]
fn nothing_is_named_util_helper_manager_common_misc_data_or_info() {
    let empty = ["util", "utils", "helper", "helpers", "manager", "common", "misc", "data", "info"];
    let names = |source: &Source| source.path.split(['/', '.']).any(|part| empty.contains(&part));
    let files: Vec<_> =
        sources::rust().iter().filter(|source| names(source)).map(|source| source.path.clone()).collect();
    assert!(files.is_empty(), "{files:?}");
    let sources = sources::rust();
    let declares = |line: &str| {
        let words: Vec<_> =
            line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
        let named =
            words.windows(2).find(|pair| matches!(pair[0], "mod" | "struct" | "enum" | "trait")).map(|pair| pair[1]);
        named.is_some_and(|name| {
            empty.contains(&name)
                || ["Util", "Utils", "Helper", "Manager", "Misc"].iter().any(|end| name.ends_with(end))
        })
    };
    assert_nowhere("no empty names", lines_of_code(&sources).filter(|(_, _, line)| declares(line)));
}

#[test]
fn every_dependency_has_its_reason_on_the_page_of_dependencies() {
    let page = std::fs::read_to_string(sources::root().join("docs/dependencies.md")).expect("docs/dependencies.md");
    let mut missing = BTreeMap::new();
    for package in METADATA.workspace_packages() {
        let foreign = package.dependencies.iter().filter(|dependency| dependency.path.is_none());
        for dependency in foreign.filter(|dependency| !page.contains(&format!("| `{}` |", dependency.name))) {
            missing.insert(dependency.name.clone(), package.name.to_string());
        }
    }
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn every_reason_is_for_a_dependency_that_is_there() {
    let page = std::fs::read_to_string(sources::root().join("docs/dependencies.md")).expect("docs/dependencies.md");
    let used: Vec<_> = METADATA
        .workspace_packages()
        .iter()
        .flat_map(|package| &package.dependencies)
        .map(|d| d.name.clone())
        .collect();
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name.to_owned());
    let idle: Vec<_> = rows.filter(|name| !used.contains(name)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn every_configuration_in_the_repository_and_its_pages_is_valid() {
    let files = sources::configurations();
    assert!(files.iter().any(|source| source.path == "proto/src/default.toml"));
    for source in files {
        assert!(Rookery::parse(&source.text).is_ok(), "{}: {:?}", source.path, Rookery::parse(&source.text));
    }
    for page in sources::files(".md") {
        for (line, block) in sources::fences(&page.text, "toml") {
            assert!(Rookery::parse(&block).is_ok(), "{}:{line}: {:?}", page.path, Rookery::parse(&block));
        }
    }
}

#[test]
fn every_page_that_is_linked_to_exists() {
    for page in sources::files(".md") {
        let folder = sources::root().join(&page.path).parent().expect("a file is in a folder").to_owned();
        let links = page.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains("://")) {
            assert!(folder.join(link).exists(), "{} links to {link}", page.path);
        }
    }
}
