//! The client within TLS: it sends nothing to anybody but the server that it was told of.

use std::fs;

use super::{CONFIG, INGEST, client, content, ingest, only_hash, out, write};
use rookery_tests::{artc, setup::Setup, tree::Tree};

fn start() -> Tree {
    Setup::new().with(&format!("{CONFIG}tls = true\n")).start()
}

fn fingerprint(tree: &Tree) -> String {
    let path = tree.folder().join("data/ingest-server/tls/fingerprint");
    fs::read_to_string(path).expect("the box has made a certificate").trim().to_owned()
}

#[test]
fn a_file_goes_in_and_out_within_tls_and_old_clients_do_not_notice() {
    let tree = start();
    let (fingerprint, bytes) = (fingerprint(&tree), content(9_000_000));
    let path = write(&tree, "file", &bytes);
    let within = ["--tls-fingerprint", fingerprint.as_str()];
    let cid = out(&ingest(&tree, &[&within[..], &["-q", &path]].concat()));
    assert_eq!(Some(cid.trim()), only_hash(&tree, &bytes).as_str());
    let back = ingest(&tree, &[&within[..], &["-q", "--get", cid.trim()]].concat());
    assert!(back.status.success() && back.stdout == bytes, "{}", String::from_utf8_lossy(&back.stderr));
    let [upload, download] = ["upload", "download"].map(|purpose| tree.address(INGEST, purpose));
    assert_eq!(artc::upload(upload, &bytes, 65_536), cid);
    assert!(artc::download(download, cid.trim()).is_ok_and(|back| back == bytes));
    assert_eq!(out(&ingest(&tree, &["-q", &path])), cid);
}

#[test]
fn a_server_with_another_certificate_or_without_one_gets_no_byte_of_the_file() {
    let (with, without) = (start(), super::start());
    let own = fingerprint(&with);
    let other = own.replace(&own[..1], if own.starts_with('0') { "1" } else { "0" });
    for (tree, fingerprint, why) in [(&with, &other, "fingerprint"), (&without, &own, "no TLS")] {
        let path = write(tree, "file", b"secret");
        let refused =
            client(tree, &["--tls-fingerprint", fingerprint, &path]).output().expect("the client can be started");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(why), "{said}");
        assert!(tree.command(&["ingest", "list", "--json"]).well().out.trim() == "[]");
    }
}

#[test]
fn the_certificate_outlives_the_box() {
    let tree = start();
    let first = fingerprint(&tree);
    let old = tree.kill(INGEST);
    tree.await_successor(INGEST, old);
    let path = write(&tree, "file", b"after the crash");
    let cid = out(&ingest(&tree, &["-q", "--tls-fingerprint", &first, &path]));
    assert_eq!(Some(cid.trim()), only_hash(&tree, b"after the crash").as_str());
}
