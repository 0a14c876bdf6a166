//! `add`: files and folders from a multipart body to DAGs, pinned.

use std::sync::Arc;

use serde::Serialize;
use unixfs::{
    ChunkBytes, Fanout, ImportOptions, Leaves, Link, MaxLinks, OptionsError, Profile, Sink as _, Version, symlink,
};

use super::{Arg, Call, Command, Kind, Node, Refusal, Reply, Upload};
use crate::{
    import::{FileImport, Folder, Keep, join},
    mfs,
    rpc::{
        cid_text::CidText,
        part::{PartKind, PartName},
    },
    store::{Pin, PinKind, RootChange},
};

/// Kubo tells progress in steps of this.
const PROGRESS_BYTES: u64 = 256 << 10;
/// Rows that wait for one commit.
const ROWS_PER_COMMIT: usize = 512;
const SYMLINK_BYTES_MAX: usize = 64 << 10;
const PIN_NAME_BYTES_MAX: usize = 255;

pub(super) static COMMANDS: &[Command] = &[Command {
    path: "add",
    args: &[Arg::File("path")],
    options: &[
        ("recursive", "r", Kind::Flag),
        ("dereference-args", "", Kind::Flag),
        ("dereference-symlinks", "", Kind::Flag),
        ("stdin-name", "", Kind::Text),
        ("hidden", "H", Kind::Flag),
        ("ignore", "", Kind::Texts),
        ("ignore-rules-path", "", Kind::Text),
        ("empty-dirs", "E", Kind::Flag),
        ("quiet", "q", Kind::Flag),
        ("quieter", "Q", Kind::Flag),
        ("silent", "", Kind::Flag),
        ("progress", "p", Kind::Flag),
        ("only-hash", "n", Kind::Flag),
        ("wrap-with-directory", "w", Kind::Flag),
        ("pin", "", Kind::Flag),
        ("pin-name", "", Kind::Text),
        ("to-files", "", Kind::Text),
        ("cid-version", "", Kind::Int),
        ("hash", "", Kind::Text),
        ("raw-leaves", "", Kind::Flag),
        ("chunker", "s", Kind::Text),
        ("trickle", "t", Kind::Flag),
        ("max-file-links", "", Kind::Int),
        ("max-directory-links", "", Kind::Int),
        ("max-hamt-fanout", "", Kind::Int),
        ("inline", "", Kind::Flag),
        ("inline-limit", "", Kind::Int),
        ("nocopy", "", Kind::Flag),
        ("fscache", "", Kind::Flag),
        ("preserve-mode", "", Kind::Flag),
        ("preserve-mtime", "", Kind::Flag),
        ("mode", "", Kind::Uint),
        ("mtime", "", Kind::Long),
        ("mtime-nsecs", "", Kind::Uint),
        ("fast-provide-root", "", Kind::Flag),
        ("fast-provide-dag", "", Kind::Flag),
        ("fast-provide-wait", "", Kind::Flag),
    ],
    run: add,
}];

/// One line of the answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    hash: String,
    #[serde(skip_serializing_if = "is_zero")]
    bytes: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    size: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
}

/// What Go calls the mode of a symbolic link.
const SYMLINK_MODE: &str = "01000000777";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn add(node: &Arc<Node>, call: &Call, upload: &mut Upload, reply: &mut Reply) -> Result<(), Refusal> {
    let wishes = Wishes::of(call)?;
    let text = CidText::of(call)?;
    let keep = if wishes.only_hash { Keep::Nothing } else { Keep::Store(Arc::new(node.store.session())) };
    reply.rows();
    let mut adder =
        Adder { node, call, reply, wishes, text, keep, rows: Vec::new(), roots: Vec::new(), links: Vec::new() };
    adder.take_all(upload)
}

/// What the caller wants.
#[derive(Debug)]
struct Wishes {
    options: ImportOptions,
    wrap: bool,
    pin: Option<String>,
    only_hash: bool,
    progress: bool,
    silent: bool,
    empty_dirs: bool,
    to_files: Option<String>,
}

impl Wishes {
    fn of(call: &Call) -> Result<Self, Refusal> {
        refuse_unsupported(call)?;
        let options = import_options(call)?;
        let (only_hash, wrap) = (call.is_on("only-hash"), call.is_on("wrap-with-directory"));
        let to_files = call.text("to-files").map(str::to_owned);
        let pin_name = call.text("pin-name");
        let pins = call.flag("pin").unwrap_or(true) && !only_hash;
        if let Some(name) = pin_name.filter(|name| name.len() > PIN_NAME_BYTES_MAX) {
            return Err(Refusal::failed(format!("pin name is {} bytes (max {PIN_NAME_BYTES_MAX} bytes)", name.len())));
        }
        for (conflict, what) in [
            (only_hash && to_files.is_some(), "only-hash and to-files options are not compatible"),
            (!pins && pin_name.is_some(), "pin-name option requires pin to be set"),
            (wrap && to_files.is_some(), "wrap-with-directory and to-files options are not compatible"),
        ] {
            if conflict {
                return Err(Refusal::failed(what));
            }
        }
        Ok(Self {
            options,
            wrap,
            pin: pins.then(|| pin_name.unwrap_or_default().to_owned()),
            only_hash,
            progress: call.is_on("progress"),
            silent: call.is_on("silent"),
            empty_dirs: call.flag("empty-dirs").unwrap_or(true),
            to_files,
        })
    }
}

