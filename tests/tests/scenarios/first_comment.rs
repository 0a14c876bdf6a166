//! The main job: a comment goes through all boxes and comes back as it was written.

use proto::{AnyId, LegacyId, record::Draft};
use rookery_tests::{
    comments::{self, Author, Receipt},
    setup::Setup,
    tree::Tree,
};
use serde_json::{Value, json};

/// The folder without an entry, by the profile `unixfs-v1-2025`.
const EMPTY_FOLDER: &str = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354";

#[test]
fn a_comment_is_posted_and_read_back_signed_or_not() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("first"));
    assert_eq!(web.get("/").expect(200).text(), format!("{EMPTY_FOLDER}\n"));
    let _ = web.get(&format!("/{topic}")).expect(404);

    let plain = comments::unsigned(&topic, 1, "Hello\n\n\ttwo paragraphs, \"quoted\", 日本語 😀");
    let signed = Author::number(1).says(&topic, 2, "Signed words");
    let first = comments::post(&mut web, &topic, &plain);
    let second = comments::post(&mut web, &topic, &signed);
    assert_eq!((first.seq, second.seq, first.epoch), (1, 2, second.epoch));

    let folder = web.get(&format!("/{topic}")).expect(200).text();
    let headers = |second: u8| {
        let date = format!("2026-11-20T12:00:{second:02}Z");
        vec![json!(["Date", date]), json!(["User", "Kim Example"]), json!(["Parent", topic.to_string()])]
    };
    let text = String::from_utf8(signed.clone()).expect("a comment is text");
    let line = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        json!([name, found.expect("a signed comment has it")])
    };
    let expected = json!({
        "topic": topic.to_string(), "folder": folder.trim(), "count": 2, "last_seq": 2, "epoch": first.epoch, "next": null,
        "comments": [
            entry(&first, &headers(1), "Hello\n\n\ttwo paragraphs, \"quoted\", 日本語 😀", "none"),
            entry(&second, &[vec![line("Signature"), line("Public-Key")], headers(2)].concat(), "Signed words", "valid"),
        ],
    });
    assert_eq!(comments::page(&mut web, &topic, ""), expected);
    for (receipt, blob) in [(&first, &plain), (&second, &signed)] {
        for id in [receipt.id.to_string(), receipt.legacy_id.to_string()] {
            assert_eq!(web.get(&format!("/{topic}/{id}")).expect(200).body, *blob);
        }
    }
}

fn entry(receipt: &Receipt, headers: &[Value], text: &str, signature: &str) -> Value {
    json!({
        "id": receipt.id.to_string(), "legacy_id": receipt.legacy_id.to_string(), "seq": receipt.seq, "headers": headers,
        "text": text, "signature": signature, "edited_by": null, "deleted": false,
    })
}

#[test]
fn an_edit_takes_the_place_of_a_comment_and_a_deletion_removes_it() {
    let tree = Tree::start();
    let (mut web, topic, author) = (tree.web(), comments::topic("edited"), Author::number(1));
    let before = author.says(&topic, 1, "Said badly");
    let kept = comments::post(&mut web, &topic, &before);
    let edit = comments::post(&mut web, &topic, &author.edits(&topic, AnyId::Comment(kept.id), 2, "Said better"));

    let page = comments::page(&mut web, &topic, "");
    assert_eq!((&page["count"], &page["last_seq"]), (&json!(1), &json!(2)));
    let shown = &page["comments"][0];
    assert_eq!((&shown["id"], &shown["text"]), (&json!(kept.id.to_string()), &json!("Said better")));
    assert_eq!(shown["edited_by"], edit.id.to_string());
    assert_eq!(page["comments"].as_array().map(Vec::len), Some(1));
    assert_eq!(web.get(&format!("/{topic}/{}", kept.id)).expect(200).body, before, "the blob never changes");

    let folder = web.get(&format!("/{topic}")).expect(200).text();
    comments::post(&mut web, &topic, &author.deletes(&topic, AnyId::Legacy(kept.legacy_id), 3));
    let page = comments::page(&mut web, &topic, "");
    let shown = &page["comments"][0];
    assert_eq!((&shown["deleted"], &shown["text"]), (&json!(true), &Value::Null));
    assert_ne!(web.get(&format!("/{topic}")).expect(200).text(), folder, "the folder no longer holds it");
    for id in [kept.id.to_string(), kept.legacy_id.to_string()] {
        let gone = web.get(&format!("/{topic}/{id}")).expect(410);
        assert_eq!(gone.header("content-type"), "application/problem+json");
    }
    let again = web.post(&format!("/{topic}"), &before);
    assert!(matches!(again.status, 200 | 400 | 410), "{}", again.text());
    let _ = web.get(&format!("/{topic}/{}", kept.id)).expect(410);
}

#[test]
fn nobody_can_edit_or_delete_somebody_elses_comment() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("mine"));
    let kept = comments::post(&mut web, &topic, &Author::number(1).says(&topic, 1, "Mine"));
    let (stranger, target) = (Author::number(2), AnyId::Comment(kept.id));
    for blob in [stranger.edits(&topic, target, 2, "Yours"), stranger.deletes(&topic, target, 2)] {
        let refused = web.post(&format!("/{topic}"), &blob).expect(400);
        assert!(
            refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("Public-Key")),
            "{}",
            refused.text()
        );
    }
    let page = comments::page(&mut web, &topic, "");
    assert_eq!((&page["last_seq"], &page["comments"][0]["text"]), (&json!(1), &json!("Mine")));
}

