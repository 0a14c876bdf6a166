//! Hosts: subdomain-gateway and dnslink-gateway.

use cid::multihash::Multihash;
use unixfs::{Cid, Version};

use crate::support::{Got, World, get};

fn world() -> (World, Cid) {
    let mut world = World::default();
    let site = world.site(&[("a.txt", b"a"), ("b c", b"b")]);
    (world, site.cid)
}

fn location(got: &Got) -> (u16, &str) {
    (got.status, got.header("location"))
}

#[test]
fn a_path_at_a_subdomain_gateway_is_redirected_to_the_roots_own_host() {
    let (world, cid) = world();
    let got = get(format!("/ipfs/{cid}/b%20c?x=1")).at("localhost:8080").of(&world);
    assert_eq!(location(&got), (301, format!("http://{cid}.ipfs.localhost:8080/b%20c?x=1").as_str()));
    let got = get(format!("/ipfs/{cid}/")).at("dweb.link").with("x-forwarded-proto", "https").of(&world);
    assert_eq!(location(&got), (301, format!("https://{cid}.ipfs.dweb.link/").as_str()));
    let got = get(format!("/ipfs/{cid}/a.txt")).with("x-forwarded-host", "dweb.link").of(&world);
    assert_eq!(location(&got), (301, format!("http://{cid}.ipfs.dweb.link/a.txt").as_str()));
    assert_eq!(get(format!("/ipfs/{cid}/a.txt")).at("127.0.0.1:8080").of(&world).status, 200);
    assert_eq!(get("/other").at("localhost:8080").of(&world).status, 404);
}

#[test]
fn content_is_given_below_its_own_host() {
    let (world, cid) = world();
    let host = format!("{cid}.ipfs.localhost:8080");
    let got = get("/a.txt").at(&host).of(&world);
    assert_eq!((got.status, got.text().as_str()), (200, "a"));
    assert_eq!(got.header("x-ipfs-path"), format!("/ipfs/{cid}/a.txt"));
    let list = get("/").at(&host).of(&world);
    let page = list.text();
    assert!(page.contains("href=\"/a.txt\"") && page.contains("//localhost:8080/ipfs/"), "{page}");
    assert_eq!(get("/a.txt?format=raw").at(&host).of(&world).header("content-type"), "application/vnd.ipld.raw");
    assert_eq!(get("/").at(format!("{cid}.other.localhost")).of(&world).status, 404);
}

#[test]
fn a_cid_of_version_0_becomes_one_of_version_1_for_hosts_know_no_capitals() {
    let mut world = World::default();
    let cid = world.block(unixfs::CODEC_DAG_PB, vec![0x0a, 0x02, 0x08, 0x01]);
    let old = Cid::new_v0(*cid.hash()).unwrap();
    assert_eq!(old.version(), Version::V0);
    let got = get(format!("/ipfs/{old}/")).at("localhost").of(&world);
    assert_eq!(location(&got), (301, format!("http://{cid}.ipfs.localhost/").as_str()));
}

#[test]
fn a_cid_too_long_for_a_label_is_written_in_base_36_or_refused() {
    let world = World::default();
    let long = Cid::new_v1(unixfs::CODEC_RAW, Multihash::wrap(0x13, &[7; 64]).unwrap());
    let refused = get(format!("/ipfs/{long}/")).at("localhost").of(&world);
    assert!(refused.status == 400 && refused.text().contains("too long for the name of a host"), "{}", refused.text());
    // An ed25519 key: 65 letters in base 32, 62 in base 36.
    let key = "bafzaajaiaejcbpltl72da5f3y7ojrtsa7hsfn5bbnkjbkwyesziqqtdry6vjilku";
    let got = get(format!("/ipns/{key}/")).at("localhost").of(&world);
    assert_eq!(got.status, 301);
    let label = got.header("location").trim_start_matches("http://").split('.').next().unwrap();
    assert!(label.starts_with("k51") && label.len() <= 63, "{label}");
}

#[test]
fn a_root_has_one_host_whatever_spelling_was_asked_for() {
    let (world, cid) = world();
    let file = cid.to_string_of_base(cid::multibase::Base::Base16Lower).unwrap();
    let got = get("/a.txt").at(format!("{file}.ipfs.localhost")).of(&world);
    assert_eq!(location(&got), (301, format!("http://{cid}.ipfs.localhost/a.txt").as_str()));
}

#[test]
fn a_domain_with_a_dnslink_is_a_host_of_its_own() {
    let (mut world, cid) = world();
    world.name("docs.example.org", format!("/ipfs/{cid}"), Some(60));
    let got = get("/a.txt").at("docs.example.org").of(&world);
    assert_eq!((got.status, got.text().as_str(), got.header("cache-control")), (200, "a", "public, max-age=60"));
    assert_eq!(got.header("x-ipfs-path"), "/ipns/docs.example.org/a.txt");
    let list = get("/").at("docs.example.org:8080").of(&world).text();
    assert!(list.contains("href=\"/a.txt\"") && !list.contains("/ipfs/baf"), "no other roots below this host: {list}");
    assert_eq!(get("/a.txt").at("other.example.org").of(&world).status, 404);
    assert_eq!(get(format!("/ipfs/{cid}/a.txt")).at("other.example.org").of(&world).status, 200);
}

#[test]
fn a_dnslink_at_a_subdomain_gateway_is_one_label_where_certificates_need_it() {
    let (mut world, cid) = world();
    world.name("my.v-long.example.com", format!("/ipfs/{cid}"), None);
    let plain = get("/ipns/my.v-long.example.com/a.txt").at("dweb.link").of(&world);
    assert_eq!(location(&plain), (301, "http://my.v-long.example.com.ipns.dweb.link/a.txt"));
    let secure = get("/ipns/my.v-long.example.com/a.txt").at("dweb.link").with("x-forwarded-proto", "https").of(&world);
    assert_eq!(location(&secure), (301, "https://my-v--long-example-com.ipns.dweb.link/a.txt"));
    for host in ["my.v-long.example.com.ipns.dweb.link", "my-v--long-example-com.ipns.dweb.link"] {
        let got = get("/a.txt").at(host).of(&world);
        assert_eq!((got.status, got.header("x-ipfs-path")), (200, "/ipns/my.v-long.example.com/a.txt"), "{host}");
    }
}

#[test]
fn a_service_worker_may_be_registered_where_a_root_has_its_own_host() {
    let (world, cid) = world();
    let got = get("/a.txt").at(format!("{cid}.ipfs.localhost")).with("service-worker", "script").of(&world);
    assert_eq!(got.status, 200);
}

#[test]
fn a_domain_is_looked_for_only_here_when_the_client_wants_only_what_is_here() {
    let (mut world, cid) = world();
    world.name("docs.example.org", format!("/ipfs/{cid}"), Some(60));
    world.names_elsewhere.insert("docs.example.org".to_owned());
    let ask = get("/a.txt").at("docs.example.org");
    assert_eq!(ask.clone().of(&world).status, 200);
    assert_eq!(ask.with("cache-control", "only-if-cached").of(&world).status, 404);
}
