//! Publishing and resolving, with a network of a single map.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use ipns::{Compatibility, KeyKind, KeyPair, Name};
use tempfile::TempDir;

use super::*;
use crate::names::resolve::ResolveError;

const CONTENT: &str = "/ipfs/bafkqac3jobxhgidsn5rww4yk";

#[derive(Default)]
struct Map(RefCell<HashMap<Vec<u8>, Vec<u8>>>);

impl Values for Map {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ValueFault> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: Vec<u8>) -> Result<Put, ValueFault> {
        self.0.borrow_mut().insert(key.to_vec(), value);
        Ok(Put::There)
    }

    fn texts(&self, domain: &str) -> Result<Vec<String>, ValueFault> {
        let text = self.0.borrow().get(domain.as_bytes()).cloned();
        Ok(text.into_iter().map(|text| String::from_utf8(text).unwrap()).collect())
    }
}

/// A network that nobody answers in.
struct Nobody;

impl Values for Nobody {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, ValueFault> {
        Err(ValueFault("nobody answers".to_owned()))
    }

    fn put(&self, _: &[u8], _: Vec<u8>) -> Result<Put, ValueFault> {
        Err(ValueFault("nobody answers".to_owned()))
    }

    fn texts(&self, _: &str) -> Result<Vec<String>, ValueFault> {
        Err(ValueFault("nobody answers".to_owned()))
    }
}

fn key(seed: u8) -> KeyPair {
    KeyPair::generate(KeyKind::Ed25519, &[seed; 32]).unwrap()
}

fn names(seed: u8) -> (TempDir, Names) {
    let folder = tempfile::tempdir().unwrap();
    let names = open(&folder, seed, "");
    (folder, names)
}

fn open(folder: &TempDir, seed: u8, map: &str) -> Names {
    Names::with_links(folder.path(), key(seed), map).unwrap()
}

fn to(value: &str) -> Publication {
    Publication {
        value: value.to_owned(),
        lifetime: Duration::from_secs(3600),
        ttl: Duration::from_secs(60),
        compatibility: Compatibility::V1AndV2,
        sequence: None,
    }
}

fn path(name: &Name) -> String {
    format!("/ipns/{name}")
}

fn sequence(names: &Names, name: &Name) -> u64 {
    names.record_here(name).unwrap().unwrap().sequence().unwrap()
}

#[test]
fn what_one_node_publishes_another_resolves_through_the_network() {
    let ((_a, ours), (_b, theirs), network) = (names(1), names(2), Map::default());
    let name = ours.publish(ours.own(), &to(CONTENT), Draw::Everywhere, Some(&network)).unwrap();
    let below = format!("{}/a/b", path(&name));
    let resolved = theirs.resolve(&below, Depth::WHOLE, Kept::Believed, Some(&network)).unwrap();
    assert_eq!(resolved, format!("{CONTENT}/a/b"));
}

#[test]
fn the_sequence_grows_with_the_value_and_only_then() {
    let (_folder, names) = names(1);
    let publish = |publication: &Publication| names.publish(names.own(), publication, Draw::Here, None);
    let name = publish(&to(CONTENT)).unwrap();
    assert_eq!(sequence(&names, &name), 0);
    publish(&to(CONTENT)).unwrap();
    assert_eq!(sequence(&names, &name), 0);
    publish(&to("/ipfs/bafkqaaa")).unwrap();
    assert_eq!(sequence(&names, &name), 1);
    publish(&Publication { sequence: Some(7), ..to(CONTENT) }).unwrap();
    assert_eq!(sequence(&names, &name), 7);
    let refused = publish(&Publication { sequence: Some(7), ..to("/ipfs/bafkqaaa") });
    assert!(matches!(refused, Err(PublishError::Sequence)));
}

#[test]
fn a_key_that_was_used_elsewhere_goes_on_from_the_sequence_that_the_network_has() {
    let ((_a, old), (_b, new), network) = (names(1), names(1), Map::default());
    old.publish(old.own(), &Publication { sequence: Some(41), ..to(CONTENT) }, Draw::Everywhere, Some(&network))
        .unwrap();
    let name = new.publish(new.own(), &to("/ipfs/bafkqaaa"), Draw::Everywhere, Some(&network)).unwrap();
    assert_eq!(sequence(&new, &name), 42);
}

#[test]
fn a_record_is_there_after_a_restart_and_without_a_network() {
    let (folder, first) = names(1);
    let name = first.publish(first.own(), &to(CONTENT), Draw::Here, None).unwrap();
    drop(first);
    let again = open(&folder, 1, "");
    assert_eq!(again.resolve(&path(&name), Depth::WHOLE, Kept::Believed, None).unwrap(), CONTENT);
    assert_eq!(again.resolve(&path(&name), Depth::WHOLE, Kept::PassedBy, Some(&Nobody)).unwrap(), CONTENT);
}

