//! What the gateways are asked for: made by the real Kubo, and brought to `ipfs-node` as archives.

use std::{fs, os::unix::fs::symlink, path::Path};

use rookery_tests::{http::Client, kubo::Kubo, multipart};

/// The roots of it all.
#[derive(Debug)]
pub(super) struct Content {
    /// One raw block: a few words.
    pub(super) small: String,
    /// 5,000 bytes of noise in leaves of 1,000.
    pub(super) file: String,
    /// The same as CIDv0, its leaves nodes.
    pub(super) old: String,
    /// Nothing.
    pub(super) empty: String,
    /// Files of all kinds, a folder with `index.html`, one without, a link, and odd names.
    pub(super) tree: String,
    /// 300 files in shards of 16 slots.
    pub(super) split: String,
    /// A page of its own, with rules.
    pub(super) site: String,
    /// A page whose rules cannot be read.
    pub(super) odd: String,
    /// A file with a time.
    pub(super) timed: String,
    pub(super) dag_cbor: String,
    pub(super) dag_json: String,
    pub(super) cbor: String,
    pub(super) json: String,
    /// A folder of which a file, and of a file a leaf, are missing everywhere.
    pub(super) torn: String,
    /// What is missing.
    pub(super) gone: [String; 2],
}

/// Rules of every kind.
const RULES: &str = "# rules\n/old /new.txt\n/temporary /new.txt 302\n/see /new.txt 303\n/keep/* https://example.org/:splat 307\n\
/moved/:a/:b /x/:b/:a 308\n/rewritten /new.txt 200\n/gone /gone.html 410\n/legal /legal.html 451\n/app/* /index.html 200\n\
/lost /nothing.html 200\n/new.txt /never.txt\n/* /404.html 404\n";

impl Content {
    /// Makes it in Kubo, which is not running yet.
    pub(super) fn make(kubo: &Kubo) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = |name: &str| folder.path().join(name);
        let write = |name: &str, bytes: &[u8]| {
            fs::create_dir_all(place(name).parent().expect("a folder")).expect("a folder");
            fs::write(place(name), bytes).expect("a file");
        };
        let noise: Vec<u8> = (0..5_000u32).map(|at| u8::try_from((at * at / 7 + at) % 253).expect("small")).collect();
        for (name, bytes) in files(&noise) {
            write(name, bytes);
        }
        fs::create_dir_all(place("tree/empty")).expect("a folder");
        symlink("words", place("tree/link")).expect("a link");
        for number in 0..300 {
            write(&format!("split/number {number}"), format!("{number}").as_bytes());
        }
        let add = |name: &str, more: &[&str]| add(kubo, &place(name), more);
        let leaves = "--chunker=size-1000";
        let torn = add("torn", &[leaves]);
        let gone_file = kubo.run(&["resolve", &format!("/ipfs/{torn}/gone")]).trim().replace("/ipfs/", "");
        let holed = kubo.run(&["resolve", &format!("/ipfs/{torn}/holed")]).trim().replace("/ipfs/", "");
        let leaf = kubo.run(&["refs", &holed]).lines().nth(2).expect("leaves").to_owned();
        let tree = add("tree", &[leaves]);
        let put = |name: &str, json: &str, codec: &str| {
            write(name, json.as_bytes());
            let path = place(name);
            let path = path.to_str().expect("test paths are text");
            kubo.run(&["dag", "put", "--input-codec=dag-json", &format!("--store-codec={codec}"), path])
                .trim()
                .to_owned()
        };
        let linking = format!(
            "{{\"link\":{{\"/\":\"{tree}\"}},\"list\":[1,{{\"/\":\"{tree}\"}}],\"number\":1,\"text\":\"<b>\"}}"
        );
        Self {
            small: add("tree/words", &[]),
            file: add("tree/noise", &[leaves]),
            old: add("tree/noise", &[leaves, "--cid-version=0", "--raw-leaves=false"]),
            empty: add("tree/nothing", &[]),
            split: add("split", &["--max-directory-links=10", "--max-hamt-fanout=16"]),
            site: add("site", &[]),
            odd: add("odd", &[]),
            timed: add("tree/words", &["--mtime=1600000000", "--raw-leaves=false"]),
            dag_cbor: put("value", &linking, "dag-cbor"),
            dag_json: put("value", &linking, "dag-json"),
            cbor: put("plain", "{\"number\":1,\"text\":\"<b>\"}", "cbor"),
            json: put("plain", "{\"number\":1,\"text\":\"<b>\"}", "json"),
            gone: [gone_file, leaf],
            tree,
            torn,
        }
    }

    fn roots(&self) -> [&String; 14] {
        [
            &self.small,
            &self.file,
            &self.old,
            &self.empty,
            &self.tree,
            &self.split,
            &self.site,
            &self.odd,
            &self.timed,
            &self.dag_cbor,
            &self.dag_json,
            &self.cbor,
            &self.json,
            &self.torn,
        ]
    }

    /// Where names lead, as both read it.
    pub(super) fn map(&self) -> String {
        let Self { tree, site, odd, .. } = self;
        format!(
            "tree.example:/ipfs/{tree},site.example:/ipfs/{site},odd.example:/ipfs/{odd},my.v-long.example:/ipfs/{site},\
             below.example:/ipfs/{tree}/plain"
        )
    }

    /// Brings it from Kubo to our node, and loses what is to be missing.
    pub(super) fn bring(&self, kubo: &mut Client, node: &mut Client) {
        for root in self.roots() {
            let archive = kubo.post(&format!("/api/v0/dag/export?arg={root}"), b"").expect(200);
            let (kind, form) = (multipart::content_type(), multipart::Form::of(&archive.body));
            let import = "/api/v0/dag/import?pin-roots=false";
            let _ = node.ask("POST", import, &[("Content-Type", &kind)], &form).expect(200);
        }
        for rpc in [kubo, node] {
            for gone in &self.gone {
                let _ = rpc.post(&format!("/api/v0/block/rm?arg={gone}"), b"").expect(200);
            }
        }
    }
}

