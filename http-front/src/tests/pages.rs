//! What people read: the site, the page without JavaScript, the feed.

use proto::{CommentId, LegacyId, Seq, threads::ReadThread};
use serde_json::{Value, json};

use super::{boxes::TOPIC, rig::Rig};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A comment of a page, as `get-worker` writes it.
fn comment(number: u8, headers: &[(&str, &str)], text: &str) -> Value {
    json!({
        "id": CommentId([number; 32]), "legacy_id": LegacyId([number; 20]), "seq": number, "headers": headers,
        "text": text, "signature": "none", "edited_by": null, "deleted": false,
    })
}

async fn rig(comments: &[Value], next: Option<u64>) -> Rig {
    let rig = Rig::start().await;
    let page = json!({
        "topic": TOPIC, "folder": null, "count": comments.len(), "last_seq": 9, "epoch": 9, "next": next, "comments": comments,
    });
    *rig.reads.handler.page.lock().unwrap() = page.to_string().into();
    rig
}

#[tokio::test]
async fn a_browser_gets_the_site_where_a_script_gets_the_root() {
    let rig = Rig::start().await;
    let site = rig.ask(&["GET /", BROWSER]).await;
    assert_eq!((site.status, site.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(site.body.starts_with("<!doctype html>"));
    assert!(site.header("vary").is_some_and(|vary| vary.contains("Accept")));
    let tag = format!("If-None-Match: {}", site.header("etag").unwrap());
    assert_eq!(rig.ask(&["GET /", BROWSER, &tag]).await.status, 304);
    assert_eq!(rig.get("/").await.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn no_document_may_run_or_load_what_a_stranger_wrote() {
    let rig = rig(&[], None).await;
    for path in ["/site/index.html", "/embed", &format!("/t/{TOPIC}")] {
        let reply = rig.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "form-action 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(policy.contains("frame-ancestors 'none'"), path != "/embed", "{path}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
    }
}

#[tokio::test]
async fn what_the_documents_load_is_there() {
    let rig = rig(&[], None).await;
    for path in ["/site/index.html", "/embed", &format!("/t/{TOPIC}")] {
        let document = rig.get(path).await.body;
        let loads = document.split(['"', '\'']).filter(|value| value.trim_start_matches('/').starts_with("site/"));
        let loads: Vec<_> = loads.map(|value| format!("/{}", value.trim_start_matches('/'))).collect();
        assert!(loads.iter().any(|file| file.ends_with(".css")), "{path}: {loads:?}");
        for file in loads {
            assert_eq!(rig.get(&file).await.status, 200, "{path} loads {file}");
        }
    }
}

#[tokio::test]
async fn the_script_of_the_frame_is_a_script() {
    let rig = Rig::start().await;
    let script = rig.get("/embed.js").await;
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    assert_eq!(script.body, rig.get("/site/embed.js").await.body);
    assert_eq!(rig.get("/site/nothing.js").await.status, 404);
    assert_eq!(rig.get("/site/../Cargo.toml").await.status, 404);
}

#[tokio::test]
async fn a_thread_is_a_page_for_people_and_goes_on_where_it_ends() {
    let first = comment(
        1,
        &[("User", "<i>Kim</i>"), ("Date", "2026-11-20T16:47:05.101Z")],
        "<script>1</script>\n\nhttps://a.example",
    );
    let parent = CommentId([1; 32]).to_string();
    let rig = rig(&[first, comment(2, &[("Parent", &parent)], "answer")], Some(8)).await;
    let reply = rig.ask(&[&format!("GET /t/{TOPIC}?after=3&limit=5"), BROWSER]).await;
    assert_eq!(reply.status, 200);
    let asked = rig.reads.handler.asked.lock().unwrap().take();
    assert_eq!(asked, Some(ReadThread { topic: TOPIC, after: Some(Seq(3)), limit: 5 }));
    let parts = [
        "&lt;i&gt;Kim&lt;/i&gt;",
        "&lt;script&gt;1&lt;/script&gt;",
        r#"<a href="https://a.example" rel="nofollow ugc noopener">https://a.example</a>"#,
        r#"<time datetime="2026-11-20T16:47:05.101Z">2026-11-20 16:47 UTC</time>"#,
        &format!(r#"<ol class="replies"><li class="branch"><article class="comment" id="{}""#, LegacyId([2; 20])),
        &format!(r#"<link rel="canonical" href="http://test/t/{TOPIC}?after=3&amp;limit=5">"#),
        &format!(r#"href="/t/{TOPIC}?after=8&amp;limit=5""#),
        &format!(r#"href="/t/{TOPIC}?limit=5""#),
    ];
    for part in parts {
        assert!(reply.body.contains(part), "no {part} in {}", reply.body);
    }
    assert!(!reply.body.contains("<script") && !reply.body.contains("<i>"), "{}", reply.body);
    let tag = format!("If-None-Match: {}", reply.header("etag").unwrap());
    assert_eq!(rig.ask(&[&format!("GET /t/{TOPIC}?after=3&limit=5"), BROWSER, &tag]).await.status, 304);
}

#[tokio::test]
async fn a_deleted_comment_leaves_its_place_to_its_replies() {
    let mut deleted = comment(1, &[], "");
    deleted["text"] = Value::Null;
    deleted["deleted"] = json!(true);
    let parent = LegacyId([1; 20]).to_string();
    let rig = rig(&[deleted, comment(2, &[("Parent", &parent)], "answer")], None).await;
    let page = rig.get(&format!("/t/{TOPIC}")).await.body;
    assert!(page.contains("Deleted by its author") && page.contains("answer"), "{page}");
    let feed = rig.get(&format!("/{TOPIC}/feed")).await.body;
    assert_eq!(feed.matches("<entry>").count(), 1, "{feed}");
}

#[tokio::test]
async fn a_feed_is_atom_and_is_sent_once() {
    let rig = rig(&[comment(1, &[("User", "Kim"), ("Date", "2026-11-20T16:47:05Z")], "a < b")], None).await;
    let path = format!("/{TOPIC}/feed");
    let reply = rig.get(&path).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/atom+xml; charset=utf-8")));
    let document = roxmltree::Document::parse(&reply.body).unwrap();
    let text = |name| document.descendants().find(|node| node.has_tag_name(name)).and_then(|node| node.text());
    let atom = |name| ("http://www.w3.org/2005/Atom", name);
    assert_eq!((text(atom("name")), text(atom("content"))), (Some("Kim"), Some("a < b")));
    assert_eq!(text(atom("updated")), Some("2026-11-20T16:47:05Z"));
    let tag = format!("If-None-Match: {}", reply.header("etag").unwrap());
    let again = rig.ask(&[&format!("GET {path}"), &tag]).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
}
