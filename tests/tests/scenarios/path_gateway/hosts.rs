//! Names, hosts, and rules of sites.

use super::{Content, Pair, get};

const KEY: &str = "k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8";
const PEER: &str = "12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5";
const NOT_A_TIME: &str = "Kubo tells the time of the answer";

fn named(path: impl Into<String>) -> super::Ask {
    get(path).but("last-modified", NOT_A_TIME)
}

pub(super) fn names(pair: &mut Pair, content: &Content) {
    for path in
        ["tree.example/words", "tree.example/plain/", "tree.example/indexed/", "below.example/a.txt", "site.example/"]
    {
        let _ = pair.is(200, &named(format!("/ipns/{path}")));
    }
    for path in ["tree.example/words", "tree.example/indexed/", "site.example/"] {
        let _ = pair.is(200, &named(format!("/ipns/{path}")).head());
    }
    for path in ["tree.example", "tree.example/plain", "below.example"] {
        let _ = pair.is(301, &named(format!("/ipns/{path}")));
    }
    for query in ["format=raw", "format=car&dag-scope=block", "format=car"] {
        let ask = named(format!("/ipns/tree.example/plain/a.txt?{query}")).but("content-length", "as with content");
        let _ = pair.is(200, &ask);
    }
    let _ = pair.is(404, &named("/ipns/tree.example/absent"));
    let _ = pair.is(404, &named("/ipns/site.example/old"));
    for name in ["unknown.example", KEY] {
        let _ = pair.is(500, &named(format!("/ipns/{name}/a")));
    }
    for path in [format!("/ipns/{PEER}"), format!("/ipns/{PEER}/a/b?x=1")] {
        let _ = pair.is(302, &named(path));
    }
    for path in [
        "/ipns/".to_owned(),
        "/ipns/site.example?format=ipns-record".to_owned(),
        format!("/ipns/{KEY}/a?format=ipns-record"),
    ] {
        let _ = pair.is(400, &named(path));
    }
    let tag = pair.same(&named("/ipns/tree.example/words")).header("etag").to_owned();
    let _ = pair.is(304, &named("/ipns/tree.example/words").with("If-None-Match", tag));
    let _ = content;
}

pub(super) fn subdomains(pair: &mut Pair, content: &Content) {
    let Content { small, old, tree, dag_cbor, .. } = content;
    for (path, host) in [
        (format!("/ipfs/{small}"), "localhost"),
        (format!("/ipfs/{small}/"), "localhost:8080"),
        (format!("/ipfs/{old}/a/b"), "localhost:8080"),
        (format!("/ipfs/{tree}/plain/b%20b.txt?x=1&y=%2F"), "localhost"),
        ("/ipns/site.example/new.txt".to_owned(), "localhost"),
        (format!("/ipns/{KEY}/a"), "localhost"),
        (format!("/ipns/{PEER}/a"), "localhost"),
        (format!("/ipfs/{dag_cbor}?format=raw"), "localhost"),
    ] {
        let _ = pair.is(301, &get(&path).at(host));
        let _ = pair.is(301, &get(&path).at(host).with("X-Forwarded-Proto", "https"));
        let _ = pair.is(301, &get(&path).with("X-Forwarded-Host", host));
    }
    let _ = pair.is(301, &get("/ipns/my.v-long.example/new.txt").at("localhost").with("X-Forwarded-Proto", "https"));
    let _ = pair.is(301, &get("/ipns/my.v-long.example/new.txt").at("localhost"));
    for path in ["/other", "/"] {
        let _ = pair.same(&get(path).at("localhost"));
    }
    // Without a port, Kubo takes its own name for one that gives only what proves itself.
    let root = format!("{tree}.ipfs.localhost:8080");
    for path in
        ["/words", "/plain/a.txt", "/plain/", "/indexed/", "/", "/noise?format=raw", "/plain?format=car", "/link"]
    {
        let _ = pair.is(200, &get(path).at(&root).but("content-length", "as with paths"));
    }
    for path in ["/plain", "/indexed"] {
        let _ = pair.is(301, &get(path).at(&root));
    }
    for path in ["/absent", "/words/below"] {
        let _ = pair.is(404, &get(path).at(&root));
    }
    for host in [format!("{tree}.other.localhost:8080"), "nonsense.ipfs.localhost:8080".to_owned()] {
        let _ = pair.same(&get("/words").at(host));
    }
    let capitals = get("/words").at(format!("{old}.ipfs.localhost:8080"));
    pair.differs(&capitals, (404, 400), "names of hosts know no capitals: what is left of this one is no CID");
    for (path, host) in [
        ("/words", "tree.example.ipns.localhost:8080"),
        ("/new.txt", "my-v--long-example.ipns.localhost:8080"),
        ("/new.txt", "my.v-long.example.ipns.localhost:8080"),
        ("/words", "tree.example"),
        ("/plain/", "tree.example:8080"),
        ("/a.txt", "below.example"),
        ("/", "site.example"),
    ] {
        let _ = pair.is(200, &named(path).at(host));
    }
    let _ = pair.is(200, &get(format!("/ipfs/{small}")).at("unknown.example"));
    let _ = pair.is(404, &get("/words").at("unknown.example"));
}

pub(super) fn rules(pair: &mut Pair, content: &Content) {
    let Content { site, odd, .. } = content;
    for host in [
        format!("{site}.ipfs.localhost:8080"),
        "site.example".to_owned(),
        "site.example.ipns.localhost:8080".to_owned(),
    ] {
        let ask = |path: &str| named(path).at(&host);
        for (path, status) in [
            ("/old", 301),
            ("/old?x=1", 301),
            ("/temporary", 302),
            ("/see", 303),
            ("/keep/a/b", 307),
            ("/keep/a?x=1", 307),
            ("/moved/1/2", 308),
            ("/rewritten", 200),
            ("/new.txt", 200),
            ("/gone", 410),
            ("/legal", 451),
            ("/app/any/thing", 200),
            ("/lost", 404),
            ("/anything/else", 404),
            ("/old?format=raw", 404),
        ] {
            let _ = pair.is(status, &ask(path));
            let _ = pair.same(&ask(path).head());
        }
    }
    let _ = pair.is(500, &get("/absent").at(format!("{odd}.ipfs.localhost:8080")));
    let _ = pair.is(200, &get("/").at(format!("{odd}.ipfs.localhost:8080")));
    let _ = pair.is(404, &get(format!("/ipfs/{site}/old")));
}