fn files(noise: &[u8]) -> Vec<(&'static str, &[u8])> {
    vec![
        ("tree/words", b"a few words"),
        ("tree/noise", noise),
        ("tree/nothing", b""),
        ("tree/page.html", b"<!DOCTYPE html><h1>page</h1>"),
        ("tree/style.css", b"p { color: red }"),
        ("tree/script.js", b"alert(1)"),
        ("tree/value.json", b"{\"a\": 1}"),
        ("tree/notes.txt", b"notes"),
        ("tree/picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("tree/picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("tree/drawing.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("tree/machine.wasm", b"\0asm\x01\0\0\0"),
        ("tree/paper.pdf", b"%PDF-1.4\n"),
        ("tree/paper", b"%PDF-1.4\n"),
        ("tree/page", b"<!DOCTYPE html><html><body>hi</body></html>"),
        ("tree/bytes", &[0xff, 0xfe, 0xfd, 0, 1, 2]),
        ("tree/plain/a.txt", b"a"),
        ("tree/plain/b b.txt", b"b"),
        ("tree/plain/deep/er/c.txt", b"c"),
        ("tree/indexed/index.html", b"<h1>index</h1>"),
        ("tree/indexed/other.txt", b"other"),
        ("tree/indexless/index.html/not-a-file", b"x"),
        ("tree/ź ó #?%41&+;,@=.txt", b"odd"),
        ("tree/.hidden", b"hidden"),
        ("site/_redirects", RULES.as_bytes()),
        ("site/index.html", b"<h1>site</h1>"),
        ("site/new.txt", b"new"),
        ("site/404.html", b"not found here"),
        ("site/gone.html", b"gone"),
        ("site/legal.html", b"legal"),
        ("site/sub/index.html", b"<h1>sub</h1>"),
        ("odd/_redirects", b"/a /b 999\n"),
        ("odd/index.html", b"<h1>odd</h1>"),
        ("torn/gone", b"gone everywhere"),
        // Other leaves than those of the file that is whole.
        ("torn/holed", &noise[1..]),
        ("torn/here", b"here"),
    ]
}

fn add(kubo: &Kubo, place: &Path, more: &[&str]) -> String {
    let place = place.to_str().expect("test paths are text");
    let is_told = more.iter().any(|option| option.starts_with("--cid-version"));
    let version: &[&str] = if is_told { &[] } else { &["--cid-version=1"] };
    let usual = ["add", "--recursive", "--hidden", "--quieter", "--pin=false"];
    kubo.run(&[&usual[..], version, more, &[place]].concat()).trim().to_owned()
}
