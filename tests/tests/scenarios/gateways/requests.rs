//! The requests.

use super::{Ask, Difference, Gateways, TRUSTLESS, content::Content};

const RAW: &str = "application/vnd.ipld.raw";
const CAR: &str = "application/vnd.ipld.car";
const NOWHERE: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

#[test]
fn three_gateways_give_the_same_answers() {
    let Some(mut gateways) = Gateways::or_skip("three gateways give the same answers") else { return };
    let content = Content::make(&mut gateways);
    blocks(&mut gateways, &content);
    ranges(&mut gateways, &content);
    archives(&mut gateways, &content);
    parts(&mut gateways, &content);
    wishes(&mut gateways, &content);
    paths(&mut gateways, &content);
    conditions(&mut gateways, &content);
    refusals(&mut gateways, &content);
    missing(&mut gateways, &content);
    assert!(gateways.asked > 150, "{} requests", gateways.asked);
}

fn blocks(gateways: &mut Gateways, content: &Content) {
    let Content { small, file, deep, old, zeros, folder, split, cbor, json, .. } = content;
    for cid in [small, file, deep, old, zeros, folder, split, cbor, json, &"bafkqaaa".to_owned()] {
        let path = format!("/ipfs/{cid}?format=raw");
        let block = gateways.same(&Ask::get(&path));
        assert_eq!(block.status, 200);
        let _ = gateways.same(&Ask::head(&path));
    }
    let named = gateways.same(&Ask::get(format!("/ipfs/{small}?format=raw&filename=n%C3%A4me%20%22x%22.bin")));
    assert!(named.header("content-disposition").contains("n%C3%A4me"), "{}", named.header("content-disposition"));
    for base in ["base16", "base36", "base58btc"] {
        let spelled = gateways.program.run(&["cid", "format", "-b", base, file]);
        for format in ["raw", "car&dag-scope=block"] {
            assert_eq!(gateways.same(&Ask::get(format!("/ipfs/{}?format={format}", spelled.trim()))).status, 200);
        }
    }
    // An identity CID that holds more than nothing.
    let _ = gateways.same(&Ask::get("/ipfs/bafkqaddjebqw2idboruw4zlr?format=raw"));
}

fn ranges(gateways: &mut Gateways, content: &Content) {
    let path = format!("/ipfs/{}?format=raw", content.small);
    let range = |value: &str| Ask::get(&path).with("Range", value);
    for value in ["bytes=0-0", "bytes=2-5", "bytes=3-", "bytes=-4", "bytes=0-1000", "bytes=1-2,4-5", "bytes=10-10"] {
        assert_eq!(gateways.same(&range(value)).status, 206, "{value}");
    }
    for value in ["bytes=11-", "bytes=100-200"] {
        assert_eq!(gateways.same(&range(value)).status, 416, "{value}");
    }
    for value in ["bytes=x", "bytes=3-1", "bytes="] {
        let _ = gateways.same(&range(value));
    }
    let _ = gateways.same(&Ask::get("/ipfs/bafkqaaa?format=raw").with("Range", "bytes=0-5"));
    let of_this = range("bytes=2-5").with("If-Range", format!("\"{}.raw\"", content.small));
    assert_eq!(gateways.same(&of_this).status, 206);
    for known in ["\"other\"", "Sat, 21 Nov 2026 00:00:00 GMT"] {
        let of_another = range("bytes=2-5").with("If-Range", known);
        assert!(
            of_another.send(&mut gateways.kubo, &[]).is_err(),
            "Kubo promises the whole block, and skips its beginning"
        );
        let whole = gateways.ours(&of_another).expect("ours give the whole block");
        assert_eq!((whole.status, whole.text().as_str()), (200, "a few words"));
    }
    let rfc = |kubos, ours, because| Difference { kubos, ours, because };
    let long = rfc(400, 206, "RFC 9110: a suffix longer than the content is all of it");
    assert_eq!(gateways.differs(&range("bytes=-1000"), long).header("content-range"), "bytes 0-10/11");
    let unit = rfc(400, 200, "RFC 9110: a unit that is not understood is ignored");
    let _ = gateways.differs(&range("words=0-1"), unit);
    let head = rfc(206, 200, "RFC 9110: ranges are defined for GET");
    let _ = gateways.differs(&Ask::head(&path).with("Range", "bytes=2-5"), head);
}

