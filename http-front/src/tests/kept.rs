//! What is kept is never old, in whatever coding; what a visitor has is not sent again.

use std::{io::Read as _, sync::Arc};

use proto::Topic;
use tokio::sync::Notify;

use super::{
    boxes::{BLOB, Reads, TOPIC, folder},
    client::{Body, Reply},
    rig::{Rig, request, until},
};

const JSON: &str = "Accept: application/json";

fn long_page(word: &str) -> String {
    format!("{{\"comments\":\"{}\"}}", format!("{word} and ").repeat(500))
}

fn set_page(rig: &Rig, page: &str) {
    *rig.reads.handler.page.lock().unwrap() = page.to_owned().into();
}

fn questions(rig: &Rig) -> usize {
    rig.reads.requests.lock().unwrap().len()
}

async fn page(rig: &Rig, more: &[&str]) -> Reply {
    let first = format!("GET /{TOPIC}");
    rig.ask(&[&[first.as_str(), JSON], more].concat()).await
}

fn plain_again(reply: &Reply) -> Vec<u8> {
    let (mut plain, mut coded) = (Vec::new(), reply.bytes.as_slice());
    match reply.header("content-encoding") {
        Some("zstd") => plain = zstd::stream::decode_all(coded).unwrap(),
        Some("br") => brotli::BrotliDecompress(&mut coded, &mut plain).unwrap(),
        Some("gzip") => drop(flate2::read::GzDecoder::new(coded).read_to_end(&mut plain).unwrap()),
        other => panic!("{other:?}"),
    }
    plain
}

