//! A store that a disk has damaged: a clear reason, nothing overwritten, and a way back.

use std::{fs, path::Path, time::Duration};

use proto::supervision::InstanceState;
use rookery_tests::{comments, setup::Setup, tree::Tree};

const DEADLINE: Duration = Duration::from_secs(60);

/// A tree with 40 comments on one page, stopped.
fn stopped_with_comments(topic: &proto::Topic) -> (Tree, Vec<Vec<u8>>) {
    let mut tree = Tree::start();
    let mut web = tree.web();
    let blobs: Vec<_> =
        (0..40).map(|n| comments::unsigned(topic, n, &format!("number {n} {}", "x".repeat(5_000)))).collect();
    for blob in &blobs {
        comments::post(&mut web, topic, blob);
    }
    tree.stop();
    (tree, blobs)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are text")
}

#[test]
fn a_store_that_was_cut_holds_its_boxes_with_a_reason_that_names_the_salvage() {
    let (mut tree, _) = stopped_with_comments(&comments::topic("cut"));
    let data = tree.folder().join("data/comments/data.mdb");
    let whole = fs::read(&data).expect("a store has data");
    fs::write(&data, &whole[..whole.len() / 2]).expect("it can be written");
    tree.spawn_supervisor();
    for name in ["post-worker.0", "get-worker.0", "ipfs-shim.0"] {
        let held = tree.await_instance(name, DEADLINE, |now| now.state == InstanceState::Held);
        let reason = held.reason.expect("a held box has a reason");
        assert!(reason.contains("salvage"), "{name}: {reason}");
    }
    let check = tree.command(&["store", "check"]);
    assert_eq!(check.code, Some(65), "{}{}", check.out, check.err);
    assert_eq!(fs::read(&data).expect("it is there"), &whole[..whole.len() / 2], "nothing was overwritten");
    assert_eq!(tree.web().get("/health/live").status, 200, "the front lives on");
    assert_eq!(tree.web().get("/health/ready").status, 503);
}

#[test]
fn what_a_damaged_store_still_holds_is_salvaged_into_a_new_one() {
    let topic = comments::topic("salvaged");
    let (mut tree, blobs) = stopped_with_comments(&topic);
    let (store, saved) = (tree.folder().join("data/comments"), tree.folder().join("saved"));
    flip_one_byte_of(&store.join("data.mdb"), &blobs[7]);
    let check = tree.command(&["store", "check"]);
    assert_eq!(check.code, Some(65), "{}{}", check.out, check.err);
    let _ = tree.command(&["store", "salvage", "--into", text(&saved)]).well();

    fs::rename(&store, tree.folder().join("damaged")).expect("it can be moved");
    fs::rename(&saved, &store).expect("it can be moved");
    let _ = tree.command(&["store", "check"]).well();
    tree.up();
    let mut web = tree.web();
    assert_eq!(comments::page(&mut web, &topic, "")["count"], 39, "all but the one that the disk changed");
    for (n, blob) in blobs.iter().enumerate().filter(|(n, _)| *n != 7) {
        let answer = web.get(&format!("/{topic}/{}", proto::CommentId::of(blob))).expect(200);
        assert_eq!(answer.body, *blob, "number {n}");
    }
    comments::post(&mut web, &topic, &blobs[7]);
    assert_eq!(comments::page(&mut web, &topic, "")["count"], 40, "and that one can be posted again");
}

/// Changes a byte of the text of a comment where the store keeps it.
fn flip_one_byte_of(data: &Path, blob: &[u8]) {
    let mut bytes = fs::read(data).expect("a store has data");
    let begins = &blob[..200];
    let places: Vec<_> = (0..bytes.len() - begins.len()).filter(|at| bytes[*at..].starts_with(begins)).collect();
    assert!(!places.is_empty(), "the store keeps blobs as they are");
    for at in places {
        bytes[at + 150] ^= 1;
    }
    fs::write(data, bytes).expect("it can be written");
}

#[test]
fn a_changed_comment_is_an_error_and_never_a_wrong_answer() {
    let topic = comments::topic("changed");
    let (mut tree, blobs) = stopped_with_comments(&topic);
    flip_one_byte_of(&tree.folder().join("data/comments/data.mdb"), &blobs[7]);
    tree.spawn_supervisor();
    // What publishes comments may stop at the damage, if it has not been there before; what reads them goes on.
    tree.await_instance("get-worker.0", DEADLINE, |now| now.state == InstanceState::Running);
    tree.await_instance("http-front.0", DEADLINE, |now| now.state == InstanceState::Running);
    let mut web = tree.web();
    let answer = web.get(&format!("/{topic}/{}", proto::CommentId::of(&blobs[7])));
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains("store check")), "{}", answer.text());
    let _ = web.get(&format!("/{topic}/{}", proto::CommentId::of(&blobs[8]))).expect(200);
}

#[test]
fn a_foreign_folder_in_the_place_of_the_store_is_left_as_it_is() {
    let mut tree = Setup::new().lay_out();
    let place = tree.folder().join("data/comments");
    fs::create_dir_all(&place).expect("it can be made");
    fs::write(place.join("data.mdb"), b"somebody's diary").expect("it can be written");
    tree.spawn_supervisor();
    let held = tree.await_instance("post-worker.0", DEADLINE, |now| now.state == InstanceState::Held);
    assert!(held.reason.is_some_and(|reason| reason.contains("not a comment store")));
    assert_eq!(fs::read(place.join("data.mdb")).expect("it is there"), b"somebody's diary");
}