fn archives(gateways: &mut Gateways, content: &Content) {
    let Content { small, file, deep, old, zeros, folder, split, cbor, .. } = content;
    for cid in [small, file, deep, old, zeros, folder, split, cbor, &"bafkqaaa".to_owned()] {
        for scope in ["", "&dag-scope=block", "&dag-scope=entity", "&dag-scope=all"] {
            for dups in ["", "&car-dups=y"] {
                let archive = gateways.same(&Ask::get(format!("/ipfs/{cid}?format=car{scope}{dups}")));
                assert_eq!(archive.status, 200);
            }
        }
    }
    let because = "Kubo sends the client to the clean path; we answer for it at once";
    let dotted = Ask::get(format!("/ipfs/{folder}/./inner/../file?format=car"));
    let _ = gateways.differs(&dotted, Difference { kubos: 307, ours: 200, because });
    let json = Ask::get(format!("/ipfs/{}?format=car&dag-scope=block", content.json));
    let _ = gateways.same(&json);
}

fn parts(gateways: &mut Gateways, content: &Content) {
    let forms = [
        "0:*",
        "0:0",
        "0:999",
        "0:1000",
        "999:1000",
        "1000:1999",
        "2500:*",
        "-1:*",
        "-1500:-501",
        "-5000:*",
        "-9000:*",
        "4999:*",
        "4999:9000",
        "100:-100",
        "-4000:1500",
        "0:-1",
        "9000:*",
        "9000:9999",
        "2000:1999",
    ];
    for cid in [&content.file, &content.deep, &content.old, &content.zeros, &content.small, &content.folder] {
        for form in forms {
            let path = format!("/ipfs/{cid}?format=car&dag-scope=entity&entity-bytes={form}");
            let _ = gateways.same(&Ask::get(path));
        }
    }
    for form in ["999:1000", "0:*"] {
        let path = format!("/ipfs/{}?format=car&dag-scope=entity&entity-bytes={form}&car-dups=y", content.zeros);
        let _ = gateways.same(&Ask::get(path));
        // Without the scope of an entity, parts are not looked at, though the tag tells them apart.
        let _ = gateways.same(&Ask::get(format!("/ipfs/{}?format=car&entity-bytes={form}", content.file)));
    }
    let backwards = format!("/ipfs/{}?format=car&dag-scope=entity&entity-bytes=4000:-4000", content.file);
    let kubos = gateways.kubo.get(&backwards);
    assert!(kubos.text().contains("truncated"), "Kubo breaks off where a part ends before it begins");
    assert_eq!(gateways.ours(&Ask::get(backwards)).map(|ours| ours.status), Ok(200), "the first block says all");
}

fn wishes(gateways: &mut Gateways, content: &Content) {
    let path = format!("/ipfs/{}", content.file);
    for accept in [
        RAW,
        CAR,
        "text/html, application/vnd.ipld.raw",
        "application/vnd.ipld.car; version=1",
        "application/vnd.ipld.car; order=unk; dups=y",
        "application/vnd.ipld.car;version=1;order=dfs;dups=n",
        "application/vnd.ipld.car; dups=\"y\"",
        "application/vnd.ipld.car; order=bfs",
        "application/vnd.ipld.car; version=2",
        "application/vnd.ipld.raw, application/vnd.ipld.car",
    ] {
        let _ = gateways.same(&Ask::get(&path).with("Accept", accept));
        let _ = gateways.same(&Ask::get(format!("{path}?format=car&car-order=unk")).with("Accept", accept));
        let _ = gateways.same(&Ask::get(format!("{path}?format=raw")).with("Accept", accept));
        let _ =
            gateways.same(&Ask::get(format!("{path}?dag-scope=block&car-dups=n&filename=x")).with("Accept", accept));
    }
    for (query, accept) in [
        ("", "*/*"),
        ("", "text/html"),
        ("?format=json", RAW),
        ("?format=tar", "*/*"),
        ("?format=strange", "*/*"),
        ("", "application/vnd.ipld.dag-json"),
        ("", "application/json"),
    ] {
        let ask = Ask::get(format!("{path}{query}")).with("Accept", accept);
        assert_eq!(gateways.same_as_trustless(&ask, &[TRUSTLESS]).status, 406, "{query} {accept}");
    }
}