fn refuse_unsupported(call: &Call) -> Result<(), Refusal> {
    for name in ["trickle", "inline", "nocopy", "fscache", "preserve-mode", "preserve-mtime"] {
        if call.is_on(name) {
            return Err(Refusal::unsupported(name, "true"));
        }
    }
    for name in ["mode", "mtime", "mtime-nsecs", "max-directory-links"] {
        if let Some(value) = call.text(name).filter(|value| *value != "0") {
            return Err(Refusal::unsupported(name, value));
        }
    }
    Ok(())
}

/// The choices that change CIDs, with Kubo's defaults.
pub(super) fn import_options(call: &Call) -> Result<ImportOptions, Refusal> {
    let hash = call.text("hash").unwrap_or("sha2-256").to_ascii_lowercase();
    match hash.as_str() {
        "sha2-256" | "" => {}
        "sha2-512" | "sha3-256" | "sha3-512" | "blake2b-256" | "blake2s-256" | "blake3" | "identity" => {
            return Err(Refusal::unsupported("hash", &hash));
        }
        _ => return Err(Refusal::failed(format!("unrecognized hash function: {hash:?}"))),
    }
    let raw_leaves = call.flag("raw-leaves");
    let version: Option<i64> = call.number("cid-version")?;
    // Raw leaves have CIDs of version 1, whatever the rest has.
    let version = version.unwrap_or(0);
    let mut options = match version {
        0 => Profile::V0_2015.options(),
        1 => Profile::KuboCidV1.options(),
        other => return Err(Refusal::failed(format!("unknown CID version: {other}"))),
    };
    if let Some(raw) = raw_leaves {
        options.leaves = if raw { Leaves::Raw } else { Leaves::DagPb };
    }
    options.cid_version = if version == 1 { Version::V1 } else { Version::V0 };
    if let Some(chunker) = call.text("chunker").filter(|name| !name.is_empty() && *name != "default") {
        options.chunk_bytes = chunk_bytes(chunker)?;
    }
    shape(call, &mut options)?;
    Ok(options)
}

fn shape(call: &Call, options: &mut ImportOptions) -> Result<(), Refusal> {
    if let Some(links) = call.number::<i64>("max-file-links")?.filter(|links| *links > 0) {
        options.max_links = usize::try_from(links)
            .map_err(|_| OptionsError::Links(usize::MAX))
            .and_then(MaxLinks::new)
            .map_err(|error| Refusal::from_error(&error))?;
    }
    if let Some(fanout) = call.number::<i64>("max-hamt-fanout")? {
        let wrong = || Refusal::failed(format!("HAMT fanout must be a power of 2, between 8 and 1024 (got {fanout})"));
        let slots = u64::try_from(fanout).map_err(|_| wrong())?;
        options.hamt.fanout = Fanout::new(slots).map_err(|_| wrong())?;
    }
    Ok(())
}

fn chunk_bytes(chunker: &str) -> Result<ChunkBytes, Refusal> {
    let Some(size) = chunker.strip_prefix("size-") else {
        return match chunker.split('-').next() {
            Some("rabin" | "buzhash") => Err(Refusal::unsupported("chunker", chunker)),
            _ => Err(Refusal::failed(format!("unrecognized chunker option: {chunker}"))),
        };
    };
    let size: usize =
        size.parse().map_err(|_| Refusal::failed(format!("strconv.Atoi: parsing {size:?}: invalid syntax")))?;
    match size {
        0 => Err(Refusal::failed("chunker size must be greater than 0")),
        _ => ChunkBytes::new(size).map_err(|_| {
            let most = ChunkBytes::MAX;
            Refusal::failed(format!("chunker parameters may not exceed the maximum chunk size of {most}"))
        }),
    }
}

/// One call at work.
struct Adder<'a> {
    node: &'a Arc<Node>,
    call: &'a Call,
    reply: &'a mut Reply,
    wishes: Wishes,
    text: CidText,
    keep: Keep,
    /// Rows and roots that wait for a commit: nothing is told before it is durable.
    rows: Vec<Row>,
    roots: Vec<RootChange>,
    /// What goes into the writable folder in the end.
    links: Vec<(String, Link)>,
}

/// The entry of the body's top that is being put together.
#[derive(Default)]
struct Top {
    name: String,
    folder: Folder,
}