#[test]
fn a_signed_comment_cannot_be_replayed_into_another_page_that_it_names() {
    let tree = Tree::start();
    let (mut web, here, there) = (tree.web(), comments::topic("here"), comments::topic("there"));
    let draft = Draft::new().header("Date", "2026-11-20T12:00:00Z").header("Topic", &here.to_string());
    let blob = Author::number(1).signs(draft, "Only here");
    let refused = web.post(&format!("/{there}"), &blob).expect(400).json();
    assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("Topic")), "{refused}");
    comments::post(&mut web, &here, &blob);
}

#[test]
fn a_comment_that_is_posted_twice_gets_the_same_receipt_and_is_there_once() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("twice"));
    let blob = comments::unsigned(&topic, 0, "Once");
    let first = web.post(&format!("/{topic}"), &blob).expect(201);
    let second = web.post(&format!("/{topic}"), &blob).expect(200);
    assert_eq!(first.body, second.body);
    assert_eq!(first.header("location"), format!("/{topic}/{}", Receipt::of(&first).id));
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(comments::page(&mut web, &topic, "")["count"], 1);
}

#[test]
fn the_pages_of_a_thread_follow_each_other_to_the_end() {
    let tree = Tree::start();
    let (mut web, topic, other) = (tree.web(), comments::topic("long"), comments::topic("other"));
    for n in 0..60 {
        comments::post(&mut web, &topic, &comments::unsigned(&topic, n, &format!("number {n}")));
        comments::post(&mut web, &other, &comments::unsigned(&other, n, "elsewhere"));
    }
    let first = comments::page(&mut web, &topic, "");
    assert_eq!(first["comments"].as_array().map(Vec::len), Some(25), "25 unless told otherwise");
    assert_eq!((&first["count"], &first["last_seq"]), (&json!(60), &json!(119)));
    assert_eq!(first["next"], first["comments"][24]["seq"]);
    let next = first["next"].as_u64().expect("there is more");
    let second = comments::page(&mut web, &topic, &format!("?after={next}&limit=35"));
    assert_eq!((&second["comments"][0]["text"], &second["next"]), (&json!("number 25"), &Value::Null));
    assert_eq!(comments::page(&mut web, &topic, "?after=119")["comments"], json!([]));
    let all = comments::page(&mut web, &topic, "?limit=50000");
    assert_eq!(all["comments"].as_array().map(Vec::len), Some(60), "clamped, not refused");
    let texts: Vec<_> =
        all["comments"].as_array().into_iter().flatten().map(|comment| comment["text"].clone()).collect();
    assert_eq!(texts, (0..60).map(|n| json!(format!("number {n}"))).collect::<Vec<_>>(), "oldest first");
}

#[test]
fn pages_of_the_longest_comments_are_closed_by_their_bytes() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("large"));
    for n in 0..60 {
        let blob = comments::unsigned(&topic, n, &"\"".repeat(16_000));
        comments::post(&mut web, &topic, &blob);
    }
    let page = web.ask("GET", &format!("/{topic}?limit=1000"), &[("Accept", "application/json")], b"").expect(200);
    assert!(page.body.len() <= proto::threads::PAGE_BYTES, "{}", page.body.len());
    assert!(page.json()["next"].is_u64());
    assert_eq!(comments::thread(&mut web, &topic).len(), 60);
}

#[test]
fn unsigned_comments_are_refused_where_the_operator_wants_so() {
    let tree = Setup::new().with("[post-worker]\nunsigned = \"refuse\"\n").start();
    let (mut web, topic) = (tree.web(), comments::topic("strict"));
    let refused = web.post(&format!("/{topic}"), &comments::unsigned(&topic, 0, "Who am I?")).expect(400);
    assert!(refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("ign")), "{}", refused.text());
    comments::post(&mut web, &topic, &Author::number(1).says(&topic, 0, "I am"));
}

#[test]
fn comments_of_old_clients_are_kept_as_they_are() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("old"));
    let folder = rookery_tests::sources::root().join("proto/fixtures/records");
    for name in ["unsigned.txt", "signed.txt", "postmark.txt", "wide.txt"] {
        let blob = std::fs::read(folder.join(name)).expect("a fixture");
        comments::post(&mut web, &topic, &blob);
        assert_eq!(web.get(&format!("/{topic}/{}", LegacyId::of(&blob))).expect(200).body, blob, "{name}");
    }
}

#[test]
fn two_trees_with_different_directories_run_side_by_side() {
    let trees = [Tree::start(), Tree::start()];
    let topic = comments::topic("both");
    for (n, tree) in trees.iter().enumerate() {
        comments::post(&mut tree.web(), &topic, &comments::unsigned(&topic, 0, &format!("tree {n}")));
    }
    for (n, tree) in trees.iter().enumerate() {
        let page = comments::page(&mut tree.web(), &topic, "");
        assert_eq!((&page["count"], &page["comments"][0]["text"]), (&json!(1), &json!(format!("tree {n}"))));
    }
}

#[test]
fn comments_are_there_after_a_clean_stop() {
    let mut tree = Tree::start();
    let topic = comments::topic("overnight");
    let blob = comments::unsigned(&topic, 0, "Good night");
    let kept = comments::post(&mut tree.web(), &topic, &blob);
    let before = comments::page(&mut tree.web(), &topic, "");
    tree.stop();
    tree.up();
    let mut web = tree.web();
    assert_eq!(comments::page(&mut web, &topic, ""), before);
    assert_eq!(web.get(&format!("/{topic}/{}", kept.id)).expect(200).body, blob);
    let next = comments::post(&mut web, &topic, &comments::unsigned(&topic, 1, "Good morning"));
    assert_eq!((next.seq, next.epoch), (kept.seq + 1, kept.epoch));
}
