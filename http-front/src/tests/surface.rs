//! Every row of the table of requests and answers.

use std::sync::atomic::Ordering::SeqCst;

use daemon::bus::AskError;
use proto::{CommentId, LegacyId, RequestId, Seq, posts::PostError, threads::ReadThread};

use super::{
    boxes::{BLOB, DELETED, Reads, TOPIC, folder},
    client::Reply,
    rig::Rig,
};

fn assert_problem(reply: &Reply, status: u16, slug: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let json = reply.json();
    assert_eq!(json["type"], format!("urn:rookery:problem:{slug}"));
    assert_eq!(json["status"], status);
    assert_eq!(json["instance"], reply.header("x-request-id").unwrap());
    assert!(json["title"].is_string() && json["detail"].is_string());
}

#[tokio::test]
async fn the_root_is_a_cid_and_a_line_feed() {
    let rig = Rig::start().await;
    let reply = rig.get("/").await;
    assert_eq!((reply.status, reply.body), (200, format!("{}\n", folder())));
}

#[tokio::test]
async fn a_topic_is_the_cid_of_its_folder() {
    let rig = Rig::start().await;
    let reply = rig.get(&format!("/{TOPIC}")).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, format!("{}\n", folder()));
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"));
    let tag = reply.header("etag").unwrap();
    let again = rig.ask(&[&format!("GET /{TOPIC}"), &format!("If-None-Match: {tag}")]).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}

#[tokio::test]
async fn a_topic_without_comments_has_no_folder() {
    let reply = Rig::start().await.get(&format!("/{}", "22".repeat(20))).await;
    assert_problem(&reply, 404, "no-comments");
    assert_eq!(reply.header("vary"), Some("Accept"));
}

#[tokio::test]
async fn who_likes_json_gets_the_page_as_the_worker_made_it() {
    let rig = Rig::start().await;
    *rig.reads.handler.page.lock().unwrap() = r#"{"comments":[]}"#.into();
    let reply = rig.ask(&[&format!("GET /{TOPIC}?after=3&limit=5000"), "Accept: application/json"]).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"comments":[]}"#));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("vary"), Some("Accept, Accept-Encoding"));
    let asked = rig.reads.handler.asked.lock().unwrap().take();
    assert_eq!(asked, Some(ReadThread { topic: TOPIC, after: Some(Seq(3)), limit: 1_000 }));
}

#[tokio::test]
async fn a_bad_number_in_the_address_is_a_problem() {
    let reply = Rig::start().await.get(&format!("/{TOPIC}?limit=ten")).await;
    assert_problem(&reply, 400, "bad-parameter");
}

