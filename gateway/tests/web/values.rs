//! Values: path-gateway for DAG-JSON and DAG-CBOR, and IPIP-524 (no conversion).

use unixfs::{CODEC_CBOR, CODEC_DAG_CBOR, CODEC_DAG_JSON, CODEC_JSON};

use crate::support::{World, get};

#[test]
fn a_value_without_a_format_is_given_as_its_block_in_its_own_content_type() {
    let mut world = World::default();
    for (codec, kind, tag, disposition) in [
        (CODEC_DAG_JSON, "application/vnd.ipld.dag-json", "dag-json", "inline"),
        (CODEC_DAG_CBOR, "application/vnd.ipld.dag-cbor", "dag-cbor", "attachment"),
        (CODEC_JSON, "application/json", "json", "inline"),
        (CODEC_CBOR, "application/cbor", "cbor", "attachment"),
    ] {
        let cid = world.value(codec, "{\"a\":1}");
        let (got, raw) = (get(format!("/ipfs/{cid}")).of(&world), get(format!("/ipfs/{cid}?format=raw")).of(&world));
        assert_eq!((got.status, got.header("content-type"), &got.body), (200, kind, &raw.body));
        assert_eq!(got.header("etag"), format!("\"{cid}.{tag}\""));
        assert!(got.header("content-disposition").starts_with(&format!("{disposition}; filename=\"{cid}.")), "{kind}");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        assert_eq!(got.header("cache-control"), "public, max-age=29030400, immutable");
    }
}

#[test]
fn a_format_that_is_the_codec_is_given_and_any_other_is_406_with_the_way_out() {
    let mut world = World::default();
    let (json, cbor) = (world.value(CODEC_DAG_JSON, "{\"a\":1}"), world.value(CODEC_DAG_CBOR, "{\"a\":1}"));
    let plain = world.value(CODEC_JSON, "{\"a\":1}");
    let file = world.file(&[7; 2_500]).cid;
    for (cid, format, status) in [
        (json, "dag-json", 200),
        (json, "json", 200),
        (json, "dag-cbor", 406),
        (json, "cbor", 406),
        (cbor, "dag-cbor", 200),
        (cbor, "cbor", 200),
        (cbor, "dag-json", 406),
        (cbor, "json", 406),
        (plain, "json", 200),
        (plain, "dag-json", 406),
        (file, "dag-json", 406),
        (file, "dag-cbor", 406),
    ] {
        let got = get(format!("/ipfs/{cid}?format={format}")).of(&world);
        assert_eq!(got.status, status, "{cid} {format}");
        if status == 406 {
            assert!(got.text().contains("format=raw"), "{}", got.text());
        }
    }
    let by_accept = get(format!("/ipfs/{json}")).with("accept", "application/vnd.ipld.dag-json").of(&world);
    assert_eq!(
        (by_accept.status, by_accept.header("content-location")),
        (200, format!("/ipfs/{json}?format=dag-json").as_str())
    );
}

#[test]
fn a_file_asked_for_as_json_is_the_file() {
    let mut world = World::default();
    let site = world.site(&[("a.json", b"{}")]);
    let got = get(format!("/ipfs/{}/a.json?format=json", site.cid)).of(&world);
    assert_eq!((got.status, got.text().as_str(), got.header("content-type")), (200, "{}", "application/json"));
}

#[test]
fn paths_lead_through_links_of_values_into_folders() {
    let mut world = World::default();
    let site = world.site(&[("a.txt", b"found")]);
    let inner = world.value(CODEC_DAG_JSON, &format!("{{\"site\":{{\"/\":\"{}\"}}}}", site.cid));
    let root = world.value(CODEC_DAG_CBOR, &format!("{{\"list\":[0,{{\"/\":\"{inner}\"}}]}}"));
    let got = get(format!("/ipfs/{root}/list/1/site/a.txt")).of(&world);
    assert_eq!((got.status, got.text().as_str()), (200, "found"));
    let roots: Vec<_> = got.header("x-ipfs-roots").split(',').map(str::to_owned).collect();
    assert_eq!(roots.len(), 5, "one for each segment: {roots:?}");
    assert_eq!((roots[0].clone(), roots[2].clone()), (root.to_string(), inner.to_string()));
}

#[test]
fn a_path_that_ends_within_a_block_is_501_and_one_that_leads_nowhere_404() {
    let mut world = World::default();
    let root = world.value(CODEC_DAG_CBOR, "{\"a\":{\"b\":7}}");
    for (path, status) in [("a", 501), ("a/b", 501), ("x", 404), ("a/b/c", 404)] {
        assert_eq!(get(format!("/ipfs/{root}/{path}")).of(&world).status, status, "{path}");
    }
    let raw = get(format!("/ipfs/{root}/a/b?format=raw")).of(&world);
    assert_eq!(raw.status, 200, "the block proves what is within it");
}

#[test]
fn a_browser_is_shown_a_page_of_a_dag_value_unless_it_downloads() {
    let mut world = World::default();
    let cid = world.value(CODEC_DAG_CBOR, "{\"a\":\"<script>\"}");
    let plain = world.value(CODEC_JSON, "{}");
    let browse = |path: String| get(path).with("accept", "text/html,application/xhtml+xml").of(&world);
    let slash = browse(format!("/ipfs/{cid}"));
    assert_eq!((slash.status, slash.header("location")), (301, format!("/ipfs/{cid}/").as_str()));
    let page = browse(format!("/ipfs/{cid}/"));
    assert_eq!((page.status, page.header("content-type"), page.header("cache-control")), (200, "text/html", ""));
    assert!(page.header("etag").starts_with("\"DagIndex-") && page.text().contains("&lt;script&gt;"));
    let known = get(format!("/ipfs/{cid}/")).with("if-none-match", page.header("etag")).of(&world);
    assert_eq!(known.status, 304);
    let download = browse(format!("/ipfs/{cid}?download=true"));
    assert_eq!(download.header("content-type"), "application/vnd.ipld.dag-cbor");
    assert!(download.header("content-disposition").starts_with("attachment"));
    assert_eq!(browse(format!("/ipfs/{plain}")).header("content-type"), "application/json");
}

#[test]
fn head_of_a_value_is_200() {
    let mut world = World::default();
    let cid = world.value(CODEC_DAG_JSON, "{}");
    assert_eq!(get(format!("/ipfs/{cid}")).head().of(&world).status, 200);
}
