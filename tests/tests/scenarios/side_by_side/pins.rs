//! `pin/*`, `repo/*`: what is kept, and what is collected.

use std::{collections::BTreeSet, time::Duration};

use rookery_tests::{http::Answer, kubo::Profile, wait};
use serde_json::Value;

use super::{Call, NOWHERE, Pair, added, folder};

/// The pins among these, whatever else Kubo has pinned by itself.
fn pins(answer: &Answer, among: &[String]) -> Vec<Value> {
    let lines = answer.clone().expect(200).json_lines();
    let mut pins: Vec<_> = lines.into_iter().filter(|pin| among.iter().any(|cid| pin["Cid"] == cid.as_str())).collect();
    pins.sort_by_cached_key(Value::to_string);
    pins
}

#[test]
fn pins_are_made_listed_moved_and_removed_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: pin/*", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1&pin=false").form(folder())));
    let sub = pair.same_path(&format!("ls?arg={dir}")).json()["Objects"][0]["Links"][2]["Hash"]
        .as_str()
        .expect("a hash")
        .to_owned();
    let other = added(&pair.same(&Call::new("add?cid-version=1&pin=false").file(b"another root")));
    let among = [dir.clone(), sub.clone(), other.clone()];

    pair.same_path(&format!("pin/add?arg={dir}"));
    pair.same_path(&format!("pin/add?arg={dir}"));
    pair.same_path(&format!("pin/ls?arg={dir}"));
    pair.same_path(&format!("pin/ls?arg={sub}"));
    pair.same_path(&format!("pin/ls?arg={dir}&arg={sub}&stream=true"));
    pair.same_path(&format!("pin/ls?arg={sub}&type=recursive"));
    pair.same_path(&format!("pin/rm?arg={sub}"));
    pair.same_path(&format!("pin/add?arg={dir}&recursive=false"));
    for kind in ["recursive", "direct", "indirect", "all"] {
        let (ours, kubos) = pair.both(&Call::new(&format!("pin/ls?type={kind}&stream=true")));
        assert_eq!(pins(&ours, &among), pins(&kubos, &among), "{kind}");
        let (ours, kubos) = pair.both(&Call::new(&format!("pin/ls?type={kind}")));
        for cid in &among {
            assert_eq!(ours.json()["Keys"][cid], kubos.json()["Keys"][cid], "{kind} {cid}");
        }
    }
    pair.same_path(&format!("pin/update?arg={dir}&arg={other}"));
    pair.same_path(&format!("pin/update?arg={dir}&arg={other}"));
    pair.same_path(&format!("pin/update?arg={other}&arg={dir}&unpin=false"));
    pair.same_path(&format!("pin/update?arg={NOWHERE}&arg={dir}"));
    pair.same_path(&format!("pin/rm?arg={other}&arg={dir}"));
    pair.same_path(&format!("pin/rm?arg={other}"));
    pair.same_path(&format!("pin/ls?arg={dir}"));
    pair.same_path(&format!("pin/add?arg={other}&recursive=false"));
    pair.same_path(&format!("pin/ls?arg={other}"));
    pair.same_path(&format!("pin/rm?arg={other}&recursive=false"));
    pair.same_path(&format!("pin/add?arg={dir}&name=a+name"));
    pair.same_path(&format!("pin/ls?arg={dir}&names=true"));
}

const DEADLINE: Duration = Duration::from_secs(30);
/// The empty folder's hash, as a collection names it.
const EMPTY_FOLDER_AS_RAW: &str = "bafkreiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354";

/// What a collection removed, as Kubo names it: every block by the CIDv1 (raw) of its hash.
fn collected(answer: Answer) -> BTreeSet<String> {
    let lines = answer.expect(200).json_lines();
    lines.iter().map(|line| line["Key"]["/"].as_str().expect("a CID").to_owned()).collect()
}

/// Has both collect, ours until `wanted` is among it: what is younger than a request that is still open, and be it by a
/// moment, is left to the next collection.
fn collect(pair: &mut Pair, wanted: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let call = Call::new("repo/gc");
    let kubos = collected(call.ask(&mut pair.kubos));
    let mut ours = BTreeSet::new();
    wait::until("all of it is collected", DEADLINE, || {
        ours.extend(collected(call.ask(&mut pair.ours)));
        ours.contains(wanted).then_some(())
    });
    (ours, kubos)
}

/// The CIDv1 (raw) with the same hash.
fn as_raw(cid: &str) -> String {
    let cid: proto::Cid = cid.parse().expect("a CID");
    proto::CommentId(cid.0.hash().digest().try_into().expect("sha2-256")).to_string()
}

#[test]
fn what_nothing_pins_is_collected_alike() {
    let Some(mut pair) = Pair::or_skip("side by side: repo/gc", Profile::AsItComes) else { return };
    let dir = added(&pair.same(&Call::new("add?cid-version=1").form(folder())));
    let stray = added(&pair.same(&Call::new("add?cid-version=1&pin=false").file(b"nobody wants this")));
    let (_, kubos) = collect(&mut pair, &stray);
    assert!(kubos.contains(&stray), "{kubos:?}");
    pair.same_path(&format!("block/stat?arg={stray}"));
    pair.same_path(&format!("cat?arg={dir}/sub/b.txt"));

    pair.same_path(&format!("pin/rm?arg={dir}"));
    // Only what was pinned until now is left to be removed, by either; the empty folder is still pinned in Kubo.
    let (mut ours, kubos) = collect(&mut pair, &as_raw(&dir));
    ours.remove(EMPTY_FOLDER_AS_RAW);
    assert_eq!(ours, kubos);
    pair.same_path(&format!("cat?arg={dir}/a.txt"));
    pair.same_path(&format!("block/stat?arg={dir}"));
}

#[test]
fn the_repository_is_described_in_the_same_members() {
    let Some(mut pair) = Pair::or_skip("side by side: repo/stat", Profile::AsItComes) else { return };
    pair.same(&Call::new("repo/stat").masking(&["RepoSize", "StorageMax", "NumObjects", "RepoPath", "Version"]));
    pair.same(&Call::new("repo/stat?size-only=true").masking(&["RepoSize", "StorageMax"]));
}