impl Adder<'_> {
    fn take_all(&mut self, upload: &mut Upload) -> Result<(), Refusal> {
        let mut top: Option<Top> = self.wishes.wrap.then(Top::default);
        let mut count = 0;
        while let Some(header) = upload.next_part()? {
            self.call.check_time()?;
            count += 1;
            let part = PartName::of(&header);
            let first = part.path.split('/').next().unwrap_or_default();
            let is_inside = self.wishes.wrap || top.as_ref().is_some_and(|top| top.name == first && part.path != first);
            if !is_inside && let Some(done) = top.take() {
                self.finish(done)?;
            }
            if !self.wishes.wrap && top.is_none() && (part.path.contains('/') || part.kind == PartKind::Folder) {
                top = Some(Top { name: first.to_owned(), folder: Folder::default() });
            }
            self.take_part(&part, top.as_mut(), upload)?;
            if self.rows.len() >= ROWS_PER_COMMIT {
                self.commit()?;
            }
        }
        if count == 0 {
            return Err(Refusal::failed("expected a file argument"));
        }
        if let Some(done) = top.take() {
            self.finish(done)?;
        }
        self.commit()?;
        self.link_to_files()
    }

    fn take_part(&mut self, part: &PartName, top: Option<&mut Top>, upload: &mut Upload) -> Result<(), Refusal> {
        let link = match part.kind {
            PartKind::Folder => {
                let Some(top) = top else { return Ok(()) };
                return self.open_folder(part, top);
            }
            PartKind::Symlink => self.symlink(upload)?,
            PartKind::File => self.file(&part.path, upload)?,
        };
        let name = if part.path.is_empty() { link.cid.to_string() } else { part.path.clone() };
        if !self.wishes.silent {
            let mode = (part.kind == PartKind::Symlink).then_some(SYMLINK_MODE);
            self.tell(name.clone(), link, mode);
        }
        match top {
            Some(top) => {
                let inside = name.strip_prefix(&top.name).unwrap_or(&name).trim_start_matches('/');
                top.folder.put(inside, link)
            }
            None => {
                self.finish_root(&part.path, link);
                Ok(())
            }
        }
    }

    fn open_folder(&self, part: &PartName, top: &mut Top) -> Result<(), Refusal> {
        let inside = part.path.strip_prefix(&top.name).unwrap_or(&part.path).trim_start_matches('/');
        // Without `empty-dirs` a folder is made by what is put into it.
        if self.wishes.empty_dirs || inside.is_empty() {
            top.folder.folder(inside)?;
        }
        Ok(())
    }

    fn file(&mut self, name: &str, upload: &mut Upload) -> Result<Link, Refusal> {
        let mut file = FileImport::new(self.wishes.options, self.keep.clone(), self.node.hashers.clone());
        let (mut bytes, mut told) = (0, 0);
        while let Some(piece) = upload.next_bytes()? {
            bytes += piece.len() as u64;
            file.push(piece)?;
            if bytes - told >= PROGRESS_BYTES {
                self.call.check_time()?;
                told = bytes;
                self.progress(name, bytes)?;
            }
        }
        self.progress(name, bytes)?;
        Ok(file.finish()?.into())
    }

    fn progress(&mut self, name: &str, bytes: u64) -> Result<(), Refusal> {
        if !self.wishes.progress {
            return Ok(());
        }
        self.reply.row(&Row { name: name.to_owned(), hash: String::new(), bytes, size: String::new(), mode: None })
    }

    fn symlink(&mut self, upload: &mut Upload) -> Result<Link, Refusal> {
        let target = upload.part_bytes(SYMLINK_BYTES_MAX)?;
        let block = symlink(&self.wishes.options, target);
        let link = Link { cid: block.cid, tsize: block.bytes.len() as u64 };
        self.keep.put(block)?;
        Ok(link)
    }

    /// Builds the folders of an entry and pins it.
    fn finish(&mut self, top: Top) -> Result<(), Refusal> {
        let (options, mut keep) = (self.wishes.options, self.keep.clone());
        let root = top.folder.build(&options, &mut keep, &mut |built| {
            self.tell(join(&top.name, &built.path), built.link, None);
            if self.rows.len() < ROWS_PER_COMMIT { Ok(()) } else { self.commit() }
        })?;
        self.finish_root(&top.name, root);
        Ok(())
    }

    fn finish_root(&mut self, name: &str, root: Link) {
        if let Some(pin_name) = &self.wishes.pin {
            let pin = Pin { cid: root.cid, kind: PinKind::Recursive, name: pin_name.clone() };
            self.roots.push(RootChange::Pin(pin));
        }
        if self.wishes.to_files.is_some() {
            self.links.push((name.to_owned(), root));
        }
    }

    fn tell(&mut self, name: String, link: Link, mode: Option<&'static str>) {
        let (hash, size) = (self.text.write(&link.cid), link.tsize.to_string());
        self.rows.push(Row { name, hash, bytes: 0, size, mode });
    }

    /// Makes durable what was told so far, then tells it.
    fn commit(&mut self) -> Result<(), Refusal> {
        self.keep.commit(std::mem::take(&mut self.roots))?;
        self.rows.drain(..).try_for_each(|row| self.reply.row(&row))
    }

    fn link_to_files(&mut self) -> Result<(), Refusal> {
        let Some(target) = self.wishes.to_files.clone() else { return Ok(()) };
        let links = std::mem::take(&mut self.links);
        mfs::link_added(self.node, &target, &links).map_err(|refusal| refusal.while_doing("to-files"))
    }
}
