//! Names: path-gateway for `/ipns/`, trustless-gateway for records, IPNS and DNSLink.

use gateway::web::{Record, peer_cid};

use crate::support::{World, get};

const KEY: &str = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8";
const PEER: &str = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5";

#[test]
fn a_name_is_content_that_may_change_after_its_ttl() {
    let mut world = World::default();
    let site = world.site(&[("a.txt", b"a")]);
    world.name("example.org", format!("/ipfs/{}", site.cid), Some(300));
    let file = get("/ipns/example.org/a.txt").of(&world);
    assert_eq!((file.status, file.text().as_str()), (200, "a"));
    assert_eq!(file.header("cache-control"), "public, max-age=300");
    assert_eq!(file.header("x-ipfs-path"), "/ipns/example.org/a.txt");
    assert!(file.header("x-ipfs-roots").starts_with(&site.cid.to_string()));
    let list = get("/ipns/example.org/").of(&world);
    assert_eq!(list.header("cache-control"), "public, max-age=300, stale-while-revalidate=2678400");
    let slash = get("/ipns/example.org").of(&world);
    assert_eq!((slash.status, slash.header("location")), (301, "/ipns/example.org/"));
}

#[test]
fn a_name_without_a_known_ttl_has_no_cache_control() {
    let mut world = World::default();
    let site = world.site(&[("a.txt", b"a")]);
    world.name("example.org", format!("/ipfs/{}", site.cid), None);
    assert_eq!(get("/ipns/example.org/a.txt").of(&world).header("cache-control"), "");
    assert_eq!(get("/ipns/example.org/a.txt?format=raw").of(&world).header("cache-control"), "");
}

#[test]
fn a_name_may_lead_below_a_root_and_formats_are_given_of_it_too() {
    let mut world = World::default();
    let inner = world.site(&[("a 100%", b"a")]);
    let root = world.folder(&[("inner", inner.into())]);
    world.name(KEY, format!("/ipfs/{}/inner", root.cid), Some(60));
    let raw = get(format!("/ipns/{KEY}/a%20100%25?format=raw")).of(&world);
    assert_eq!((raw.status, raw.text().as_str(), raw.header("cache-control")), (200, "a", "public, max-age=60"));
    assert_eq!(raw.header("x-ipfs-path"), format!("/ipns/{KEY}/a 100%"));
    let car = get(format!("/ipns/{KEY}?format=car")).of(&world);
    assert_eq!((car.status, car.kind, car.header("x-ipfs-path")), (200, "car", format!("/ipns/{KEY}").as_str()));
}

#[test]
fn a_name_that_leads_nowhere_is_a_failure_to_resolve() {
    assert_eq!(get("/ipns/example.org/").of(&World::default()).status, 500);
    assert_eq!(get(format!("/ipns/{KEY}")).of(&World::default()).status, 500);
}

#[test]
fn a_key_in_base_58_is_redirected_to_its_cid_in_base_36() {
    let world = World::default();
    let got = get(format!("/ipns/{PEER}/a/b?x=1")).of(&world);
    assert_eq!(got.status, 302);
    assert!(got.header("location").starts_with("/ipns/k51") && got.header("location").ends_with("/a/b?x=1"));
    let base_32 = peer_cid(PEER).unwrap().to_string();
    assert_eq!(get(format!("/ipns/{base_32}")).of(&world).status, 302);
}

#[test]
fn a_record_is_given_as_it_was_signed() {
    let mut world = World::default();
    let record = Record { bytes: "signed".into(), ttl_s: Some(300) };
    world.records.insert(peer_cid(KEY).unwrap(), record);
    let got = get(format!("/ipns/{KEY}?format=ipns-record")).of(&world);
    assert_eq!((got.status, got.text().as_str()), (200, "signed"));
    assert_eq!(got.header("content-type"), "application/vnd.ipfs.ipns-record");
    assert_eq!(got.header("cache-control"), "public, max-age=300");
    let name = format!("attachment; filename=\"{KEY}.ipns-record\"; filename*=UTF-8''{KEY}.ipns-record");
    assert_eq!(got.header("content-disposition"), name);
    let known = get(format!("/ipns/{KEY}?format=ipns-record")).with("if-none-match", got.header("etag")).of(&world);
    assert_eq!(known.status, 304);
    let by_accept = get(format!("/ipns/{KEY}")).with("accept", "application/vnd.ipfs.ipns-record").of(&world);
    assert_eq!((by_accept.status, by_accept.text().as_str()), (200, "signed"));
}

#[test]
fn a_record_of_what_is_no_key_or_of_a_path_is_400() {
    let world = World::default();
    for path in [format!("/ipns/{KEY}/a"), "/ipns/example.org".to_owned(), "/ipfs/bafkqaaa".to_owned()] {
        assert_eq!(get(format!("{path}?format=ipns-record")).of(&world).status, 400, "{path}");
    }
}

#[test]
fn links_of_schemes_and_doubled_spaces_are_put_right() {
    let world = World::default();
    let location = |path: &str| {
        let got = get(path).of(&world);
        (got.status, got.header("location").to_owned())
    };
    assert_eq!(location("/ipfs/?uri=ipfs%3A%2F%2Fbafkqaaa%2Fa%3Fx%3D1"), (301, "/ipfs/bafkqaaa/a?x=1".to_owned()));
    assert_eq!(location("/ipfs/?uri=https%3A%2F%2Fexample.org").0, 400);
    assert_eq!(location("/ipfs/ipfs/bafkqaaa/a?x=1"), (301, "/ipfs/bafkqaaa/a?x=1".to_owned()));
    assert_eq!(location("/ipfs/ipns/example.org"), (301, "/ipns/example.org".to_owned()));
    assert_eq!(location("/ipfs/ipfs/nonsense").0, 400);
}

#[test]
fn a_service_worker_may_not_be_registered_for_a_root_of_the_path_gateway() {
    let mut world = World::default();
    let cid = world.site(&[("sw.js", b"")]).cid;
    let ask = |path: String| get(path).with("service-worker", "script").of(&world).status;
    assert_eq!(ask(format!("/ipfs/{cid}")), 400);
    assert_eq!(ask(format!("/ipfs/{cid}/sw.js")), 200);
}
