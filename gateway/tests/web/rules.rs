//! `_redirects`: web-redirects-file (IPIP-290).

use unixfs::Cid;

use crate::support::{Got, World, get};

const RULES: &str = "\
# rules
/old /new.txt
/temporary /new.txt 302
/posts/:year/:name /articles/:name?year=:year 301
/files/* https://example.org/:splat 307
/rewritten /new.txt 200
/gone /gone.html 410
/legal /legal.html 451
/new.txt /never.txt
/app/* /index.html 200
/lost /nothing.html 200
/* /404.html 404
";

fn site(rules: &[u8]) -> (World, Cid) {
    let mut world = World::default();
    let site = world.site(&[
        ("_redirects", rules),
        ("new.txt", b"new"),
        ("index.html", b"index"),
        ("404.html", b"not found here"),
        ("gone.html", b"gone"),
        ("legal.html", b"legal"),
    ]);
    (world, site.cid)
}

fn ask(world: &World, cid: &Cid, path: &str) -> Got {
    get(path).at(format!("{cid}.ipfs.localhost")).of(world)
}

#[test]
fn rules_redirect_with_their_status_and_301_by_default() {
    let (world, cid) = site(RULES.as_bytes());
    for (path, status, to) in [
        ("/old", 301, "/new.txt"),
        ("/old/", 301, "/new.txt"),
        ("/temporary", 302, "/new.txt"),
        ("/posts/2022/hello", 301, "/articles/hello?year=2022"),
        ("/files/a/b", 307, "https://example.org/a/b"),
        ("/old?x=1", 301, "/new.txt?x=1"),
        ("/posts/2022/hello?x=1", 301, "/articles/hello?year=2022&x=1"),
    ] {
        let got = ask(&world, &cid, path);
        assert_eq!((got.status, got.header("location")), (status, to), "{path}");
    }
}

#[test]
fn rules_are_not_evaluated_for_paths_that_exist() {
    let (world, cid) = site(RULES.as_bytes());
    let got = ask(&world, &cid, "/new.txt");
    assert_eq!((got.status, got.text().as_str()), (200, "new"));
}

#[test]
fn status_200_rewrites_and_the_address_stays() {
    let (world, cid) = site(RULES.as_bytes());
    for (path, text) in [("/rewritten", "new"), ("/app/any/thing", "index")] {
        let got = ask(&world, &cid, path);
        assert_eq!((got.status, got.text().as_str()), (200, text), "{path}");
        assert_eq!(got.header("x-ipfs-path"), format!("/ipfs/{cid}{path}"));
    }
    assert_eq!(ask(&world, &cid, "/lost").status, 404);
}

#[test]
fn status_404_410_and_451_give_the_page_with_that_status() {
    let (world, cid) = site(RULES.as_bytes());
    for (path, status, text) in [("/anything", 404, "not found here"), ("/gone", 410, "gone"), ("/legal", 451, "legal")]
    {
        let got = ask(&world, &cid, path);
        assert_eq!(
            (got.status, got.text().as_str(), got.header("content-type")),
            (status, text, "text/html"),
            "{path}"
        );
    }
    let head = get("/gone").at(format!("{cid}.ipfs.localhost")).head().of(&world);
    assert_eq!((head.status, head.body.len()), (410, 0));
}

#[test]
fn rules_are_evaluated_only_where_a_root_has_its_own_origin() {
    let (mut world, cid) = site(RULES.as_bytes());
    assert_eq!(get(format!("/ipfs/{cid}/old")).of(&world).status, 404);
    world.name("example.org", format!("/ipfs/{cid}"), None);
    assert_eq!(get("/old").at("example.org").of(&world).status, 301);
    assert_eq!(get("/ipns/example.org/old").of(&world).status, 404);
}

#[test]
fn rules_are_not_evaluated_for_requests_of_a_format() {
    let (world, cid) = site(RULES.as_bytes());
    assert_eq!(ask(&world, &cid, "/old?format=raw").status, 404);
    assert_eq!(ask(&world, &cid, "/old?format=tar").status, 404);
}

#[test]
fn a_file_that_is_invalid_or_over_64_kib_is_500_and_says_why() {
    let (world, cid) = site(b"/a /b 999\n");
    let got = ask(&world, &cid, "/anything");
    assert!(got.status == 500 && got.text().contains("line 1: status code"), "{}", got.text());
    let (world, cid) = site(&b"# comment\n".repeat(6_554));
    let got = ask(&world, &cid, "/anything");
    assert!(got.status == 500 && got.text().contains("65536"), "{}", got.text());
    let (world, cid) = site(&b"# comment\n".repeat(6_553));
    assert_eq!(ask(&world, &cid, "/anything").status, 404);
}

#[test]
fn a_site_without_rules_is_404() {
    let mut world = World::default();
    let cid = world.site(&[("a", b"a")]).cid;
    assert_eq!(ask(&world, &cid, "/anything").status, 404);
    let inner = world.site(&[("a", b"a")]);
    let odd = world.folder(&[("_redirects", inner.into())]).cid;
    assert_eq!(ask(&world, &odd, "/anything").status, 500);
}

#[test]
fn conditional_requests_see_the_rules_too() {
    let (world, cid) = site(RULES.as_bytes());
    let host = format!("{cid}.ipfs.localhost");
    let got = get("/rewritten").at(&host).of(&world);
    let known = get("/rewritten").at(&host).with("if-none-match", got.header("etag")).of(&world);
    assert_eq!(known.status, 304);
    assert_eq!(get("/old").at(&host).with("if-none-match", "\"x\"").of(&world).status, 301);
}