#[tokio::test]
async fn a_page_is_asked_for_once_until_somebody_comments() {
    let rig = Rig::start().await;
    set_page(&rig, r#"{"comments":[]}"#);
    let first = page(&rig, &[]).await;
    assert_eq!((page(&rig, &[]).await.body, questions(&rig)), (first.body.clone(), 1));
    set_page(&rig, r#"{"comments":[1]}"#);
    rig.board.bump(&TOPIC);
    let after = page(&rig, &[]).await;
    assert_eq!((after.body.as_str(), questions(&rig)), (r#"{"comments":[1]}"#, 2));
    assert_ne!(after.header("etag"), first.header("etag"));
    rig.board.bump(&Topic([0x22; 20]));
    page(&rig, &[]).await;
    assert_eq!(questions(&rig), 2, "another topic is another topic");
}

#[tokio::test]
async fn what_was_asked_for_before_a_comment_is_for_nobody_after_it() {
    let gate = Arc::new(Notify::new());
    let rig = Rig::with(Reads { gate: Some(Arc::clone(&gate)), ..Reads::default() }, |_| {}).await;
    set_page(&rig, "old");
    let mut early = rig.connect().await;
    early.send(request(&[&format!("GET /{TOPIC}"), JSON], "")).await;
    until(|| questions(&rig) == 1).await;
    rig.board.bump(&TOPIC);
    let mut late = rig.connect().await;
    late.send(request(&[&format!("GET /{TOPIC}"), JSON], "")).await;
    until(|| questions(&rig) == 2).await;
    gate.notify_one();
    assert_eq!(early.reply(Body::Expected).await.body, "old");
    set_page(&rig, "new");
    gate.notify_one();
    assert_eq!(late.reply(Body::Expected).await.body, "new");
    assert_eq!((page(&rig, &[]).await.body.as_str(), questions(&rig)), ("new", 2));
}

#[tokio::test]
async fn many_who_come_at_once_are_one_question() {
    let gate = Arc::new(Notify::new());
    let rig = Rig::with(Reads { gate: Some(Arc::clone(&gate)), ..Reads::default() }, |_| {}).await;
    set_page(&rig, "one");
    let mut visitors = Vec::new();
    for _ in 0..20 {
        let mut visitor = rig.connect().await;
        visitor.send(request(&[&format!("GET /{TOPIC}"), JSON], "")).await;
        visitors.push(visitor);
    }
    until(|| questions(&rig) == 1).await;
    gate.notify_one();
    for mut visitor in visitors {
        assert_eq!(visitor.reply(Body::Expected).await.body, "one");
    }
    assert_eq!(questions(&rig), 1);
}

#[tokio::test]
async fn without_memory_every_visitor_is_a_question() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.cache_mib = 0).await;
    set_page(&rig, "page");
    for asked in 1..4 {
        assert_eq!((page(&rig, &[]).await.body.as_str(), questions(&rig)), ("page", asked));
    }
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let rig = Rig::start().await;
    rig.reads.fails_with(daemon::bus::AskError::Busy);
    assert_eq!(page(&rig, &[]).await.status, 503);
    *rig.reads.failure.lock().unwrap() = None;
    assert_eq!(page(&rig, &[]).await.status, 200);
}

#[tokio::test]
async fn a_page_comes_in_the_coding_that_the_visitor_likes_best() {
    let rig = Rig::start().await;
    let plain = long_page("word");
    set_page(&rig, &plain);
    for coding in ["zstd", "br", "gzip"] {
        let reply = page(&rig, &[&format!("Accept-Encoding: {coding}")]).await;
        assert_eq!(reply.header("content-encoding"), Some(coding));
        assert!(reply.bytes.len() < plain.len() / 5);
        assert_eq!(plain_again(&reply), plain.as_bytes());
        assert_eq!(page(&rig, &[&format!("Accept-Encoding: {coding}")]).await.bytes, reply.bytes);
    }
    let reply = page(&rig, &[]).await;
    assert_eq!((reply.header("content-encoding"), reply.body.as_str()), (None, plain.as_str()));
    // One question for each coding: nothing plain was kept before the last one.
    assert_eq!(questions(&rig), 4);
    let reply = page(&rig, &["Accept-Encoding: gzip;q=0.1", "Accept-Encoding: br;q=0.2"]).await;
    assert_eq!(reply.header("content-encoding"), Some("br"));
}

#[tokio::test]
async fn what_is_kept_plain_is_coded_without_a_question() {
    let rig = Rig::start().await;
    set_page(&rig, &long_page("word"));
    let plain = page(&rig, &[]).await;
    let coded = page(&rig, &["Accept-Encoding: zstd"]).await;
    assert_eq!((plain_again(&coded), questions(&rig)), (plain.bytes, 1));
}

#[tokio::test]
async fn short_answers_and_problems_are_sent_as_they_are() {
    let rig = Rig::start().await;
    set_page(&rig, "short");
    let reply = page(&rig, &["Accept-Encoding: gzip, br, zstd"]).await;
    assert_eq!((reply.header("content-encoding"), reply.body.as_str()), (None, "short"));
    assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"));
    let problem = rig.ask(&["GET /nowhere", "Accept-Encoding: gzip"]).await;
    assert!(problem.bytes.len() > 512 && problem.header("content-encoding").is_none());
    assert_eq!(problem.json()["status"], 404);
}

#[tokio::test]
async fn who_refuses_plain_bytes_gets_even_short_answers_coded_or_406() {
    let rig = Rig::start().await;
    set_page(&rig, "short");
    let reply = page(&rig, &["Accept-Encoding: gzip, identity;q=0"]).await;
    assert_eq!((reply.status, plain_again(&reply)), (200, b"short".to_vec()));
    let refused = page(&rig, &["Accept-Encoding: identity;q=0"]).await;
    assert_eq!(refused.status, 406);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert!(refused.body.contains("zstd, br, gzip"), "{}", refused.body);
}

#[tokio::test]
async fn every_form_of_a_topic_has_a_tag_of_its_own() {
    let rig = Rig::start().await;
    let paths = ["", "?limit=1", "?after=1&limit=1"];
    let mut tags = std::collections::HashSet::new();
    for path in paths {
        set_page(&rig, &long_page(path));
        for coding in ["identity", "gzip", "br", "zstd"] {
            let lines = [&format!("GET /{TOPIC}{path}"), JSON, &format!("Accept-Encoding: {coding}")];
            tags.insert(rig.ask(&lines).await.header("etag").unwrap().to_owned());
        }
    }
    tags.insert(rig.get(&format!("/{TOPIC}")).await.header("etag").unwrap().to_owned());
    assert_eq!(tags.len(), paths.len() * 4 + 1);
    assert!(tags.contains(&format!("\"{}-text\"", folder())));
    assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"')), "all are strong");
}

#[tokio::test]
async fn who_has_the_page_gets_304_without_a_question() {
    let rig = Rig::start().await;
    set_page(&rig, &long_page("word"));
    let whole = page(&rig, &["Accept-Encoding: br"]).await;
    let tag = whole.header("etag").unwrap();
    for given in [tag.to_owned(), format!("W/{tag}"), format!("\"a,b\", {tag}"), "*".to_owned()] {
        let reply = page(&rig, &["Accept-Encoding: br", &format!("If-None-Match: {given}")]).await;
        assert_eq!((reply.status, reply.body.as_str(), reply.header("etag")), (304, "", Some(tag)), "{given}");
    }
    let lines = ["Accept-Encoding: br", "If-None-Match: \"x\", \"y\"", &format!("If-None-Match: {tag}")];
    assert_eq!(page(&rig, &lines).await.status, 304);
    assert_eq!(page(&rig, &[&format!("If-None-Match: {tag}")]).await.status, 200, "another coding is another tag");
    assert_eq!(questions(&rig), 2);
    rig.board.bump(&TOPIC);
    let asked_again = page(&rig, &["Accept-Encoding: br", &format!("If-None-Match: {tag}")]).await;
    assert_eq!((asked_again.status, questions(&rig)), (304, 3), "a bump by another topic changes no bytes");
    set_page(&rig, &long_page("new"));
    rig.board.bump(&TOPIC);
    assert_eq!(page(&rig, &["Accept-Encoding: br", &format!("If-None-Match: {tag}")]).await.status, 200);
}

#[tokio::test]
async fn the_headers_of_200_and_304_and_head_are_golden() {
    let rig = Rig::start().await;
    set_page(&rig, &long_page("word"));
    let whole = page(&rig, &["Accept-Encoding: gzip"]).await;
    let always = ["access-control-allow-origin", "access-control-expose-headers", "cache-control", "date", "etag"];
    let all = [&["x-content-type-options", "x-request-id", "vary"], &always[..]].concat();
    let names = |more: &[&str]| {
        let mut names: Vec<String> = [&all[..], more].concat().into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(whole.header_names(), names(&["content-encoding", "content-length", "content-type"]));
    assert_eq!(whole.header("vary"), Some("Accept, Accept-Encoding"));
    assert_eq!(whole.header("cache-control"), Some("no-cache"));
    let tag = format!("If-None-Match: {}", whole.header("etag").unwrap());
    let unchanged = page(&rig, &["Accept-Encoding: gzip", &tag]).await;
    assert_eq!((unchanged.status, unchanged.header_names()), (304, names(&[])));
    for name in ["etag", "cache-control", "vary"] {
        assert_eq!(unchanged.header(name), whole.header(name));
    }
    let head = rig.ask(&[&format!("HEAD /{TOPIC}"), JSON, "Accept-Encoding: gzip"]).await;
    assert_eq!((head.status, head.header_names(), head.body.as_str()), (200, whole.header_names(), ""));
    for name in ["etag", "content-length", "content-encoding", "content-type"] {
        assert_eq!(head.header(name), whole.header(name));
    }
    let head = rig.ask(&[&format!("HEAD /{TOPIC}"), JSON, "Accept-Encoding: gzip", &tag]).await;
    assert_eq!((head.status, head.header_names()), (304, names(&[])));
}

#[tokio::test]
async fn memory_stays_bounded_whatever_is_asked_for() {
    let rig = Rig::with(Reads::default(), |all| all.http_front.cache_mib = 1).await;
    set_page(&rig, &"x".repeat(20_000));
    let mut visitor = rig.connect().await;
    for number in 0..500 {
        let topic = Topic::of_address(&number.to_string());
        visitor.send(request(&[&format!("GET /{topic}"), JSON], "")).await;
        assert_eq!(visitor.reply(Body::Expected).await.bytes.len(), 20_000);
    }
    let bytes = rig.metric("cache_bytes");
    assert!((500_000.0..=1_048_576.0).contains(&bytes), "{bytes}");
    let (hits, misses) = (rig.metric(r#"cache_lookups_total{what="answers",found="hit"}"#), 500.0);
    assert_eq!((hits, rig.metric(r#"cache_lookups_total{what="answers",found="miss"}"#)), (0.0, misses));
}

#[tokio::test]
async fn a_comment_is_coded_too_and_named_by_its_id() {
    let rig = Rig::start().await;
    let id = proto::CommentId::of(BLOB);
    let reply = rig.ask(&[&format!("GET /{TOPIC}/{id}"), "Accept-Encoding: gzip, identity;q=0"]).await;
    assert_eq!(
        (plain_again(&reply), reply.header("etag").unwrap()),
        (BLOB.to_vec(), format!("\"{id}-gzip\"").as_str())
    );
    assert_eq!(reply.header("vary"), Some("Accept-Encoding"));
}

#[tokio::test]
async fn counts_come_in_the_order_of_the_topics() {
    let rig = Rig::start().await;
    let other = Topic([0x22; 20]);
    rig.reads.handler.counts.lock().unwrap().extend([(TOPIC, 3), (other, 7)]);
    let reply = rig.post("/counts", &format!(r#"["{other}","{TOPIC}","{other}","{}"]"#, "33".repeat(20))).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "[7,3,7,0]"));
    assert_eq!(
        (reply.header("content-type"), reply.header("cache-control")),
        (Some("application/json"), Some("no-store"))
    );
    let reply = rig.get(&format!("/counts?topics={TOPIC},{other}")).await;
    assert_eq!((reply.body.as_str(), questions(&rig)), ("[3,7]", 1));
    let tag = format!("If-None-Match: {}", reply.header("etag").unwrap());
    assert_eq!(rig.ask(&[&format!("GET /counts?topics={TOPIC},{other}"), &tag]).await.status, 304);
    assert_eq!(rig.post("/counts", "[]").await.body, "[]");
}

#[tokio::test]
async fn of_counts_only_those_that_changed_are_asked_for_again() {
    let rig = Rig::start().await;
    let other = Topic([0x22; 20]);
    rig.get(&format!("/counts?topics={TOPIC},{other}")).await;
    rig.reads.handler.counts.lock().unwrap().insert(other, 1);
    rig.board.bump(&other);
    assert_eq!(rig.get(&format!("/counts?topics={TOPIC},{other}")).await.body, "[0,1]");
    assert_eq!(*rig.reads.handler.counted.lock().unwrap(), [other]);
}

#[tokio::test]
async fn a_list_that_is_none_is_a_problem() {
    let rig = Rig::start().await;
    for body in ["", "{}", "[1]", r#"["x"]"#] {
        let reply = rig.post("/counts", body).await;
        assert_eq!(
            (reply.status, reply.json()["type"].as_str()),
            (400, Some("urn:rookery:problem:bad-topics")),
            "{body}"
        );
    }
    assert_eq!(rig.get("/counts").await.status, 400);
    let too_long = " ".repeat(64 * 1024 + 1);
    assert_eq!(rig.post("/counts", &too_long).await.status, 413);
    assert_eq!(rig.ask(&["DELETE /counts"]).await.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(questions(&rig), 0);
}

#[test]
fn a_request_takes_little_room_in_its_connection() {
    let bytes = super::rig::visit_bytes();
    assert!(bytes <= 3_072, "{bytes} bytes are moved for each request and stay with each connection");
}
