//! The configuration as text: what is read, what is refused, and in which words.

use super::*;

#[test]
fn an_empty_file_is_a_valid_system() {
    assert_eq!(Rookery::parse(""), Ok(Rookery::default()));
}

#[test]
fn the_documented_default_is_the_default() {
    assert_eq!(Rookery::parse(DEFAULT_TOML).map_err(|e| e.to_string()), Ok(Rookery::default()));
}

#[test]
fn the_documented_default_names_every_key() {
    let all = toml::Table::try_from(Rookery::default()).unwrap();
    let optional = ["data_dir", "runtime_dir", "memory_soft_mib", "memory_hard_mib", "cluster_listen"];
    let of_daemons = ["remote", "remote_secret_file", "remote_repo", "cluster", "cluster_secret_file"];
    let keys = all.values().flat_map(|section| section.as_table().unwrap().keys());
    for key in keys.map(String::as_str).chain(optional).chain(of_daemons) {
        let named = DEFAULT_TOML.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")));
        assert!(named, "{key} is not explained");
    }
}

#[test]
fn an_empty_directory_is_refused() {
    for key in ["data_dir", "runtime_dir"] {
        let error = Rookery::parse(&format!("[common]\n{key} = \"\"\n")).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("leave the key out"), "{error}");
    }
}

#[test]
fn an_unknown_key_is_an_error_with_its_line_and_the_allowed_keys() {
    let error = Rookery::parse("[get-worker]\ninstances = 3\ninstnces = 4\n").unwrap_err().to_string();
    assert!(error.contains("line 3"), "{error}");
    assert!(error.contains("instnces") && error.contains("`instances`"), "{error}");
}

#[test]
fn an_unknown_section_is_an_error() {
    let error = Rookery::parse("[get_worker]\n").unwrap_err().to_string();
    assert!(error.contains("get_worker") && error.contains("get-worker"), "{error}");
}

#[test]
fn a_number_that_would_make_the_tree_useless_is_an_error() {
    let error = Rookery::parse("[supervisor]\nheartbeat_wait_ms = 0\n").unwrap_err().to_string();
    assert!(error.starts_with("[supervisor] heartbeat_wait_ms = 0: expected at least 500"), "{error}");
}

#[test]
fn an_address_that_is_none_is_told_what_one_looks_like() {
    let error = Rookery::parse("[http-front]\nlisten = \"x\"\n").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("127.0.0.1:8780"), "{error}");
}

#[test]
fn files_are_taken_from_strangers_only_if_the_configuration_says_so() {
    for key in ["upload_listen", "download_listen", "cluster_listen"] {
        let section = format!("[ingest-server]\n{key} = \"0.0.0.0:7147\"\n");
        let error = Rookery::parse(&section).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("0.0.0.0:7147") && error.contains("public = true"), "{error}");
        assert!(Rookery::parse(&format!("{section}public = true\n")).is_ok());
    }
    assert!(Rookery::parse("[ingest-server]\nupload_listen = \"[::1]:1\"\n").is_ok());
}

#[test]
fn limits_that_contradict_each_other_are_an_error() {
    let error = Rookery::parse("[ipfs]\nmemory_soft_mib = 2\nmemory_hard_mib = 1\n").unwrap_err();
    assert_eq!(error.to_string(), "[ipfs] memory_soft_mib = 2: expected at most memory_hard_mib");
}

#[test]
fn a_remote_daemon_needs_an_address_and_copies_must_be_possible() {
    let refused = |text: &str| Rookery::parse(text).unwrap_err().to_string();
    assert!(refused("[ipfs]\ndaemon = \"remote\"\n").contains("remote = unset"));
    assert!(refused("[ipfs]\nremote = \"https://x:1\"\n").contains("tunnel"));
    assert!(refused("[ipfs]\nreplication_min = 0\n").contains("replication_min = 0"));
    assert!(refused("[ipfs]\nreplication_min = 3\nreplication_max = 2\n").contains("replication_min = 3"));
    assert!(refused("[ipfs]\nreplication_max = 2\n").contains("replication_min = -1"));
    assert!(Rookery::parse("[ipfs]\nreplication_min = 2\nreplication_max = 3\n").is_ok());
    assert!(Rookery::parse("[ipfs]\ndaemon = \"remote\"\nremote = \"/ip4/192.0.2.7/tcp/5001\"\n").is_ok());
}

#[test]
fn kubo_is_not_asked_for_a_private_dht() {
    let error = Rookery::parse("[ipfs]\ndaemon = \"kubo\"\n[ipfs-node]\ndht = \"/mine\"\n").unwrap_err();
    assert!(error.to_string().contains("Kubo knows no DHT"), "{error}");
}
