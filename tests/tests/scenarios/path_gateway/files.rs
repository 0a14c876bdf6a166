//! Files, parts of files, conditions, folders, and what is refused.

use super::{Content, Pair, get};

const NOWHERE: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
const RFC: &str = "RFC 9110";

/// Every file of the tree, by path.
const NAMES: [&str; 20] = [
    "words",
    "noise",
    "nothing",
    "page.html",
    "style.css",
    "script.js",
    "value.json",
    "notes.txt",
    "picture.png",
    "picture",
    "drawing.svg",
    "machine.wasm",
    "paper.pdf",
    "paper",
    "page",
    "bytes",
    "plain/a.txt",
    "plain/b%20b.txt",
    "plain/deep/er/c.txt",
    "indexed/other.txt",
];

pub(super) fn files(pair: &mut Pair, content: &Content) {
    let Content { small, file, old, empty, tree, split, timed, .. } = content;
    for cid in [small, file, old, empty, timed, &"bafkqaaa".to_owned()] {
        let _ = pair.is(200, &get(format!("/ipfs/{cid}")));
        let _ = pair.is(200, &get(format!("/ipfs/{cid}")).head());
    }
    for name in NAMES {
        let _ = pair.is(200, &get(format!("/ipfs/{tree}/{name}")));
        let _ = pair.is(200, &get(format!("/ipfs/{tree}/{name}")).head());
    }
    for name in [".hidden", "link", "%C5%BA%20%C3%B3%20%23%3F%2541%26+%3B%2C%40%3D.txt"] {
        let _ = pair.is(200, &get(format!("/ipfs/{tree}/{name}")));
    }
    for number in [0, 7, 299] {
        let _ = pair.is(200, &get(format!("/ipfs/{split}/number%20{number}")));
    }
    for query in [
        "?filename=x.pdf",
        "?filename=x.pdf&download=true",
        "?download=true",
        "?filename=%C3%A4%20%22b%22.html",
        "?filename=",
        "?other=1",
        "?format=",
        "?format=strange",
    ] {
        let _ = pair.is(200, &get(format!("/ipfs/{small}{query}")));
        let _ = pair.is(200, &get(format!("/ipfs/{tree}/words{query}")));
    }
    for accept in ["*/*", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9", "image/png"] {
        let _ = pair.is(200, &get(format!("/ipfs/{small}")).with("Accept", accept));
    }
}

pub(super) fn ranges(pair: &mut Pair, content: &Content) {
    for cid in [&content.small, &content.file, &content.old] {
        let range = |value: &str| get(format!("/ipfs/{cid}?filename=x.bin")).with("Range", value);
        for value in ["bytes=0-0", "bytes=2-5", "bytes=3-", "bytes=-4", "bytes=0-100000", "bytes=1-2,4-5", "bytes=0-"] {
            let _ = pair.is(206, &range(value));
        }
        let _ = pair.is(416, &range("bytes=100000-"));
        for value in ["bytes=x", "bytes=3-1", "bytes=-"] {
            let _ = pair.is(400, &range(value));
        }
        pair.differs(&range("bytes=-100000"), (500, 206), "RFC 9110: a suffix longer than the content is all of it");
        pair.differs(&range("words=0-1"), (400, 200), "RFC 9110: a unit that is not understood is ignored");
        pair.differs(&range("bytes=2-5").head(), (206, 200), "RFC 9110: ranges are defined for GET");
        let tag = format!("\"{cid}\"");
        let _ = pair.is(206, &range("bytes=2-5").with("If-Range", tag));
    }
    let file = &content.file;
    for value in ["bytes=990-1010", "bytes=4000-4999", "bytes=1000-3999", "bytes=4999-4999"] {
        let _ = pair.is(206, &get(format!("/ipfs/{file}?filename=x.bin")).with("Range", value));
    }
    let _ = pair.is(200, &get(format!("/ipfs/{}", content.empty)).with("Range", "bytes=0-5"));
    let unnamed = get(format!("/ipfs/{file}")).with("Range", "bytes=10-20");
    let _ = pair.is(
        206,
        &unnamed.but("content-type", "Kubo tells no type of a part from the middle; ours is that of the whole"),
    );
}

pub(super) fn conditions(pair: &mut Pair, content: &Content) {
    let Content { small, file, tree, split, dag_cbor, timed, .. } = content;
    for path in [
        format!("/ipfs/{small}"),
        format!("/ipfs/{file}"),
        format!("/ipfs/{tree}/plain/a.txt"),
        format!("/ipfs/{tree}/plain/"),
        format!("/ipfs/{tree}/indexed/"),
        format!("/ipfs/{split}/"),
        format!("/ipfs/{dag_cbor}"),
        format!("/ipfs/{tree}?format=raw"),
        format!("/ipfs/{tree}?format=tar"),
        format!("/ipfs/{timed}"),
    ] {
        let kubos = get(&path).send(&mut pair.kubos).header("etag").to_owned();
        let ours =
            pair.same(&get(&path).but("body", "archives are compared elsewhere").but("content-length", "as well"));
        let ours = ours.header("etag").to_owned();
        let is_page = kubos.contains("Index-");
        if !is_page {
            let strong = kubos.trim_start_matches("W/");
            for tag in [kubos.clone(), format!("W/{strong}"), format!("\"x\", {strong}"), "*".to_owned()] {
                let _ = pair.same(&get(&path).with("If-None-Match", tag));
            }
            let _ = pair.is(304, &get(&path).head().with("If-None-Match", kubos));
        } else {
            assert_eq!(get(&path).with("If-None-Match", ours).send(&mut pair.ours).status, 304, "{path}");
        }
        let _ = pair.same(
            &get(&path).with("If-None-Match", "\"other\"").but("body", "as well").but("content-length", "as well"),
        );
    }
    for (date, status) in
        [("Sun, 13 Sep 2020 12:26:40 GMT", 304), ("Sun, 13 Sep 2020 12:26:39 GMT", 200), ("yesterday", 200)]
    {
        let _ = pair.is(status, &get(format!("/ipfs/{timed}")).with("If-Modified-Since", date));
    }
    let _ = pair.is(412, &get(format!("/ipfs/{small}")).with("If-Match", "\"other\""));
    let _ = pair.is(200, &get(format!("/ipfs/{small}")).with("If-Match", format!("\"{small}\"")));
    for path in [small.clone(), format!("{tree}/words"), format!("{tree}/plain/")] {
        let _ = pair.is(200, &get(format!("/ipfs/{path}")).with("Cache-Control", "only-if-cached"));
    }
    for path in [NOWHERE.to_owned(), format!("{tree}/absent"), format!("{}/gone", content.torn)] {
        let _ = pair.is(412, &get(format!("/ipfs/{path}")).with("Cache-Control", "only-if-cached"));
        let _ = pair.is(412, &get(format!("/ipfs/{path}")).head().with("Cache-Control", "only-if-cached"));
    }
}

