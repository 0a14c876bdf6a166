//! Folder CIDs are those of the exported tree, by real IPFS software; an import gives the same ones again.

use std::path::{Path, PathBuf};

use proto::{AnyId, Topic};
use rookery_tests::{
    comments::{self, Author},
    kubo::{Kubo, Profile},
    tree::Tree,
};

/// A flat folder of so many comments would have more than 256 KiB: an entry takes 85 bytes of its block.
const ENOUGH_FOR_A_HAMT: u32 = 3_300;
const CLIENTS: u32 = 8;

fn export(tree: &Tree) -> PathBuf {
    let place = tree.folder().join("exported");
    let _ = tree.command(&["export", place.to_str().expect("test paths are text")]).well();
    place
}

/// `<2>/<2>/<36>`
fn folder_of(exported: &Path, topic: &Topic) -> PathBuf {
    let hex = topic.to_string();
    exported.join(&hex[..2]).join(&hex[2..4]).join(&hex[4..])
}

fn root(tree: &Tree) -> String {
    tree.web().get("/").expect(200).text().trim().to_owned()
}

fn folder(tree: &Tree, topic: &Topic) -> String {
    tree.web().get(&format!("/{topic}")).expect(200).text().trim().to_owned()
}

/// A tree with edits, deletions, several small topics, and one that needs a HAMT.
fn varied(large: &Topic) -> Tree {
    let tree = Tree::start();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let mut web = tree.web();
            scope.spawn(move || {
                for n in (client..ENOUGH_FOR_A_HAMT).step_by(CLIENTS as usize) {
                    comments::post(&mut web, large, &comments::unsigned(large, 0, &format!("number {n}")));
                }
            });
        }
    });
    let (mut web, author) = (tree.web(), Author::number(1));
    for n in 0..30 {
        let topic = comments::topic(&format!("small {n}"));
        let kept = comments::post(&mut web, &topic, &author.says(&topic, 1, "Hello"));
        match n % 3 {
            0 => drop(comments::post(&mut web, &topic, &author.edits(&topic, AnyId::Comment(kept.id), 2, "Better"))),
            1 => drop(comments::post(&mut web, &topic, &author.deletes(&topic, AnyId::Legacy(kept.legacy_id), 2))),
            _ => drop(comments::post(&mut web, &topic, &comments::unsigned(&topic, 2, &"x".repeat(15_000)))),
        }
    }
    tree
}

#[test]
fn folders_have_the_cids_that_kubo_gives_the_exported_tree_and_an_import_gives_them_again() {
    let large = comments::topic("large");
    let tree = varied(&large);
    let exported = export(&tree);

    let other = Tree::start();
    let imported = other.command(&["import", exported.to_str().expect("test paths are text")]).well();
    assert_eq!(root(&other), root(&tree), "{}{}", imported.out, imported.err);
    assert_eq!(folder(&other, &large), folder(&tree, &large));
    let deleted = comments::topic("small 1");
    assert_eq!(
        comments::page(&mut other.web(), &deleted, "")["count"],
        comments::page(&mut tree.web(), &deleted, "")["count"]
    );

    let again = other.command(&["import", exported.to_str().expect("test paths are text")]).well();
    assert_eq!(root(&other), root(&tree), "importing twice changes nothing: {}", again.out);

    let Some(kubo) = Kubo::or_skip("folders have the CIDs that Kubo gives", Profile::UnixfsV1) else { return };
    assert_eq!(root(&tree), kubo.only_hash(&exported));
    assert_eq!(folder(&tree, &large), kubo.only_hash(&folder_of(&exported, &large)), "a HAMT");
    for n in 0..3 {
        let small = comments::topic(&format!("small {n}"));
        assert_eq!(folder(&tree, &small), kubo.only_hash(&folder_of(&exported, &small)), "small {n}");
    }
}

#[test]
fn the_exported_tree_holds_the_bytes_that_were_posted_under_their_legacy_ids() {
    let tree = Tree::start();
    let topic = comments::topic("plain files");
    let blobs: Vec<_> = (0..5).map(|n| comments::unsigned(&topic, n, &format!("number {n}"))).collect();
    for blob in &blobs {
        comments::post(&mut tree.web(), &topic, blob);
    }
    let folder = folder_of(&export(&tree), &topic);
    assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), blobs.len());
    for blob in &blobs {
        let file = folder.join(proto::LegacyId::of(blob).to_string());
        assert_eq!(std::fs::read(&file).ok().as_ref(), Some(blob), "{}", file.display());
    }
}

#[test]
fn the_order_of_arrival_does_not_change_the_root() {
    let topic = comments::topic("any order");
    let author = Author::number(1);
    let first = author.says(&topic, 1, "one");
    let target = AnyId::Comment(proto::CommentId::of(&first));
    let deletion = author.deletes(&topic, target, 2);
    let blobs = [first, comments::unsigned(&topic, 3, "two"), deletion, author.says(&topic, 4, "three")];
    let orders = [[0, 1, 2, 3], [2, 3, 1, 0], [3, 0, 2, 1]];
    let roots = orders.map(|order| {
        let tree = Tree::start();
        let mut web = tree.web();
        for n in order {
            let _ = web.post(&format!("/{topic}"), &blobs[n]);
        }
        root(&tree)
    });
    assert_eq!(roots[0], roots[1]);
    assert_eq!(roots[0], roots[2]);
}
