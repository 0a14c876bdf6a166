//! Files: path-gateway, "Response Headers" and "Response Payload"; RFC 9110 for ranges and conditions.

use cid::multihash::Multihash;
use unixfs::{CODEC_RAW, Cid, Kind, Mtime, UnixFs, dag_pb::PbNode};

use crate::support::{Got, World, get};

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

#[test]
fn a_file_is_given_as_its_bytes_whatever_blocks_it_is_made_of() {
    let mut world = World::default();
    let content = noise(4_500);
    let file = world.file(&content);
    let got = get(format!("/ipfs/{}", file.cid)).of(&world);
    assert_eq!((got.status, &got.body[..]), (200, &content[..]));
    assert_eq!(got.header("content-length"), "4500");
    assert_eq!(got.header("accept-ranges"), "bytes");
}

#[test]
fn cache_control_of_ipfs_is_immutable_and_etag_is_the_cid_in_quotes() {
    let mut world = World::default();
    let file = world.file(b"hello");
    let got = get(format!("/ipfs/{}", file.cid)).of(&world);
    assert_eq!(got.header("cache-control"), "public, max-age=29030400, immutable");
    assert_eq!(got.header("etag"), format!("\"{}\"", file.cid));
    assert_eq!(got.header("x-ipfs-path"), format!("/ipfs/{}", file.cid));
    assert_eq!(got.header("last-modified"), "");
}

#[test]
fn x_ipfs_roots_has_the_cid_of_every_path_segment() {
    let mut world = World::default();
    let file = world.file(b"hello");
    let inner = world.split(&[("file", file.into()), ("other", file.into())]);
    let root = world.folder(&[("inner", inner.into())]);
    let got = get(format!("/ipfs/{}/inner/file", root.cid)).of(&world);
    assert_eq!(got.header("x-ipfs-roots"), format!("{},{},{}", root.cid, inner.cid, file.cid));
}

#[test]
fn content_type_is_told_by_the_extension_or_else_by_the_bytes() {
    let mut world = World::default();
    let site = world.site(&[
        ("a.css", b"p{}"),
        ("page.html", b"<p>"),
        ("plain", b"only words"),
        ("notes.txt", b"only words"),
        ("picture", b"\x89PNG\r\n\x1a\n...."),
        ("noise", &[0xfb, 0xfe, 0, 1]),
        ("page", b"<!DOCTYPE html><html>"),
    ]);
    for (name, kind) in [
        ("a.css", "text/css; charset=utf-8"),
        ("page.html", "text/html"),
        ("plain", "text/plain; charset=utf-8"),
        ("notes.txt", "text/plain; charset=utf-8"),
        ("picture", "image/png"),
        ("noise", "application/octet-stream"),
        ("page", "text/html"),
        ("noise?filename=x.pdf", "application/pdf"),
    ] {
        assert_eq!(get(format!("/ipfs/{}/{name}", site.cid)).of(&world).header("content-type"), kind, "{name}");
    }
}

#[test]
fn filename_changes_content_disposition_and_download_makes_it_an_attachment() {
    let mut world = World::default();
    let path = format!("/ipfs/{}", world.file(b"hello").cid);
    let disposition = |query: &str| get(format!("{path}{query}")).of(&world).header("content-disposition").to_owned();
    assert_eq!(disposition(""), "");
    assert_eq!(disposition("?download=true"), "");
    assert_eq!(disposition("?filename=%C3%A4.txt"), "inline; filename=\"_.txt\"; filename*=UTF-8''%C3%A4.txt");
    assert_eq!(disposition("?filename=a&download=true"), "attachment; filename=\"a\"; filename*=UTF-8''a");
}

#[test]
fn a_range_is_answered_with_206_and_only_that_part() {
    let mut world = World::default();
    let content = noise(4_500);
    let ask = get(format!("/ipfs/{}", world.file(&content).cid));
    let range = |value: &str| ask.clone().with("range", value).of(&world);
    for (value, told, part) in [
        ("bytes=0-0", "bytes 0-0/4500", &content[..1]),
        ("bytes=990-2010", "bytes 990-2010/4500", &content[990..2011]),
        ("bytes=4000-", "bytes 4000-4499/4500", &content[4000..]),
        ("bytes=-10", "bytes 4490-4499/4500", &content[4490..]),
        ("bytes=5-6,100-200", "bytes 5-6/4500", &content[5..7]),
    ] {
        let got = range(value);
        assert_eq!((got.status, got.header("content-range"), &got.body[..]), (206, told, part), "{value}");
        assert_eq!(got.header("content-length"), part.len().to_string());
    }
    let beyond = range("bytes=4500-");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */4500"));
    assert_eq!(range("bytes=x").status, 400);
    assert_eq!(range("lines=1-2").status, 200);
}

#[test]
fn a_known_etag_is_answered_with_304_and_no_payload() {
    let mut world = World::default();
    let file = world.file(b"hello");
    let ask = get(format!("/ipfs/{}", file.cid));
    for known in
        [format!("\"{}\"", file.cid), format!("W/\"{}\"", file.cid), format!("\"x\", \"{}\"", file.cid), "*".into()]
    {
        let got = ask.clone().with("if-none-match", known).of(&world);
        assert_eq!((got.status, got.body.len()), (304, 0));
        assert_eq!(got.header("etag"), format!("\"{}\"", file.cid));
        assert_eq!(got.header("cache-control"), "public, max-age=29030400, immutable");
    }
    assert_eq!(ask.clone().with("if-none-match", "\"other\"").of(&world).status, 200);
    assert_eq!(ask.with("if-match", "\"other\"").of(&world).status, 412);
}

