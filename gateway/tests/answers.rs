//! Requests against blocks in memory: which blocks an archive holds, in which order, and what is said of them.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: the panic is the failure it reports")]

use std::{
    cell::Cell,
    collections::{BTreeSet, HashMap},
};

use bytes::Bytes;
use gateway::{Answer, Ask, Exchange, Next, Refusal};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use proptest::prelude::*;
use unixfs::{
    Block, ByteRange, ChunkBytes, Cid, Entry, FileBuilder, FileReader, HamtRule, ImportOptions, Leaves, MaxLinks, Node,
    Profile, Reader as _, Step, cid_raw, dir, inline_block, links, symlink,
};

const V1: ImportOptions = Profile::V1_2025.options();

/// Blocks in memory, and how often they were asked for.
#[derive(Default)]
struct Blocks {
    all: HashMap<Cid, Bytes>,
    asked: Cell<usize>,
}

impl Blocks {
    fn keep(&mut self, blocks: Vec<Block>) {
        self.all.extend(blocks.into_iter().map(|block| (block.cid, block.bytes)));
    }

    fn file(&mut self, options: ImportOptions, content: &[u8]) -> Node {
        let mut blocks: Vec<Block> = Vec::new();
        let mut file = FileBuilder::new(options, &mut blocks);
        file.push(Bytes::copy_from_slice(content)).unwrap();
        let root = file.finish().unwrap();
        self.keep(blocks);
        root
    }

    fn folder(&mut self, options: &ImportOptions, entries: Vec<Entry>) -> Node {
        let mut blocks: Vec<Block> = Vec::new();
        let root = dir::build(entries, options, &mut blocks).unwrap();
        self.keep(blocks);
        root
    }

    fn get(&self, cid: &Cid) -> Option<Bytes> {
        self.asked.set(self.asked.get() + 1);
        self.all.get(cid).cloned()
    }
}

/// An answer, read to its end.
#[derive(Debug)]
struct Got {
    head: Response<()>,
    body: Bytes,
    root: Option<Bytes>,
    blocks: Vec<Block>,
    /// The archive ended before its end.
    is_cut: bool,
}

impl Got {
    fn header(&self, name: &HeaderName) -> &str {
        self.head.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn cids(&self) -> Vec<Cid> {
        self.blocks.iter().map(|block| block.cid).collect()
    }
}

fn ask(blocks: &Blocks, method: &Method, uri: &str, headers: &[(HeaderName, &str)]) -> Result<Got, Refusal> {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
    let mut exchange = Exchange::new(Ask::read(method, &uri.parse().unwrap(), &HeaderMap::from_iter(headers))?);
    let answer = loop {
        match exchange.step()? {
            Next::Answer(answer) => break answer,
            Next::Need(cid) => match blocks.get(&cid) {
                Some(bytes) => exchange.supply(&cid, bytes)?,
                None => exchange.missing()?,
            },
        }
    };
    let (head, mut walk) = match answer {
        Answer::Archive(head, walk) => (head, walk),
        Answer::Whole(answer) => {
            let (parts, body) = answer.into_parts();
            let head = Response::from_parts(parts, ());
            return Ok(Got { head, body, root: None, blocks: Vec::new(), is_cut: false });
        }
    };
    let mut got = Got { head, body: Bytes::new(), root: Some(walk.header()), blocks: Vec::new(), is_cut: false };
    loop {
        match walk.step() {
            Ok(Step::Give(block)) => got.blocks.push(block),
            Ok(Step::Done) => return Ok(got),
            Ok(Step::Need(cid)) => {
                let ahead = walk.wanted(4);
                assert_eq!(ahead.first(), Some(&cid), "what is needed is wanted first");
                assert_eq!(ahead.len(), ahead.iter().collect::<BTreeSet<_>>().len());
                let supplied = blocks.get(&cid).map(|bytes| walk.supply(&cid, bytes));
                got.is_cut = !matches!(supplied, Some(Ok(())));
            }
            Err(_) => got.is_cut = true,
        }
        if got.is_cut {
            return Ok(got);
        }
    }
}

fn get(blocks: &Blocks, uri: &str) -> Got {
    ask(blocks, &Method::GET, uri, &[]).unwrap_or_else(|refusal| panic!("{uri}: {refusal}"))
}

/// What an archive of everything holds, said in the plainest way.
fn depth_first(blocks: &Blocks, root: Cid, seen: &mut Option<BTreeSet<Cid>>, order: &mut Vec<Cid>) {
    if seen.as_mut().is_some_and(|seen| !seen.insert(root)) {
        return;
    }
    let bytes = inline_block(&root).unwrap_or_else(|| blocks.all[&root].clone());
    if inline_block(&root).is_none() {
        order.push(root);
    }
    for link in links(&root, &bytes).unwrap() {
        depth_first(blocks, link, seen, order);
    }
}

fn options() -> impl Strategy<Value = ImportOptions> {
    let leaves = prop_oneof![Just(Leaves::Raw), Just(Leaves::DagPb)];
    (leaves, 1usize..40, 2usize..6, prop_oneof![Just(0usize), Just(1 << 18)]).prop_map(
        |(leaves, chunk, width, split)| ImportOptions {
            leaves,
            chunk_bytes: ChunkBytes::new(chunk).unwrap(),
            max_links: MaxLinks::new(width).unwrap(),
            hamt: HamtRule { threshold_bytes: split, ..V1.hamt },
            ..V1
        },
    )
}

/// A folder of files of few different bytes, so that blocks come more than once, and of folders of them.
fn tree(options: ImportOptions, files: &[Vec<u8>]) -> (Blocks, Node) {
    let mut blocks = Blocks::default();
    let entries: Vec<_> =
        files.iter().enumerate().map(|(at, file)| Entry::new(format!("f{at}"), blocks.file(options, file))).collect();
    let inner = blocks.folder(&options, entries.clone());
    let outer = [entries, vec![Entry::new("inner", inner), Entry::new("twin", inner)]].concat();
    let root = blocks.folder(&options, outer);
    (blocks, root)
}

fn files() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(0u8..3, 0..200), 1..8)
}

