//! Folders: path-gateway, "Directory index" and redirects that add a slash.

use crate::support::{World, get};

#[test]
fn a_folder_without_a_slash_is_redirected_to_one_with_it_and_keeps_its_query() {
    let mut world = World::default();
    let root = world.site(&[("a", b"a")]);
    let got = get(format!("/ipfs/{}?x=1%2F2", root.cid)).of(&world);
    assert_eq!((got.status, got.header("location")), (301, format!("/ipfs/{}/?x=1%2F2", root.cid).as_str()));
    let inner = world.folder(&[("a b", root.into())]);
    let got = get(format!("/ipfs/{}/a%20b", inner.cid)).of(&world);
    assert_eq!(got.header("location"), format!("/ipfs/{}/a%20b/", inner.cid));
    let go = get(format!("/ipfs/{}?go-get=1", root.cid)).of(&world);
    assert_eq!(go.status, 200);
}

#[test]
fn index_html_is_given_in_place_of_a_list_with_the_tag_of_the_folder() {
    let mut world = World::default();
    let root = world.site(&[("index.html", b"<h1>hi</h1>"), ("other", b"x")]);
    let got = get(format!("/ipfs/{}/", root.cid)).of(&world);
    assert_eq!((got.status, got.text().as_str()), (200, "<h1>hi</h1>"));
    assert_eq!(got.header("content-type"), "text/html");
    assert_eq!(got.header("etag"), format!("\"{}\"", root.cid));
    assert_eq!(got.header("cache-control"), "public, max-age=29030400, immutable");
    let known = get(format!("/ipfs/{}/", root.cid)).with("if-none-match", got.header("etag")).of(&world);
    assert_eq!(known.status, 304);
    let part = get(format!("/ipfs/{}/", root.cid)).with("range", "bytes=4-5").of(&world);
    assert_eq!((part.status, part.text().as_str()), (206, "hi"));
}

#[test]
fn a_list_has_every_entry_and_a_tag_of_its_own_that_does_not_last_for_ever() {
    let mut world = World::default();
    let file = world.file(b"x");
    let entries: Vec<(String, unixfs::Link)> = (0..50).map(|at| (format!("entry {at}"), file.into())).collect();
    let entries: Vec<(&str, unixfs::Link)> = entries.iter().map(|(name, link)| (name.as_str(), *link)).collect();
    for root in [world.folder(&entries), world.split(&entries)] {
        let got = get(format!("/ipfs/{}/", root.cid)).of(&world);
        assert_eq!((got.status, got.kind, got.header("content-type")), (200, "folder", "text/html"));
        let page = got.text();
        for at in 0..50 {
            assert!(page.contains(&format!("href=\"/ipfs/{}/entry%20{at}\"", root.cid)), "{page}");
        }
        let tag = got.header("etag");
        assert!(tag.starts_with("\"DirIndex-") && tag.ends_with(&format!("_CID-{}\"", root.cid)), "{tag}");
        assert_eq!(got.header("cache-control"), "public, max-age=604800, stale-while-revalidate=2678400");
        let known = get(format!("/ipfs/{}/", root.cid)).with("if-none-match", tag).of(&world);
        assert_eq!((known.status, known.header("etag")), (304, tag));
        assert_eq!(known.header("cache-control"), "public, max-age=604800, stale-while-revalidate=2678400");
    }
}

#[test]
fn head_of_a_list_reads_none_of_it() {
    let mut world = World::default();
    let root = world.site(&[("a", b"a")]);
    let got = get(format!("/ipfs/{}/", root.cid)).head().of(&world);
    assert_eq!((got.status, got.kind, got.body.len(), got.header("content-type")), (200, "whole", 0, "text/html"));
}

#[test]
fn an_index_html_that_is_a_folder_is_422() {
    let mut world = World::default();
    let inner = world.site(&[("a", b"a")]);
    let root = world.folder(&[("index.html", inner.into())]);
    assert_eq!(get(format!("/ipfs/{}/", root.cid)).of(&world).status, 422);
}

#[test]
fn names_of_any_letters_are_found_and_listed() {
    let mut world = World::default();
    let root = world.site(&[("ź & <b> #?%", b"odd")]);
    let page = get(format!("/ipfs/{}/", root.cid)).of(&world).text();
    let address =
        page.split("href=\"").find(|part| part.contains("%C5%BA")).unwrap().split('"').next().unwrap().to_owned();
    let got = get(address.replace("&amp;", "&")).of(&world);
    assert_eq!((got.status, got.text().as_str()), (200, "odd"));
}

#[test]
fn a_redirect_never_leads_to_another_host() {
    let mut world = World::default();
    let root = world.site(&[("a", b"a")]);
    let cid = root.cid;
    let got = get(format!("//ipfs/{cid}")).of(&world);
    assert!(!got.header("location").starts_with("//"), "{:?}", got.headers);
}
