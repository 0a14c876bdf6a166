//! Formats: path-gateway "format", "Accept", IPIP-402 and 412 (CAR), 523 (`format` beats `Accept`), TAR.

use crate::support::{World, get};

#[test]
fn format_of_the_query_counts_more_than_accept() {
    let mut world = World::default();
    let cid = world.file(b"hello").cid;
    let got = get(format!("/ipfs/{cid}?format=raw")).with("accept", "application/vnd.ipld.car").of(&world);
    assert_eq!((got.status, got.header("content-type")), (200, "application/vnd.ipld.raw"));
    assert_eq!(got.header("content-location"), "");
    let got = get(format!("/ipfs/{cid}")).with("accept", "application/vnd.ipld.raw, */*").of(&world);
    assert_eq!(got.header("content-location"), format!("/ipfs/{cid}?format=raw"));
}

#[test]
fn accept_of_anything_else_is_what_a_browser_gets() {
    let mut world = World::default();
    let cid = world.file(b"hello").cid;
    for accept in ["*/*", "text/html", "image/png, text/plain;q=0.5"] {
        let got = get(format!("/ipfs/{cid}")).with("accept", accept).of(&world);
        assert_eq!((got.status, got.text().as_str()), (200, "hello"), "{accept}");
    }
    assert_eq!(get(format!("/ipfs/{cid}?format=strange")).of(&world).status, 200);
    assert_eq!(get(format!("/ipfs/{cid}")).with("accept", "application/vnd.ipld.strange").of(&world).status, 400);
}

#[test]
fn a_raw_block_and_an_archive_are_those_of_the_trustless_gateway() {
    let mut world = World::default();
    let site = world.site(&[("a", &[7; 2_500])]);
    let raw = get(format!("/ipfs/{}/a?format=raw", site.cid)).of(&world);
    assert_eq!((raw.status, raw.header("x-content-type-options")), (200, "nosniff"));
    assert_eq!(raw.header("x-ipfs-path"), format!("/ipfs/{}/a", site.cid));
    assert_eq!(raw.header("x-ipfs-roots").split(',').count(), 2);
    let car = get(format!("/ipfs/{}/a?format=car&dag-scope=entity", site.cid)).of(&world);
    assert_eq!((car.status, car.kind), (200, "car"));
    assert_eq!(car.header("content-type"), "application/vnd.ipld.car; version=1; order=dfs; dups=n");
    assert!(car.header("etag").starts_with("W/\""));
    assert_eq!(get(format!("/ipfs/{}?format=car&dag-scope=some", site.cid)).of(&world).status, 400);
    assert_eq!(get("/ipfs/bafkqaaa?format=raw").of(&world).status, 200, "the probe of the specification");
}

#[test]
fn a_tar_archive_is_an_attachment_with_a_weak_etag() {
    let mut world = World::default();
    let site = world.site(&[("a", b"a")]);
    let got = get(format!("/ipfs/{}?format=tar", site.cid)).of(&world);
    assert_eq!((got.status, got.kind, got.header("content-type")), (200, "tar", "application/x-tar"));
    assert_eq!(got.header("etag"), format!("W/\"{}.x-tar\"", site.cid));
    let name = format!("attachment; filename=\"{0}.tar\"; filename*=UTF-8''{0}.tar", site.cid);
    assert_eq!(got.header("content-disposition"), name);
    assert_eq!(got.header("cache-control"), "public, max-age=29030400, immutable");
    let known = get(format!("/ipfs/{}?format=tar", site.cid)).with("if-none-match", got.header("etag")).of(&world);
    assert_eq!(known.status, 304);
    let value = world.value(unixfs::CODEC_DAG_CBOR, "{}");
    assert_ne!(get(format!("/ipfs/{value}?format=tar")).of(&world).status, 200);
    assert_eq!(get(format!("/ipfs/{}/x?format=tar", site.cid)).of(&world).status, 404);
}

#[test]
fn every_answer_says_that_it_varies_with_accept() {
    let mut world = World::default();
    let site = world.site(&[("a", b"a")]);
    for path in ["/a", "/", "?format=raw", "?format=tar", "?format=car"] {
        assert_eq!(get(format!("/ipfs/{}{path}", site.cid)).of(&world).header("vary"), "Accept", "{path}");
    }
}