proptest! {
    #[test]
    fn an_archive_of_everything_is_the_dag_depth_first(options in options(), files in files(), sent in any::<bool>()) {
        let (blocks, root) = tree(options, &files);
        let dups = if sent { "y" } else { "n" };
        let got = get(&blocks, &format!("/ipfs/{}?format=car&car-dups={dups}", root.cid));
        let (mut seen, mut expected) = ((!sent).then(BTreeSet::new), Vec::new());
        depth_first(&blocks, root.cid, &mut seen, &mut expected);
        prop_assert_eq!(got.cids(), expected);
        prop_assert!(!got.is_cut);
    }

    #[test]
    fn an_archive_of_a_part_of_a_file_is_enough_to_read_it(
        options in options(),
        files in files(),
        from in -250i64..250,
        to in prop::option::of(-250i64..250),
        sent in any::<bool>(),
    ) {
        prop_assume!(to.is_none_or(|to| (from < 0) != (to < 0) || from <= to));
        let (blocks, root) = tree(options, &files);
        let (content, last) = (&files[0], to.map_or("*".to_owned(), |to| to.to_string()));
        let dups = if sent { "y" } else { "n" };
        let uri = format!("/ipfs/{}/f0?format=car&dag-scope=entity&entity-bytes={from}:{last}&car-dups={dups}", root.cid);
        let got = get(&blocks, &uri);
        prop_assert!(!got.is_cut);
        let (_, file) = got.header(&HeaderName::from_static("x-ipfs-roots")).rsplit_once(',').unwrap();
        let end = i64::try_from(content.len()).unwrap();
        let place = |at: i64| if at < 0 { end + at } else { at };
        let first = place(from).clamp(0, end);
        let after = to.map_or(end, |to| (place(to) + 1).clamp(first, end));
        let range = ByteRange { from: first.unsigned_abs(), bytes: Some((after - first).unsigned_abs()) };
        let held: HashMap<_, _> = got.blocks.iter().map(|block| (block.cid, block.bytes.clone())).collect();
        let (mut reader, mut read) = (FileReader::new(file.parse().unwrap(), range), Vec::new());
        loop {
            match reader.step().unwrap() {
                Step::Need(cid) => reader.supply(&cid, held.get(&cid).expect("the archive holds it").clone()).unwrap(),
                Step::Give(bytes) => read.extend_from_slice(&bytes),
                Step::Done => break,
            }
        }
        let (first, after) = (usize::try_from(first).unwrap(), usize::try_from(after).unwrap());
        prop_assert_eq!(&read[..], &content[first..after]);
    }

    #[test]
    fn without_repeats_no_block_comes_twice(options in options(), files in files(), scope in "block|entity|all") {
        let (blocks, root) = tree(options, &files);
        for path in ["", "/inner", "/f0", "/inner/f0"] {
            let got = get(&blocks, &format!("/ipfs/{}{path}?format=car&dag-scope={scope}", root.cid));
            let cids = got.cids();
            prop_assert_eq!(cids.len(), cids.iter().collect::<BTreeSet<_>>().len());
            prop_assert_eq!(cids.first(), Some(&root.cid), "the path begins at its root");
            prop_assert!(!got.is_cut);
        }
    }

    #[test]
    fn a_block_that_is_missing_is_a_refusal_or_a_cut(options in options(), files in files(), which in any::<prop::sample::Index>()) {
        let (mut blocks, root) = tree(options, &files);
        let all = get(&blocks, &format!("/ipfs/{}?format=car", root.cid)).cids();
        let gone = *which.get(&all);
        blocks.all.remove(&gone);
        match ask(&blocks, &Method::GET, &format!("/ipfs/{}?format=car", root.cid), &[]) {
            Err(refusal) => prop_assert_eq!((refusal, gone), (Refusal::Missing(root.cid), root.cid)),
            Ok(got) => {
                prop_assert!(got.is_cut);
                let before = all.iter().position(|cid| *cid == gone).unwrap();
                prop_assert_eq!(&got.cids()[..], &all[..before]);
            }
        }
    }

    #[test]
    fn any_request_is_answered(uri in "/ipfs/[a-zA-Z0-9/%.?&=:*_-]{0,80}", accept in "[ -~]{0,40}") {
        let Ok(_) = uri.parse::<http::Uri>() else { return Ok(()) };
        let _ = ask(&Blocks::default(), &Method::GET, &uri, &[(header::ACCEPT, &accept)]);
        let _ = ask(&Blocks::default(), &Method::GET, &format!("{uri}&format=car"), &[(header::RANGE, &accept)]);
    }
}

