//! Values, formats by query and by `Accept`, and archives.

use super::{Content, Pair, get};

const CONVERTS: &str = "IPIP-524: what is not converted is 406; Kubo says 400 between plain JSON and CBOR";

pub(super) fn values(pair: &mut Pair, content: &Content) {
    let Content { dag_cbor, dag_json, cbor, json, tree, small, .. } = content;
    for cid in [dag_cbor, dag_json, cbor, json] {
        for query in ["", "?format=raw", "?download=true", "?filename=x.bin", "?filename=x&download=true"] {
            let _ = pair.is(200, &get(format!("/ipfs/{cid}{query}")));
            let _ = pair.is(200, &get(format!("/ipfs/{cid}{query}")).head());
        }
        let _ = pair.is(206, &get(format!("/ipfs/{cid}")).with("Range", "bytes=2-5"));
    }
    for (cid, format, status) in [
        (dag_cbor, "dag-cbor", 200),
        (dag_cbor, "cbor", 200),
        (dag_cbor, "dag-json", 406),
        (dag_json, "dag-json", 200),
        (dag_json, "json", 200),
        (dag_json, "dag-cbor", 406),
        (cbor, "cbor", 200),
        (cbor, "dag-cbor", 406),
        (json, "json", 200),
        (json, "dag-json", 406),
        (tree, "dag-json", 406),
        (tree, "dag-cbor", 406),
        (small, "dag-json", 406),
    ] {
        let _ = pair.is(status, &get(format!("/ipfs/{cid}?format={format}")));
        let _ = pair.is(status, &get(format!("/ipfs/{cid}?format={format}")).head());
        let kind = match format {
            "json" | "cbor" => format!("application/{format}"),
            _ => format!("application/vnd.ipld.{format}"),
        };
        let _ = pair.is(status, &get(format!("/ipfs/{cid}")).with("Accept", kind));
    }
    for (cid, format) in [(dag_cbor, "json"), (dag_json, "cbor"), (cbor, "json"), (json, "cbor")] {
        pair.differs(&get(format!("/ipfs/{cid}?format={format}")), (400, 406), CONVERTS);
    }
    for format in ["json", "cbor"] {
        let _ = pair.is(200, &get(format!("/ipfs/{tree}/words?format={format}")));
    }
    for cid in [dag_cbor, dag_json] {
        for path in ["link/words", "link/plain/a.txt", "list/1/words", "link/"] {
            let _ = pair.is(200, &get(format!("/ipfs/{cid}/{path}")));
        }
        for path in ["link", "list/1"] {
            let _ = pair.is(301, &get(format!("/ipfs/{cid}/{path}")));
        }
        for path in ["number", "text", "list", "list/0"] {
            let _ = pair.is(501, &get(format!("/ipfs/{cid}/{path}")));
            let _ = pair.is(200, &get(format!("/ipfs/{cid}/{path}?format=raw")));
        }
        for path in ["absent", "list/9", "number/below", "link/absent"] {
            let _ = pair.is(404, &get(format!("/ipfs/{cid}/{path}")));
        }
        let browser = |path: String| get(path).with("Accept", "text/html,*/*;q=0.8");
        let _ = pair.is(301, &browser(format!("/ipfs/{cid}")));
        let _ = pair.is(200, &browser(format!("/ipfs/{cid}/")));
        let _ = pair.is(200, &browser(format!("/ipfs/{cid}?download=true")));
    }
}

pub(super) fn wishes(pair: &mut Pair, content: &Content) {
    let Content { small, tree, .. } = content;
    for accept in [
        "application/vnd.ipld.raw",
        "application/vnd.ipld.raw, text/html",
        "text/html, application/vnd.ipld.raw;q=0.1",
        "application/json",
        "application/cbor",
    ] {
        let _ = pair.is(200, &get(format!("/ipfs/{small}")).with("Accept", accept));
        let _ = pair.is(200, &get(format!("/ipfs/{small}?format=raw")).with("Accept", accept));
        let _ = pair.is(200, &get(format!("/ipfs/{tree}/words?filename=x")).with("Accept", accept));
    }
    for accept in ["application/vnd.ipld.strange", "application/vnd.ipld.raw;x"] {
        let _ = pair.is(400, &get(format!("/ipfs/{small}")).with("Accept", accept));
    }
    for path in ["words", "plain", "plain/", "link"] {
        let _ = pair.is(200, &get(format!("/ipfs/{tree}/{path}?format=raw")));
    }
    let _ = pair.is(404, &get(format!("/ipfs/{tree}/absent?format=raw")));
    let _ = pair.is(400, &get(format!("/ipfs/{small}?format=ipns-record")));
}

/// The head of an entry of a tar archive, without its time: name, kind, size, and its bytes.
fn entries(archive: &[u8]) -> Vec<(String, u8, u64, Vec<u8>)> {
    use std::io::Read as _;
    let mut archive = tar::Archive::new(archive);
    let all = archive.entries().expect("a tar archive");
    let mut entries: Vec<_> = all
        .map(|entry| {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a name").to_string_lossy().trim_end_matches('/').to_owned();
            let (kind, bytes) = (entry.header().entry_type().as_byte(), entry.header().size().expect("a size"));
            let mut content = Vec::new();
            let _ = entry.read_to_end(&mut content).expect("its bytes");
            (name, kind, bytes, content)
        })
        .collect();
    entries.sort();
    entries
}

pub(super) fn archives(pair: &mut Pair, content: &Content) {
    let Content { small, file, tree, split, dag_cbor, dag_json, torn, .. } = content;
    for path in [small.clone(), file.clone(), tree.clone(), split.clone(), format!("{tree}/plain")] {
        for query in ["format=tar", "format=tar&filename=x.tar"] {
            let ask = get(format!("/ipfs/{path}?{query}")).but("body", "times").but("content-length", "chunks");
            let ours = pair.is(200, &ask);
            let kubos = ask.send(&mut pair.kubos);
            assert_eq!(entries(&ours.body), entries(&kubos.body), "{path}");
        }
        let car = get(format!("/ipfs/{path}?format=car"))
            .but("content-length", "Kubo tells it when the archive fits into a buffer");
        let _ = pair.is(200, &car);
    }
    for path in
        [dag_cbor.clone(), dag_json.clone(), format!("{dag_cbor}/link/plain"), format!("{dag_json}/list/1/words")]
    {
        for scope in ["block", "entity", "all"] {
            let car = get(format!("/ipfs/{path}?format=car&dag-scope={scope}"));
            let _ = pair.is(200, &car.but("content-length", "as well"));
        }
    }
    pair.differs(
        &get(format!("/ipfs/{dag_cbor}?format=tar")),
        (500, 501),
        "a value is no file: that is no fault of ours",
    );
    let _ = pair.is(404, &get(format!("/ipfs/{tree}/absent?format=tar")));
    let cut = get(format!("/ipfs/{torn}?format=tar")).send_or_cut(&mut pair.ours);
    assert!(cut.is_err(), "an archive that cannot be finished is cut off");
}
