//! The rules of the wire: methods, guards, errors, who answers.

use rookery_tests::{kubo::Profile, multipart::Form};

use super::{Call, NOWHERE, Pair};

#[test]
fn who_answers_is_told_in_the_same_members() {
    let Some(mut pair) = Pair::or_skip("side by side: id and version", Profile::AsItComes) else { return };
    pair.same(&Call::new("version").masking(&["Version", "Commit", "Repo", "System", "Golang"]));
    pair.same(&Call::new("id").masking(&["ID", "PublicKey", "Addresses", "AgentVersion", "Protocols"]));
    pair.same_path("diag/healthy");
    let (ours, kubos) = pair.both(&Call::new("version"));
    assert_eq!(ours.json()["Repo"], kubos.json()["Repo"], "clients look at it");
}

#[test]
fn only_post_is_a_call() {
    let Some(mut pair) = Pair::or_skip("side by side: methods", Profile::AsItComes) else { return };
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        pair.same(&Call::new("version").method(method));
    }
    pair.same(&Call::new("nonsense"));
    pair.same(&Call::new(""));
}

#[test]
fn a_page_of_another_origin_and_a_browser_without_one_are_forbidden() {
    let Some(mut pair) = Pair::or_skip("side by side: the guard", Profile::AsItComes) else { return };
    pair.same(&Call::new("block/stat?arg=bafkqaaa").header("Origin", "http://evil.example"));
    pair.same(&Call::new("block/stat?arg=bafkqaaa").header("Referer", "http://evil.example/page"));
    pair.same(&Call::new("block/stat?arg=bafkqaaa").header("User-Agent", "Mozilla/5.0 (X11)"));
    pair.same(&Call::new("block/stat?arg=bafkqaaa").header("User-Agent", "curl/8"));
    let own = |client: &rookery_tests::http::Client| format!("http://{}", client.address());
    let (ours, kubos) = (own(&pair.ours), own(&pair.kubos));
    let call = |origin: &str| Call::new("block/stat?arg=bafkqaaa").header("Origin", origin);
    assert_eq!(call(&ours).ask(&mut pair.ours).status, call(&kubos).ask(&mut pair.kubos).status);
}

#[test]
fn calls_that_cannot_be_done_fail_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: errors", Profile::AsItComes) else { return };
    pair.same(&Call::new("add").form(Form::new().folder("empty").end()));
    let paths = [
        "cat",
        "cat?arg=notacid",
        "cat?arg=QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
        &format!("cat?arg={NOWHERE}"),
        &format!("cat?arg={NOWHERE}&offset=x"),
        &format!("block/get?arg={NOWHERE}"),
        &format!("block/stat?arg={NOWHERE}"),
        &format!("ls?arg={NOWHERE}"),
        &format!("get?arg={NOWHERE}"),
        &format!("dag/export?arg={NOWHERE}"),
        &format!("pin/add?arg={NOWHERE}"),
        &format!("pin/rm?arg={NOWHERE}"),
        &format!("pin/ls?arg={NOWHERE}"),
        "pin/ls?type=nonsense",
        "add",
        "block/put",
        "dag/import",
        "files/stat?arg=/nowhere",
        "files/read?arg=/nowhere",
        "files/ls?arg=/nowhere",
        "files/mkdir?arg=/a/b/c",
        "files/stat?arg=relative",
    ];
    for path in paths {
        pair.same_path(path);
    }
    for path in ["cat?arg=/ipfs/notacid", "pin/add?arg=/ipfs/notacid", "files/rm?arg=/nowhere", "files/rm?arg=/"] {
        pair.same(&Call::new(path).in_other_words());
    }
    for path in
        ["add?chunker=size-x", "add?cid-version=2", "add?pin=maybe", "add?hash=nonsense", "block/put?mhtype=nonsense"]
    {
        pair.same(&Call::new(path).file(b"hello\n"));
    }
    pair.same(&Call::new("dag/import").file(b"hello\n").in_other_words());
    pair.same(&Call::new("add").header("Content-Type", "text/plain"));
}

#[test]
fn an_option_that_is_not_known_is_no_mistake() {
    let Some(mut pair) = Pair::or_skip("side by side: unknown options", Profile::AsItComes) else { return };
    pair.same(&Call::new("add?nonsense=1&stream-channels=true&encoding=json").file(b"hello\n"));
}