fn paths(gateways: &mut Gateways, content: &Content) {
    let (folder, split) = (&content.folder, &content.split);
    for path in [
        format!("{folder}/small"),
        format!("{folder}/file"),
        format!("{folder}/inner"),
        format!("{folder}/inner/"),
        format!("{folder}/inner/deep"),
        format!("{folder}/a%20name"),
        format!("{folder}/link"),
        format!("{split}/number%207"),
        format!("{split}/number%20299"),
    ] {
        for query in
            ["format=raw", "format=car", "format=car&dag-scope=entity", "format=car&dag-scope=block&car-dups=y"]
        {
            assert_eq!(gateways.same(&Ask::get(format!("/ipfs/{path}?{query}"))).status, 200);
        }
        let _ = gateways.same(&Ask::head(format!("/ipfs/{path}?format=car")));
        let by_accept = Ask::get(format!("/ipfs/{path}")).with("Accept", RAW);
        match path.contains('%') {
            false => drop(gateways.same(&by_accept)),
            // RFC 9110: Content-Location is an address, in which no space may stand. Kubo's has the path without escapes.
            true => {
                let ours = gateways.ours(&by_accept).expect("an answer");
                assert_eq!(ours.header("content-location"), format!("/ipfs/{path}?format=raw"));
            }
        }
    }
    let parts = "format=car&dag-scope=entity&entity-bytes=1500:1600";
    let _ = gateways.same(&Ask::get(format!("/ipfs/{folder}/inner/deep?{parts}")));
    for query in ["format=raw", "format=car", "format=car&dag-scope=block"] {
        for node in [&content.cbor, &content.json] {
            for path in ["link", "number"] {
                let through_a_node = Ask::get(format!("/ipfs/{node}/{path}?{query}"));
                assert_eq!(gateways.same(&through_a_node).status, 200, "{path}");
            }
        }
    }
    // What is not there is proved by the blocks where it should be.
    for path in ["nothing", "inner/nothing", "nothing/at/all", "small/x", "file/x/y", "link/x"] {
        assert_eq!(gateways.same(&Ask::get(format!("/ipfs/{folder}/{path}?format=car"))).status, 200, "{path}");
        assert_eq!(gateways.same(&Ask::get(format!("/ipfs/{folder}/{path}?format=raw"))).status, 404, "{path}");
    }
    for number in [300, 301, 302] {
        let _ = gateways.same(&Ask::get(format!("/ipfs/{split}/number%20{number}?format=car")));
    }
}

