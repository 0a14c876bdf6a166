//! `block/*`: the same ids, the same refusals.

use rookery_tests::{kubo::Profile, multipart::Form};

use super::{Call, NOWHERE, Pair, added, folder, noise};

#[test]
fn blocks_are_put_under_the_same_ids() {
    let Some(mut pair) = Pair::or_skip("side by side: block/put", Profile::AsItComes) else { return };
    let flags = [
        "",
        "cid-codec=raw",
        "cid-codec=dag-pb",
        "cid-codec=dag-cbor",
        "format=v0",
        "mhtype=sha2-512",
        "pin=true",
        "mhtype=sha2-256&mhlen=32",
    ];
    for flags in flags {
        pair.same(&Call::new(&format!("block/put?{flags}")).file(b"hello\n"));
    }
    let many = (0..50).fold(Form::new(), |form, n| form.file(&format!("{n}"), &noise(n))).end();
    pair.same(&Call::new("block/put").form(many));
    pair.same(&Call::new("block/put").file(&noise(2 * 1024 * 1024)));
    pair.same(&Call::new("block/put").file(&noise(2 * 1024 * 1024 + 1)));
    pair.same(&Call::new("block/put?allow-big-block=true").file(&noise(2 * 1024 * 1024 + 1)));
}

#[test]
fn blocks_are_read_and_removed_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: block/get, stat, rm", Profile::AsItComes) else { return };
    let put = pair.same(&Call::new("block/put").file(b"to be removed"));
    let block = put.json()["Key"].as_str().expect("a key").to_owned();
    for command in ["get", "stat"] {
        pair.same_path(&format!("block/{command}?arg={block}"));
        pair.same_path(&format!("block/{command}?arg=/ipfs/{block}"));
        pair.same_path(&format!("block/{command}?arg=bafkqaaa"));
    }
    for flags in [
        format!("arg={NOWHERE}"),
        format!("arg={NOWHERE}&force=true"),
        format!("arg={block}&arg={NOWHERE}"),
        format!("arg={block}"),
    ] {
        pair.same_path(&format!("block/rm?{flags}"));
    }
    pair.same_path(&format!("block/get?arg={block}"));
}

#[test]
fn a_block_that_is_pinned_is_not_removed() {
    let Some(mut pair) = Pair::or_skip("side by side: block/rm of what is pinned", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1").form(folder())));
    let listed = pair.same_path(&format!("ls?arg={dir}")).json();
    let child = listed["Objects"][0]["Links"][0]["Hash"].as_str().expect("a hash").to_owned();
    for cid in [&dir, &child] {
        pair.same_path(&format!("block/rm?arg={cid}"));
        pair.same_path(&format!("block/rm?arg={cid}&quiet=true"));
        pair.same_path(&format!("block/rm?arg={cid}&force=true"));
    }
}