#[test]
fn last_modified_is_the_mtime_of_unixfs_and_if_modified_since_is_compared_with_it() {
    let mut world = World::default();
    let mtime = Some(Mtime { seconds: 1_600_000_000, nanoseconds: Some(5) });
    let message =
        UnixFs { mtime, ..UnixFs { content: Some("hi".into()), file_bytes: Some(2), ..UnixFs::new(Kind::File) } };
    let node = PbNode { links: Vec::new(), content: Some(message.encode().into()) };
    let ask = get(format!("/ipfs/{}", world.block(unixfs::CODEC_DAG_PB, node.encode())));
    let got = ask.of(&world);
    assert_eq!((got.header("last-modified"), got.text().as_str()), ("Sun, 13 Sep 2020 12:26:40 GMT", "hi"));
    let since = |date: &str| ask.clone().with("if-modified-since", date).of(&world).status;
    assert_eq!(since("Sun, 13 Sep 2020 12:26:40 GMT"), 304);
    assert_eq!(since("Sun, 13 Sep 2020 12:26:39 GMT"), 200);
}

#[test]
fn head_has_the_headers_of_get_and_no_payload() {
    let mut world = World::default();
    let path = format!("/ipfs/{}", world.file(&noise(4_500)).cid);
    let (head, got) = (get(&path).head().of(&world), get(&path).of(&world));
    assert_eq!((head.status, &head.headers, head.body.len()), (200, &got.headers, 0));
}

#[test]
fn a_symlink_is_given_as_its_target_and_not_followed() {
    let mut world = World::default();
    let (file, link) = (world.file(b"hello"), world.link_to("file"));
    let root = world.folder(&[("file", file.into()), ("link", link)]);
    let got = get(format!("/ipfs/{}/link", root.cid)).of(&world);
    assert_eq!((got.status, got.text().as_str(), got.header("content-type")), (200, "file", "inode/symlink"));
    assert_eq!(get(format!("/ipfs/{}/link/x", root.cid)).of(&world).status, 404);
}

#[test]
fn what_is_not_there_is_404_and_what_cannot_be_is_400() {
    let mut world = World::default();
    let (file, gone) = (world.file(b"hello"), world.file(b"gone"));
    let root = world.folder(&[("file", file.into()), ("gone", gone.into())]);
    world.lose(&gone.cid);
    for (path, status) in [
        (format!("/ipfs/{}/nothing", root.cid), 404),
        (format!("/ipfs/{}/file/below", root.cid), 404),
        (format!("/ipfs/{}/gone", root.cid), 404),
        (format!("/ipfs/{}", gone.cid), 404),
        ("/ipfs/nonsense".to_owned(), 400),
        ("/ipfs/".to_owned(), 400),
        ("/other".to_owned(), 404),
        ("/".to_owned(), 404),
    ] {
        let got = get(&path).of(&world);
        assert_eq!((got.status, got.header("content-type")), (status, "text/plain; charset=utf-8"), "{path}");
        assert_eq!(get(&path).head().of(&world).status, status, "{path}");
    }
}

#[test]
fn a_browser_is_told_of_errors_on_a_page() {
    let got = get("/ipfs/nonsense").with("accept", "text/html,*/*;q=0.8").of(&World::default());
    assert_eq!((got.status, got.header("content-type")), (400, "text/html"));
    assert!(got.text().contains("<h1>400 Bad Request</h1>"), "{}", got.text());
}

#[test]
fn only_if_cached_is_412_when_any_block_would_have_to_be_fetched() {
    let mut world = World::default();
    let (near, far) = (world.file(b"near"), world.file(b"far"));
    let root = world.folder(&[("near", near.into()), ("far", far.into())]);
    world.elsewhere.insert(far.cid);
    let ask = |name: &str| get(format!("/ipfs/{}/{name}", root.cid)).with("cache-control", "only-if-cached").of(&world);
    let statuses = ["near", "far", "nothing"].map(|name| ask(name).status);
    assert_eq!(statuses, [200, 412, 412]);
    assert_eq!(get(format!("/ipfs/{}/far", root.cid)).of(&world).status, 200);
}

#[test]
fn what_is_no_unixfs_is_not_made_up() {
    let mut world = World::default();
    let empty = world.block(unixfs::CODEC_DAG_PB, PbNode::default().encode());
    assert_eq!(get(format!("/ipfs/{empty}")).of(&world).status, 501);
    let raw = world.block(CODEC_RAW, "as it is");
    let got: Got = get(format!("/ipfs/{raw}")).of(&world);
    assert_eq!((got.status, got.text().as_str()), (200, "as it is"));
    let inline = Cid::new_v1(CODEC_RAW, Multihash::wrap(0, b"tiny").unwrap());
    assert_eq!(get(format!("/ipfs/{inline}")).of(&world).text(), "tiny", "a block within its CID");
}