pub(super) fn folders(pair: &mut Pair, content: &Content) {
    let Content { tree, split, site, .. } = content;
    for path in [
        tree.clone(),
        format!("{tree}/plain"),
        format!("{tree}/indexed"),
        format!("{tree}/empty"),
        split.clone(),
        format!("{tree}/plain?x=1&y=2"),
        format!("{site}/sub"),
    ] {
        let _ = pair.is(301, &get(format!("/ipfs/{path}")));
        let _ = pair.is(301, &get(format!("/ipfs/{path}")).head());
    }
    let _ = pair.differs(&get(format!("/ipfs/{tree}/plain?x=%2F")), (301, 301), "Kubo escapes the query twice over");
    for path in [
        format!("{tree}/"),
        format!("{tree}/plain/"),
        format!("{tree}/plain/deep/"),
        format!("{tree}/indexed/"),
        format!("{tree}/empty/"),
        format!("{split}/"),
        format!("{site}/sub/"),
        format!("{tree}/plain/?x=1"),
        format!("{tree}/plain?go-get=1"),
    ] {
        let page = pair.is(200, &get(format!("/ipfs/{path}")));
        let head = get(format!("/ipfs/{path}")).head();
        if page.header("etag").contains("Index-") {
            let head =
                pair.differs(&head, (200, 200), "RFC 9110: HEAD has the headers of GET; Kubo's has none for a list");
            assert_eq!(head.header("etag"), page.header("etag"));
        } else {
            let _ = pair.is(200, &head);
        }
    }
    let _ = pair.is(206, &get(format!("/ipfs/{tree}/indexed/")).with("Range", "bytes=4-8"));
    for method in [get, |path: String| get(path).head()] {
        let _ = pair.is(422, &method(format!("/ipfs/{tree}/indexless/")));
    }
}

pub(super) fn refusals(pair: &mut Pair, content: &Content) {
    let Content { tree, small, torn, gone, .. } = content;
    for path in [
        format!("/ipfs/{tree}/absent"),
        format!("/ipfs/{tree}/words/below"),
        format!("/ipfs/{tree}/link/below"),
        format!("/ipfs/{tree}/plain/absent/more"),
        format!("/ipfs/{torn}/gone"),
        format!("/ipfs/{}", gone[0]),
        format!("/ipfs/{NOWHERE}"),
        format!("/ipfs/{NOWHERE}/path"),
        "/other".to_owned(),
        "/".to_owned(),
    ] {
        let _ = pair.is(404, &get(&path));
        let _ = pair.is(404, &get(&path).head());
    }
    for path in
        ["/ipfs/".to_owned(), "/ipfs/nonsense".to_owned(), "/ipfs/nonsense/path".to_owned(), format!("/ipfs/{small}x")]
    {
        let _ = pair.is(400, &get(&path));
        let _ = pair.is(400, &get(&path).with("Accept", "text/html"));
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let ask = super::Ask { method, ..get(format!("/ipfs/{small}")) };
        let _ = pair.is(405, &ask);
    }
    let _ = pair.is(200, &super::Ask { method: "OPTIONS", ..get(format!("/ipfs/{small}")) });
    let worker = |path: String| get(path).with("Service-Worker", "script");
    let _ = pair.is(400, &worker(format!("/ipfs/{small}")));
    let _ = pair.is(200, &worker(format!("/ipfs/{tree}/script.js")));
    let holed = get(format!("/ipfs/{torn}/holed?filename=x.bin"));
    let ours = holed.send_or_cut(&mut pair.ours);
    assert!(ours.is_err(), "a file with a hole is cut off: {RFC}: a length was promised");
    let _ = pair.is(206, &holed.clone().with("Range", "bytes=0-1999"));
    let _ = pair.is(200, &get(format!("/ipfs/{torn}/here")));
    for (path, to) in [
        (format!("/ipfs/ipfs/{small}"), 301),
        (format!("/ipfs/ipfs/{tree}/plain/a.txt"), 301),
        ("/ipfs/ipns/site.example".to_owned(), 301),
        (format!("/ipfs/?uri=ipfs%3A%2F%2F{small}"), 301),
        (format!("/ipfs/?uri=ipfs%3A%2F%2F{tree}%2Fplain%2Fa.txt"), 301),
        ("/ipfs/?uri=https%3A%2F%2Fexample.org".to_owned(), 400),
        ("/ipfs/ipfs/nonsense".to_owned(), 400),
    ] {
        let _ = pair.is(to, &get(path));
    }
}
