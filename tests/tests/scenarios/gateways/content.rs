//! What the gateways are asked for: made by the real Kubo, and brought to `ipfs-node` as archives.

use std::{fs, os::unix::fs::symlink, path::Path};

use rookery_tests::{http::Client, multipart};

use super::Gateways;

/// Bytes of the large files.
const FILE_BYTES: usize = 5_000;
/// What asks for CIDs as they were until 2018.
const OLD: &str = "--cid-version=0";

/// The roots of it all.
#[derive(Debug)]
pub(super) struct Content {
    /// One raw block.
    pub(super) small: String,
    /// Five leaves below one node.
    pub(super) file: String,
    /// Fifty leaves, three links to a node.
    pub(super) deep: String,
    /// A file of version 0: its leaves are nodes too.
    pub(super) old: String,
    /// The same block over and over.
    pub(super) zeros: String,
    /// `small`, `file`, `inner/deep`, `inner/small`, `link` (to `small`), `a name`, and 40 numbered files in `split`.
    pub(super) folder: String,
    /// A folder of 300 files in shards of 16 slots.
    pub(super) split: String,
    /// A DAG-CBOR node that links `file`.
    pub(super) cbor: String,
    /// A DAG-JSON node that links `file`.
    pub(super) json: String,
    /// A file of which a leaf in the middle is missing everywhere.
    pub(super) torn: String,
    /// The leaf.
    pub(super) gone: String,
}

impl Content {
    /// Makes it, for all three.
    pub(super) fn make(gateways: &mut Gateways) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = |name: &str| folder.path().join(name);
        let noise = noise(FILE_BYTES);
        fs::create_dir_all(place("tree/inner")).expect("a folder");
        for (name, bytes) in [
            ("tree/small", &b"a few words"[..]),
            ("tree/file", &noise),
            ("tree/inner/deep", &noise),
            ("tree/inner/small", b"a few words"),
            ("tree/a name", b"a name with a space"),
            ("zeros", &[0; FILE_BYTES]),
            ("torn", &noise[1..]),
        ] {
            fs::write(place(name), bytes).expect("a file");
        }
        symlink("small", place("tree/link")).expect("a link");
        fs::create_dir(place("split")).expect("a folder");
        for number in 0..300 {
            fs::write(place(&format!("split/number {number}")), format!("{number}")).expect("a file");
        }
        let add = |name: &str, options: &[&str]| add(gateways, &place(name), options);
        let (leaves, three) = ("--chunker=size-1000", "--max-file-links=3");
        let file = add("tree/file", &[leaves]);
        let torn = add("torn", &[leaves]);
        let shards = ["--max-directory-links=10", "--max-hamt-fanout=16"];
        let mut content = Self {
            small: add("tree/small", &[]),
            deep: add("tree/file", &["--chunker=size-100", three]),
            old: add("tree/file", &[OLD, "--raw-leaves=false", leaves]),
            zeros: add("zeros", &[leaves]),
            folder: add("tree", &[leaves]),
            split: add("split", &shards),
            gone: gateways
                .program
                .run(&["ls", "--size=false", &torn])
                .lines()
                .nth(2)
                .expect("leaves")
                .trim()
                .to_owned(),
            cbor: String::new(),
            json: String::new(),
            file,
            torn,
        };
        content.cbor = put(&mut gateways.kubo_rpc, "dag-cbor", &content.file);
        content.json = put(&mut gateways.kubo_rpc, "dag-json", &content.file);
        content.bring(gateways);
        content
    }

    fn bring(&self, gateways: &mut Gateways) {
        let roots = [
            &self.small,
            &self.file,
            &self.deep,
            &self.old,
            &self.zeros,
            &self.folder,
            &self.split,
            &self.cbor,
            &self.json,
            &self.torn,
        ];
        for root in roots {
            let archive = gateways.kubo_rpc.post(&format!("/api/v0/dag/export?arg={root}"), b"").expect(200);
            let (kind, form) = (multipart::content_type(), multipart::Form::of(&archive.body));
            let import = "/api/v0/dag/import?pin-roots=false";
            let _ = gateways.node_rpc.ask("POST", import, &[("Content-Type", &kind)], &form).expect(200);
        }
        for rpc in [&mut gateways.kubo_rpc, &mut gateways.node_rpc] {
            let _ = rpc.post(&format!("/api/v0/block/rm?arg={}", self.gone), b"").expect(200);
        }
    }
}

fn add(gateways: &Gateways, place: &Path, options: &[&str]) -> String {
    let place = place.to_str().expect("test paths are text");
    let usual = ["add", "--recursive", "--quieter", "--pin=false"];
    let version = if options.contains(&OLD) { OLD } else { "--cid-version=1" };
    let options: Vec<_> = options.iter().copied().filter(|option| *option != OLD).collect();
    gateways.program.run(&[&usual[..], &[version], &options, &[place]].concat()).trim().to_owned()
}

/// Puts a node that links another.
fn put(rpc: &mut Client, codec: &str, link: &str) -> String {
    let node = format!("{{\"link\":{{\"/\":\"{link}\"}},\"number\":1}}");
    let (kind, form) = (multipart::content_type(), multipart::Form::of(node.as_bytes()));
    let path = format!("/api/v0/dag/put?input-codec=dag-json&store-codec={codec}");
    let answer = rpc.ask("POST", &path, &[("Content-Type", &kind)], &form).expect(200);
    answer.json()["Cid"]["/"].as_str().expect("a CID").to_owned()
}

/// Bytes of which no thousand are the same.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(&mut next).take(bytes).collect()
}