#[test]
fn a_split_folder_is_listed_without_its_files() {
    let split = ImportOptions { hamt: HamtRule { threshold_bytes: 0, ..V1.hamt }, ..V1 };
    let mut blocks = Blocks::default();
    let entries =
        (0..600).map(|at| Entry::new(format!("name {at}"), blocks.file(V1, format!("{at}").as_bytes()))).collect();
    let root = blocks.folder(&split, entries);
    let shards = blocks.all.len() - 600;
    assert!(shards > 100);
    let got = get(&blocks, &format!("/ipfs/{}?format=car&dag-scope=entity", root.cid));
    assert_eq!(got.cids().len(), shards);
    let one = get(&blocks, &format!("/ipfs/{}/name%20599?format=car", root.cid));
    assert!((2..=4).contains(&one.cids().len()), "{}", one.cids().len());
    assert_eq!(one.blocks.last().unwrap().bytes, "599");
}

#[test]
fn a_path_that_leads_nowhere_is_proved_by_its_blocks() {
    let (blocks, root) = tree(V1, &[b"text".to_vec()]);
    let inner = get(&blocks, &format!("/ipfs/{}/inner?format=car&dag-scope=block", root.cid)).cids()[1];
    for (path, proof) in [("/nothing", vec![root.cid]), ("/inner/nothing/at/all", vec![root.cid, inner])] {
        let got = get(&blocks, &format!("/ipfs/{}{path}?format=car", root.cid));
        assert_eq!(got.cids(), proof);
        assert_eq!(got.root, Some(unixfs::car::header(&["bafkqaaa".parse().unwrap()])));
        let refusal = ask(&blocks, &Method::GET, &format!("/ipfs/{}{path}?format=raw", root.cid), &[]).unwrap_err();
        assert_eq!(refusal.status(), StatusCode::NOT_FOUND);
    }
}