#[tokio::test]
async fn a_posted_comment_is_receipted_and_posted_twice_it_is_the_same() {
    let rig = Rig::start().await;
    let first = rig.post(&format!("/{TOPIC}"), "User: b\n\nnew").await;
    let id = CommentId::of(b"User: b\n\nnew");
    assert_eq!(first.status, 201);
    assert_eq!(first.header("location"), Some(format!("/{TOPIC}/{id}").as_str()));
    let legacy = LegacyId::of(b"User: b\n\nnew");
    assert_eq!(first.body, format!(r#"{{"id":"{id}","legacy_id":"{legacy}","seq":1,"epoch":9}}"#));
    let second = rig.post(&format!("/{TOPIC}"), "User: b\n\nnew").await;
    assert_eq!((second.status, second.body), (200, first.body));
    assert_eq!(rig.writes.handler.kept.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refused_comment_says_why() {
    let rig = Rig::start().await;
    let rows = [
        (PostError::TooLarge { bytes: 2, limit_bytes: 1 }, 413, "too-large"),
        (PostError::DiskFull, 507, "disk-full"),
        (PostError::Busy, 503, "busy"),
        (PostError::Store("torn".to_owned()), 500, "store-failed"),
    ];
    for (refusal, status, slug) in rows {
        *rig.writes.handler.refusal.lock().unwrap() = Some(refusal);
        let reply = rig.post(&format!("/{TOPIC}"), "x").await;
        assert_problem(&reply, status, slug);
        assert_eq!(reply.header("retry-after").is_some(), status == 503);
    }
}

#[tokio::test]
async fn a_comment_is_its_blob_by_either_id_for_ever() {
    let rig = Rig::start().await;
    let (id, legacy) = (CommentId::of(BLOB), LegacyId::of(BLOB));
    for path in [format!("/{TOPIC}/{id}"), format!("/{TOPIC}/{legacy}")] {
        let reply = rig.get(&path).await;
        assert_eq!((reply.status, reply.body.as_bytes()), (200, BLOB));
        assert_eq!(reply.header("etag"), Some(format!("\"{id}\"").as_str()));
        assert_eq!(reply.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    }
    assert_problem(&rig.get(&format!("/{TOPIC}/{DELETED}")).await, 410, "deleted");
    assert_problem(&rig.get(&format!("/{TOPIC}/{}", "ee".repeat(20))).await, 404, "unknown-comment");
}

#[tokio::test]
async fn other_servers_can_follow_what_arrives() {
    let rig = Rig::start().await;
    let reply = rig.get("/changes?after=6&limit=1").await;
    let change = format!(r#"{{"seq":7,"topic":"{TOPIC}","id":"{}"}}"#, CommentId::of(BLOB));
    assert_eq!(reply.body, format!(r#"{{"epoch":9,"last_seq":40,"told_seq":7,"changes":[{change}]}}"#));
    assert_eq!(rig.get("/changes").await.json()["told_seq"], 1);
}

#[tokio::test]
async fn a_tree_is_ready_when_comments_can_be_read_and_written() {
    let rig = Rig::start().await;
    assert_eq!(rig.get("/health/ready").await.status, 200);
    rig.writes.live.store(0, SeqCst);
    let reply = rig.get("/health/ready").await;
    assert_problem(&reply, 503, "not-ready");
    assert!(reply.body.contains("post-worker") && !reply.body.contains("get-worker"), "{}", reply.body);
    assert_eq!(rig.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_box_that_does_not_answer_is_worth_another_try() {
    let rig = Rig::start().await;
    for error in [AskError::Busy, AskError::TimedOut, AskError::NobodyThere] {
        rig.reads.fails_with(error);
        let reply = rig.get("/").await;
        assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    }
}

#[tokio::test]
async fn the_version_is_json() {
    let reply = Rig::start().await.get("/version").await;
    assert_eq!(reply.json()["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let reply = Rig::start().await.get("/metrics").await;
    assert_eq!(reply.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(reply.body.ends_with("# EOF\n"));
}

#[tokio::test]
async fn scripts_of_every_origin_may_ask() {
    let rig = Rig::start().await;
    let preflight = rig.ask(&[&format!("OPTIONS /{TOPIC}"), "Access-Control-Request-Headers: x-a, x-b"]).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-a, x-b"));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(preflight.header("access-control-max-age"), Some("86400"));
    assert_eq!(rig.ask(&["OPTIONS *"]).await.status, 204);
    for lines in ["GET /", "GET /nothing", "GET /metrics", "DELETE /", "OPTIONS /", "HEAD /version"] {
        let reply = rig.ask(&[lines]).await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{lines}");
        assert!(reply.header("access-control-expose-headers").unwrap().contains("ETag"), "{lines}");
        assert!(reply.header("x-request-id").is_some(), "{lines}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_told_those_it_has() {
    let rig = Rig::start().await;
    let reply = rig.ask(&[&format!("DELETE /{TOPIC}")]).await;
    assert_problem(&reply, 405, "method-not-allowed");
    assert_eq!(reply.header("allow"), Some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(rig.ask(&["POST /"]).await.header("allow"), Some("GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let rig = Rig::start().await;
    let paths = ["/".to_owned(), format!("/{TOPIC}"), "/version".to_owned(), "/nothing".to_owned()];
    for path in paths {
        let (head, get) = (rig.ask(&[&format!("HEAD {path}")]).await, rig.get(&path).await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(head.header("content-length"), get.header("content-length"));
        assert_eq!(head.header("etag"), get.header("etag"));
    }
}

#[tokio::test]
async fn the_request_id_that_a_visitor_sees_is_the_one_that_boxes_see() {
    let rig = Rig::start().await;
    let reply = rig.get("/").await;
    let seen: RequestId = reply.header("x-request-id").unwrap().parse().unwrap();
    assert_eq!(*rig.reads.requests.lock().unwrap(), [seen]);
}

#[tokio::test]
async fn a_large_page_arrives_whole() {
    let rig = Rig::with(Reads::default(), |_| {}).await;
    let page = format!("\"{}\"", "x".repeat(512 * 1024));
    *rig.reads.handler.page.lock().unwrap() = page.clone().into();
    let reply = rig.ask(&[&format!("GET /{TOPIC}"), "Accept: application/json"]).await;
    assert_eq!(reply.body, page);
}