fn conditions(gateways: &mut Gateways, content: &Content) {
    for query in ["format=raw", "format=car", "format=car&dag-scope=block", "format=car&car-dups=y&car-order=unk"] {
        for path in [format!("/ipfs/{}?{query}", content.file), format!("/ipfs/{}/inner?{query}", content.folder)] {
            let tag = gateways.same(&Ask::get(&path)).header("etag").to_owned();
            let strong = tag.trim_start_matches("W/");
            for known in [tag.clone(), format!("W/{strong}"), format!("\"a,b\" , {strong}"), "*".to_owned()] {
                let ask = Ask::get(&path).with("If-None-Match", &known);
                assert_eq!(gateways.same(&ask).status, 304, "{path} {known}");
            }
            assert_eq!(gateways.same(&Ask::head(&path).with("If-None-Match", &tag)).status, 304);
            assert_eq!(gateways.same(&Ask::get(&path).with("If-None-Match", "\"other\"")).status, 200);
        }
    }
    let path = format!("/ipfs/{}?format=raw", content.small);
    let _ = gateways.same(&Ask::get(&path).with("If-Match", format!("\"{}.raw\"", content.small)));
    assert_eq!(gateways.same(&Ask::get(&path).with("If-Match", "\"other\"")).status, 412);
    for query in ["format=raw", "format=car"] {
        let here = format!("/ipfs/{}?{query}", content.file);
        let _ = gateways.same(&Ask::get(here).with("Cache-Control", "only-if-cached"));
        let elsewhere = Ask::get(format!("/ipfs/{NOWHERE}?{query}")).with("Cache-Control", "only-if-cached");
        assert_eq!(gateways.same(&elsewhere).status, 412);
        let no_path = Ask::get(format!("/ipfs/{}/nothing?{query}", content.folder));
        assert_eq!(gateways.same(&no_path.with("Cache-Control", "only-if-cached")).status, 412);
    }
}

fn refusals(gateways: &mut Gateways, content: &Content) {
    let file = &content.file;
    for path in [
        "/ipfs/nonsense?format=raw".to_owned(),
        "/ipfs/nonsense?format=car".to_owned(),
        format!("/ipfs/{}x?format=raw", file),
        format!("/ipfs/{}?format=raw", &file[..20]),
        format!("/ipfs/{file}?format=car&dag-scope=file"),
        format!("/ipfs/{file}?format=car&dag-scope="),
        format!("/ipfs/{file}?format=car&car-version=2"),
        format!("/ipfs/{file}?format=car&car-order=bfs"),
        format!("/ipfs/{file}?format=car&car-dups=maybe"),
        format!("/ipfs/{file}?format=car&entity-bytes=5"),
        format!("/ipfs/{file}?format=car&entity-bytes=a:b"),
        format!("/ipfs/{file}?format=car&entity-bytes=9:3"),
        format!("/ipfs/{file}?format=car&entity-bytes=-3:-9"),
    ] {
        assert_eq!(gateways.same(&Ask::get(&path)).status, 400, "{path}");
        assert_eq!(gateways.same(&Ask::head(&path)).status, 400, "{path}");
    }
}

fn missing(gateways: &mut Gateways, content: &Content) {
    let Content { torn, gone, .. } = content;
    for cid in [NOWHERE, gone] {
        assert_eq!(gateways.same(&Ask::get(format!("/ipfs/{cid}?format=raw"))).status, 404);
        assert_eq!(gateways.same(&Ask::head(format!("/ipfs/{cid}?format=raw"))).status, 404);
        let because = "the specification: a root that is missing is 404; Kubo has begun the archive by then";
        let _ = gateways
            .differs(&Ask::get(format!("/ipfs/{cid}?format=car")), Difference { kubos: 200, ours: 404, because });
        let because = "a block that is missing on the way proves nothing, least of all for ever";
        let ask = Ask::get(format!("/ipfs/{cid}/path?format=car"));
        let _ = gateways.differs(&ask, Difference { kubos: 200, ours: 404, because });
    }
    let _ = gateways.same(&Ask::get(format!("/ipfs/{torn}?format=car&dag-scope=block")));
    let before = format!("/ipfs/{torn}?format=car&dag-scope=entity&entity-bytes=0:1999");
    assert_eq!(gateways.same(&Ask::get(before)).status, 200, "what is there can be had");
    gateways.cut(&Ask::get(format!("/ipfs/{torn}?format=car")));
    gateways.cut(&Ask::get(format!("/ipfs/{torn}?format=car&dag-scope=entity&entity-bytes=1999:2000")));
    assert_eq!(gateways.same(&Ask::get(format!("/ipfs/{}?format=car", content.json))).status, 200);
}