#[test]
fn a_network_that_fails_is_told_but_the_record_is_kept() {
    let (_folder, names) = names(1);
    let failed = names.publish(names.own(), &to(CONTENT), Draw::Everywhere, Some(&Nobody));
    assert!(matches!(failed, Err(PublishError::Network(_))));
    assert_eq!(sequence(&names, &names.own().name()), 0);
}

#[test]
fn a_record_is_believed_for_its_time_and_asked_for_again_when_told_to() {
    let ((_a, ours), (_b, theirs), network) = (names(1), names(2), Map::default());
    let name = ours.publish(ours.own(), &to(CONTENT), Draw::Everywhere, Some(&network)).unwrap();
    let resolve = |kept| theirs.resolve(&path(&name), Depth::WHOLE, kept, Some(&network)).unwrap();
    assert_eq!(resolve(Kept::Believed), CONTENT);
    ours.publish(ours.own(), &to("/ipfs/bafkqaaa"), Draw::Everywhere, Some(&network)).unwrap();
    assert_eq!(resolve(Kept::Believed), CONTENT);
    assert_eq!(resolve(Kept::PassedBy), "/ipfs/bafkqaaa");
}

#[test]
fn names_may_point_to_names_but_not_in_a_circle() {
    let (_folder, names) = names(1);
    let other = key(3);
    let first = names.publish(names.own(), &to(&format!("/ipns/{}/x", other.name())), Draw::Here, None).unwrap();
    names.publish(&other, &to(CONTENT), Draw::Here, None).unwrap();
    let resolve = |depth| names.resolve(&path(&first), depth, Kept::Believed, None);
    assert_eq!(resolve(Depth::WHOLE).unwrap(), format!("{CONTENT}/x"));
    assert_eq!(resolve(Depth::ONE).unwrap(), format!("/ipns/{}/x", other.name()));
    names.publish(&other, &to(&path(&first)), Draw::Here, None).unwrap();
    assert_eq!(resolve(Depth::WHOLE), Err(ResolveError::Deep));
}

#[test]
fn a_domain_points_where_the_map_says() {
    let folder = tempfile::tempdir().unwrap();
    let names = open(&folder, 1, &format!("a.example:{CONTENT},b.example:/ipns/a.example/x"));
    let resolve = |path| names.resolve(path, Depth::WHOLE, Kept::Believed, None);
    assert_eq!(resolve("/ipns/b.example/y").unwrap(), format!("{CONTENT}/x/y"));
    assert!(matches!(resolve("/ipns/c.example"), Err(ResolveError::Domain { .. })));
    assert!(matches!(resolve("/ipns/nonsense"), Err(ResolveError::Name(_))));
    assert!(matches!(resolve("/ipns/"), Err(ResolveError::NoName(_))));
}

#[test]
fn a_domain_that_the_map_does_not_have_is_asked_for_in_dns() {
    let ((_folder, names), network) = (names(1), Map::default());
    network.put(b"_dnslink.c.example.", format!("dnslink={CONTENT}").into_bytes()).unwrap();
    let resolve = |path| names.resolve(path, Depth::WHOLE, Kept::Believed, Some(&network));
    assert_eq!(resolve("/ipns/c.example/x").unwrap(), format!("{CONTENT}/x"));
    let refused = resolve("/ipns/d.example").unwrap_err().to_string();
    assert!(refused.starts_with("DNSLink lookup for \"d.example.\" failed: could not resolve name: "), "{refused}");
}

#[test]
fn a_name_that_nobody_published_points_nowhere() {
    let (_folder, names) = names(1);
    let nowhere = path(&key(9).name());
    let resolve = |network| names.resolve(&nowhere, Depth::WHOLE, Kept::Believed, network);
    assert_eq!(resolve(None), Err(ResolveError::Nowhere));
    assert!(matches!(resolve(Some(&Nobody)), Err(ResolveError::Fault(_))));
}

#[test]
fn the_key_of_a_name_that_is_a_hash_is_handed_to_the_network_too() {
    let ((_folder, names), network) = (names(1), Map::default());
    let rsa = KeyPair::import(ipns::KeyFormat::Pem, include_bytes!("../../../ipns/tests/fixtures/rsa.pem")).unwrap();
    let name = names.publish(&rsa, &to(CONTENT), Draw::Here, Some(&network)).unwrap();
    let key = [b"/pk/", &name.to_bytes()[..]].concat();
    assert_eq!(network.get(&key).unwrap(), Some(rsa.public().encode()));
}

#[test]
fn keys_are_found_by_what_they_are_kept_under_and_by_their_name() {
    let (_folder, names) = names(1);
    names.keys.put("mine", &key(2)).unwrap();
    for text in ["mine", &key(2).name().to_string(), &key(2).name().peer_id()] {
        assert_eq!(names.find_key(text).unwrap().name(), key(2).name(), "{text}");
    }
    for text in [SELF, &key(1).name().to_string()] {
        assert_eq!(names.find_key(text).unwrap().name(), key(1).name(), "{text}");
    }
    assert!(matches!(names.find_key("yours"), Err(PublishError::NoName)));
    assert!(matches!(names.find_key(&key(3).name().peer_id()), Err(PublishError::NoKey)));
}