#[test]
fn the_probe_is_answered_without_any_block() {
    let blocks = Blocks::default();
    let raw = get(&blocks, "/ipfs/bafkqaaa?format=raw");
    assert_eq!((raw.head.status(), raw.body.len()), (StatusCode::OK, 0));
    let car = get(&blocks, "/ipfs/bafkqaaa?format=car");
    assert_eq!((car.head.status(), car.blocks.len(), car.is_cut), (StatusCode::OK, 0, false));
    assert_eq!(blocks.asked.get(), 0);
}

#[test]
fn what_is_not_here_is_said_in_the_words_of_the_request() {
    let (blocks, cid) = (Blocks::default(), cid_raw(b"elsewhere"));
    for format in ["raw", "car"] {
        let uri = format!("/ipfs/{cid}?format={format}");
        let refused = |headers: &[_]| ask(&blocks, &Method::GET, &uri, headers).unwrap_err();
        assert_eq!(refused(&[]), Refusal::Missing(cid));
        let cached = (header::CACHE_CONTROL, "only-if-cached");
        assert_eq!(refused(&[cached]).status(), StatusCode::PRECONDITION_FAILED);
    }
}

#[test]
fn who_knows_the_tag_gets_nothing_else() {
    let (blocks, root) = tree(V1, &[b"text".to_vec()]);
    for query in ["format=raw", "format=car", "format=car&dag-scope=block", "format=car&car-dups=y"] {
        let uri = format!("/ipfs/{}/f0?{query}", root.cid);
        let tag = get(&blocks, &uri).header(&header::ETAG).to_owned();
        for known in [tag.clone(), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = ask(&blocks, &Method::GET, &uri, &[(header::IF_NONE_MATCH, &known)]).unwrap();
            assert_eq!((again.head.status(), again.header(&header::ETAG)), (StatusCode::NOT_MODIFIED, tag.as_str()));
            assert!(again.body.is_empty() && again.blocks.is_empty());
        }
        let other = ask(&blocks, &Method::GET, &uri, &[(header::IF_NONE_MATCH, "\"other\"")]).unwrap();
        assert_eq!(other.head.status(), StatusCode::OK);
    }
}

#[test]
fn a_head_has_the_headers_of_a_get() {
    let (blocks, root) = tree(V1, &[b"text".to_vec()]);
    for query in ["format=raw", "format=car"] {
        let uri = format!("/ipfs/{}?{query}&filename=a%20b", root.cid);
        let head = ask(&blocks, &Method::HEAD, &uri, &[]).unwrap();
        assert_eq!(head.head.headers(), get(&blocks, &uri).head.headers());
        assert!(head.blocks.is_empty());
    }
}

#[test]
fn a_path_through_a_file_or_a_link_leads_nowhere() {
    let mut blocks = Blocks::default();
    let (file, link) = (blocks.file(V1, b"text"), symlink(&V1, "elsewhere"));
    blocks.keep(vec![link.clone()]);
    let link = unixfs::Link { cid: link.cid, tsize: link.bytes.len() as u64 };
    let root = blocks.folder(&V1, vec![Entry::new("file", file), Entry::new("link", link)]);
    for path in ["file/x", "link/x"] {
        assert_eq!(get(&blocks, &format!("/ipfs/{}/{path}?format=car", root.cid)).cids().len(), 2, "{path}");
    }
    assert_eq!(get(&blocks, &format!("/ipfs/{}/link?format=car&dag-scope=entity", root.cid)).cids().len(), 2);
}

#[test]
fn a_file_of_one_block_over_and_over_is_read_once() {
    let mut blocks = Blocks::default();
    let options = ImportOptions { chunk_bytes: ChunkBytes::new(10).unwrap(), ..V1 };
    let file = blocks.file(options, &[0; 5_000]);
    for (query, sent) in [("", 2), ("&car-dups=y", 501), ("&dag-scope=entity&entity-bytes=0:4998", 2)] {
        blocks.asked.set(0);
        let got = get(&blocks, &format!("/ipfs/{}?format=car{query}", file.cid));
        assert_eq!((got.cids().len(), blocks.asked.get()), (sent, 2), "{query}");
    }
}
