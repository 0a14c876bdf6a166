//! Blocks, names and records in memory, and a client that reads an answer to its end.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use gateway::web::{Hosts, Look, Named, Record, Reply, Source, answer};
use http::{HeaderMap, Method, Request};
use unixfs::{
    Block, Cid, Entry, FileBuilder, HamtRule, ImportOptions, Link, Node, Profile, Reader, Step, cid_raw, dir,
    inline_block, ipld, symlink,
};

pub(crate) const V1: ImportOptions = Profile::V1_2025.options();

/// A world in memory.
#[derive(Default)]
pub(crate) struct World {
    blocks: HashMap<Cid, Bytes>,
    /// Blocks that others have.
    pub(crate) elsewhere: HashSet<Cid>,
    pub(crate) names: HashMap<String, Named>,
    /// Names that only others know.
    pub(crate) names_elsewhere: HashSet<String>,
    pub(crate) records: HashMap<Cid, Record>,
}

impl Source for World {
    type Fault = String;

    fn block(&self, cid: &Cid, look: Look) -> Result<Option<Bytes>, String> {
        let is_here = look == Look::Everywhere || !self.elsewhere.contains(cid);
        Ok(self.blocks.get(cid).filter(|_| is_here).cloned())
    }

    fn name(&self, name: &str, look: Look) -> Result<Option<Named>, String> {
        let is_here = look == Look::Everywhere || !self.names_elsewhere.contains(name);
        Ok(self.names.get(name).filter(|_| is_here).cloned())
    }

    fn record(&self, key: &Cid, _: Look) -> Result<Option<Record>, String> {
        Ok(self.records.get(key).cloned())
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether it is an archive of blocks or a tar archive, whose bytes are others' to write.
    pub(crate) kind: &'static str,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
}

pub(crate) fn get(path: impl Into<String>) -> Ask {
    Ask { method: Method::GET, path: path.into(), headers: vec![("host", "127.0.0.1:8080".to_owned())] }
}

impl Ask {
    pub(crate) fn head(self) -> Self {
        Self { method: Method::HEAD, ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn at(self, host: impl Into<String>) -> Self {
        self.with("host", host)
    }

    pub(crate) fn of(&self, world: &World) -> Got {
        let mut request = Request::builder().method(self.method.clone()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let hosts = Hosts::new(["localhost".to_owned(), "dweb.link".to_owned()]);
        world.read(answer(&hosts, world, &head).unwrap())
    }
}

impl World {
    fn read(&self, reply: Reply) -> Got {
        let (head, body, kind) = match reply {
            Reply::Whole(answer) => {
                let (head, body) = answer.into_parts();
                return Got { status: head.status.as_u16(), headers: head.headers, body, kind: "whole" };
            }
            Reply::Archive(head, walk) => (head, walk.header(), "car"),
            Reply::Tar(head, root) => (head, root.to_string().into(), "tar"),
            Reply::File(head, reader) => {
                let pieces: Vec<Bytes> = self.all(*reader);
                (head, pieces.concat().into(), "file")
            }
            Reply::Folder(head, list, reader) => {
                let rows: Vec<Bytes> = self.all(*reader).iter().map(|entry| list.row(entry)).collect();
                (head, [&list.head()[..], &rows.concat(), &list.end()].concat().into(), "folder")
            }
        };
        let (head, ()) = head.into_parts();
        Got { status: head.status.as_u16(), headers: head.headers, body, kind }
    }

    fn all<R: Reader>(&self, mut reader: R) -> Vec<R::Out> {
        let mut all = Vec::new();
        loop {
            match reader.step().unwrap() {
                Step::Give(out) => all.push(out),
                Step::Done => return all,
                Step::Need(cid) => reader.supply(&cid, self.blocks[&cid].clone()).unwrap(),
            }
        }
    }

    fn keep(&mut self, blocks: Vec<Block>) {
        self.blocks.extend(blocks.into_iter().map(|block| (block.cid, block.bytes)));
    }

    pub(crate) fn lose(&mut self, cid: &Cid) {
        self.blocks.remove(cid);
    }

    /// A file of leaves of a thousand bytes.
    pub(crate) fn file(&mut self, content: &[u8]) -> Node {
        let mut blocks: Vec<Block> = Vec::new();
        let options = ImportOptions { chunk_bytes: unixfs::ChunkBytes::new(1000).unwrap(), ..V1 };
        let mut file = FileBuilder::new(options, &mut blocks);
        file.push(Bytes::copy_from_slice(content)).unwrap();
        let root = file.finish().unwrap();
        self.keep(blocks);
        root
    }

    pub(crate) fn folder(&mut self, entries: &[(&str, Link)]) -> Node {
        self.folder_of(&V1, entries)
    }

    /// A folder in shards, however small.
    pub(crate) fn split(&mut self, entries: &[(&str, Link)]) -> Node {
        self.folder_of(&ImportOptions { hamt: HamtRule { threshold_bytes: 0, ..V1.hamt }, ..V1 }, entries)
    }

    fn folder_of(&mut self, options: &ImportOptions, entries: &[(&str, Link)]) -> Node {
        let entries = entries.iter().map(|(name, link)| Entry::new((*name).to_owned(), *link)).collect();
        let mut blocks: Vec<Block> = Vec::new();
        let root = dir::build(entries, options, &mut blocks).unwrap();
        self.keep(blocks);
        root
    }

    /// A folder of files of these contents.
    pub(crate) fn site(&mut self, files: &[(&str, &[u8])]) -> Node {
        let files: Vec<(&str, Link)> = files.iter().map(|(name, content)| (*name, self.file(content).into())).collect();
        self.folder(&files)
    }

    pub(crate) fn link_to(&mut self, target: &'static str) -> Link {
        let block = symlink(&V1, target);
        let link = Link { cid: block.cid, tsize: block.bytes.len() as u64 };
        self.keep(vec![block]);
        link
    }

    /// A value, written in JSON, kept in this codec.
    pub(crate) fn value(&mut self, codec: u64, json: &str) -> Cid {
        let value = ipld::read(unixfs::CODEC_DAG_JSON, &Bytes::copy_from_slice(json.as_bytes())).unwrap();
        self.block(codec, ipld::write(codec, &value).unwrap())
    }

    pub(crate) fn block(&mut self, codec: u64, bytes: impl Into<Bytes>) -> Cid {
        let bytes = bytes.into();
        let cid = Cid::new_v1(codec, *cid_raw(&bytes).hash());
        assert!(inline_block(&cid).is_none());
        self.blocks.insert(cid, bytes);
        cid
    }

    pub(crate) fn name(&mut self, name: &str, path: impl Into<String>, ttl_s: Option<u64>) {
        self.names.insert(name.to_owned(), Named { path: path.into(), ttl_s });
    }
}
