//! Folders of topics as archives: enough for a client that trusts nobody.

use std::time::Duration;

use proto::Topic;
use rookery_tests::{
    comments::{self, Author},
    http::{Answer, Client},
    kubo::{Kubo, Profile},
    multipart,
    tree::Tree,
    wait,
};

const CAR: [(&str, &str); 1] = [("Accept", "application/vnd.ipld.car")];
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(30);
/// More than a flat folder holds, and more than one piece.
const MANY: u32 = 3_400;

fn archive(web: &mut Client, topic: &Topic) -> Answer {
    web.ask("GET", &format!("/{topic}"), &CAR, b"").expect(200)
}

fn folder(web: &mut Client, topic: &Topic) -> String {
    web.get(&format!("/{topic}")).expect(200).text().trim().to_owned()
}

/// Comments by many clients at once.
fn say(tree: &Tree, topic: &Topic, count: u32, text: &str) {
    const CLIENTS: u32 = 8;
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let mut web = tree.web();
            scope.spawn(move || {
                for n in (client..count).step_by(CLIENTS as usize) {
                    comments::post(&mut web, topic, &comments::unsigned(topic, 0, &format!("{text} {n}")));
                }
            });
        }
    });
}

#[test]
fn a_folder_that_was_just_made_is_served_and_is_the_archive_of_its_topic() {
    let tree = Tree::start();
    let (mut web, author, topic) = (tree.web(), Author::number(1), comments::topic("just now"));
    for round in 0..5 {
        let blob = author.says(&topic, round, &format!("number {round}"));
        let kept = comments::post(&mut web, &topic, &blob);
        let folder = folder(&mut web, &topic);
        let by_topic = archive(&mut web, &topic);
        assert_eq!(by_topic.header("etag"), format!("\"{folder}.car\""));
        // At once, though the daemon is told of new comments once a second.
        let by_cid = web.get(&format!("/ipfs/{folder}?format=car")).expect(200);
        assert_eq!(by_cid.body, by_topic.body);
        assert_eq!(by_cid.header("content-type"), by_topic.header("content-type"));
        let file = web.get(&format!("/ipfs/{folder}/{}?format=raw", kept.legacy_id)).expect(200);
        assert_eq!(file.body, blob);
        assert_eq!(web.get(&format!("/ipfs/{}?format=raw", kept.id)).expect(200).body, blob);
        let root = web.get("/").expect(200).text();
        let _ = web.get(&format!("/ipfs/{}?format=car&dag-scope=block", root.trim())).expect(200);
    }
    let nowhere = web.get("/ipfs/bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e?format=raw").expect(404);
    assert!(nowhere.took < Duration::from_secs(1), "nothing was on its way: {:?}", nowhere.took);
}

#[test]
fn an_archive_is_asked_for_like_any_page() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("like any"));
    assert_eq!(web.ask("GET", &format!("/{topic}"), &CAR, b"").status, 404);
    comments::post(&mut web, &topic, &comments::unsigned(&topic, 0, "hello"));
    let whole = archive(&mut web, &topic);
    assert_eq!(whole.header("content-type"), "application/vnd.ipld.car; version=1; order=dfs; dups=n");
    assert!(whole.header("vary").contains("Accept"));
    let head = web.ask("HEAD", &format!("/{topic}"), &CAR, b"").expect(200);
    assert_eq!((head.header("etag"), head.body.len()), (whole.header("etag"), 0));
    let known = [CAR[0], ("If-None-Match", whole.header("etag"))];
    assert_eq!(web.ask("GET", &format!("/{topic}"), &known, b"").status, 304);
    comments::post(&mut web, &topic, &comments::unsigned(&topic, 1, "again"));
    assert_ne!(web.ask("GET", &format!("/{topic}"), &known, b"").expect(200).header("etag"), whole.header("etag"));
}

#[test]
fn kubo_imports_the_archive_of_a_topic_and_finds_everything() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("proved by Kubo"));
    say(&tree, &topic, MANY, &"long ".repeat(60));
    let (folder, car) = (folder(&mut web, &topic), archive(&mut web, &topic));
    assert_eq!(car.header("x-ipfs-roots"), folder);
    let known = [CAR[0], ("If-None-Match", car.header("etag"))];
    assert_eq!(web.ask("GET", &format!("/{topic}"), &known, b"").status, 304);
    let by_cid = wait::until("the daemon has all of it", CAUGHT_UP_WITHIN, || {
        web.try_ask("GET", &format!("/ipfs/{folder}?format=car"), &[], b"").ok().filter(|answer| answer.status == 200)
    });
    assert!(by_cid.body == car.body, "{} bytes, {} bytes", by_cid.body.len(), car.body.len());
    let Some(mut kubo) = Kubo::or_skip("Kubo imports the archive of a topic", Profile::AsItComes) else { return };
    let mut rpc = kubo.start();
    let (kind, form) = (multipart::content_type(), multipart::Form::of(&car.body));
    let imported = rpc.ask("POST", "/api/v0/dag/import", &[("Content-Type", &kind)], &form).expect(200);
    assert_eq!(imported.json_lines()[0]["Root"]["PinErrorMsg"], "", "{}", imported.text());
    let _ = kubo.run(&["dag", "stat", &folder]);
    let listed = kubo.run(&["ls", "--size=false", &folder]);
    assert_eq!(listed.lines().count(), MANY as usize);
    let blob = comments::unsigned(&topic, 0, &format!("{} {}", "long ".repeat(60), 7));
    let file = rpc.post(&format!("/api/v0/cat?arg={folder}/{}", proto::LegacyId::of(&blob)), b"").expect(200);
    assert_eq!(file.body, blob);
}

#[test]
fn the_archive_of_a_topic_needs_no_ipfs_daemon() {
    let tree = Tree::start();
    let (mut web, topic) = (tree.web(), comments::topic("without a daemon"));
    let _ = tree.command(&["stop", "ipfs-node"]).well();
    say(&tree, &topic, 200, &"words ".repeat(800));
    let (folder, car) = (folder(&mut web, &topic), archive(&mut web, &topic));
    assert!(car.body.len() > 200 * 4_800);
    let refused = web.get(&format!("/ipfs/{folder}?format=car")).expect(503);
    assert_eq!(refused.header("retry-after"), "1");
    let _ = tree.command(&["start", "ipfs-node"]).well();
    let by_cid = wait::until("the daemon has all of it", CAUGHT_UP_WITHIN, || {
        web.try_ask("GET", &format!("/ipfs/{folder}?format=car"), &[], b"").ok().filter(|answer| answer.status == 200)
    });
    assert!(by_cid.body == car.body);
}
