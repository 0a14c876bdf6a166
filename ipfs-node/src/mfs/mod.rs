//! The writable folder (Kubo's `files/*`): a tree of folders whose root changes in one commit with each command.
//!
//! Asked by `files/*` and `add to-files`. Keeps nothing: the root is in the store. A file that was written in
//! several steps, or is over 2 MiB, is laid out as `add` lays it out (balanced); Kubo makes trickle trees of such files,
//! whose shape depends on how the bytes arrived: the bytes are the same, the CIDs differ.

mod path;
mod small;
mod tree;
mod write;

use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use unixfs::{
    Cid, Entry, ImportOptions, Item, Link, Profile, ReadError, Reader as _, Resolver, Step, Version,
    dag_pb::PbNode,
    dir,
    folder::{self, Change},
};

pub(crate) use path::MfsPath;
pub(crate) use write::{Place, copy_link, write};

use crate::{
    node::Node,
    refusal::Refusal,
    store::{RootChange, Session},
};
use tree::FolderBlocks;

/// What to do about folders on the way that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parents {
    Make,
    Require,
}

/// What to do about an entry that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Refuse,
    Replace,
}

pub(crate) fn no_such_file() -> Refusal {
    Refusal::failed("file does not exist")
}

/// The writable folder while it is being changed: nobody else changes it meanwhile.
#[derive(Debug)]
pub(crate) struct Mfs<'n> {
    node: &'n Node,
    session: Arc<Session>,
    root: Link,
    _turn: MutexGuard<'n, ()>,
}

impl<'n> Mfs<'n> {
    /// Waits for the turn.
    pub(crate) fn change(node: &'n Node) -> Result<Self, Refusal> {
        Self::change_with(node, Arc::new(node.store.session()))
    }

    /// Waits for the turn, to link what `session` has put.
    pub(crate) fn change_with(node: &'n Node, session: Arc<Session>) -> Result<Self, Refusal> {
        let turn = node.mfs_turn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self { node, session, root: root(node)?, _turn: turn })
    }

    /// What stands at a path.
    pub(crate) fn find(&self, path: &MfsPath) -> Result<Option<Link>, Refusal> {
        find_below(self.node, self.root, path)
    }

    /// Puts `link` at a path.
    pub(crate) fn put(&mut self, path: &MfsPath, link: Link, parents: Parents) -> Result<(), Refusal> {
        self.replace(path, Some(link), parents)
    }

    /// Removes what stands at a path.
    pub(crate) fn remove(&mut self, path: &MfsPath) -> Result<(), Refusal> {
        self.replace(path, None, Parents::Require)
    }

    /// Makes a folder, of CID version 0 unless another is given, as Kubo does.
    pub(crate) fn make_folder(
        &mut self,
        path: &MfsPath,
        version: Option<Version>,
        parents: Parents,
    ) -> Result<(), Refusal> {
        match (self.find(path)?, parents) {
            (Some(_), Parents::Require) => return Err(Refusal::failed("file already exists")),
            (Some(link), Parents::Make) if is_folder(self.node, &link)? => return Ok(()),
            (Some(_), Parents::Make) => return Err(Refusal::failed(format!("{path} is not a directory"))),
            (None, _) => {}
        }
        let above = path.parent();
        if parents == Parents::Make && !above.is_root() {
            self.make_folder(&above, version, Parents::Make)?;
        }
        self.find(&above)?.ok_or_else(no_such_file)?;
        let (block, node) = dir::empty(&options(version.unwrap_or(Version::V0)));
        self.session.put(&block)?;
        self.put(path, node.into(), Parents::Require)
    }

    /// Makes what was changed durable.
    pub(crate) fn commit(self) -> Result<Cid, Refusal> {
        self.session.commit([RootChange::MfsRoot(self.root.cid)])?;
        Ok(self.root.cid)
    }

    fn replace(&mut self, path: &MfsPath, link: Option<Link>, parents: Parents) -> Result<(), Refusal> {
        if parents == Parents::Make {
            let above = path.parent();
            if !above.is_root() {
                self.make_folder(&above, None, Parents::Make)?;
            }
        }
        self.root = self.replace_below(self.root, path.names(), link)?;
        Ok(())
    }

    fn replace_below(&self, folder: Link, names: &[String], link: Option<Link>) -> Result<Link, Refusal> {
        let Some((name, rest)) = names.split_first() else {
            return Err(Refusal::failed("cannot replace the root of the writable folder"));
        };
        let new = if rest.is_empty() {
            link
        } else {
            let child = child(self.node, folder, name)?.ok_or_else(no_such_file)?;
            Some(self.replace_below(child, rest, link)?)
        };
        let name = Bytes::copy_from_slice(name.as_bytes());
        let change = new.map_or_else(|| Change::remove(name.clone()), |link| Change::set(name.clone(), link));
        let options = options_of(self.node, &folder.cid)?;
        let mut blocks = FolderBlocks::new(self.node, &self.session, folder.cid, options.hamt.fanout);
        let changed = folder::apply(&mut blocks, &options, &[change]).map_err(|error| Refusal::from_error(&error))?;
        match changed {
            Some(node) => Ok(node.into()),
            None => {
                let (block, node) = dir::empty(&options);
                self.session.put(&block)?;
                Ok(node.into())
            }
        }
    }
}

/// The root of the writable folder.
pub(crate) fn root(node: &Node) -> Result<Link, Refusal> {
    let cid =
        node.store.mfs_root()?.ok_or_else(|| Refusal::failed("the writable folder has no root; restart the node"))?;
    link_to(node, cid)
}

/// What stands at a path of the writable folder.
pub(crate) fn find(node: &Node, path: &MfsPath) -> Result<Option<Link>, Refusal> {
    find_below(node, root(node)?, path)
}

fn find_below(node: &Node, root: Link, path: &MfsPath) -> Result<Option<Link>, Refusal> {
    let mut at = root;
    for (depth, name) in path.names().iter().enumerate() {
        if depth > 0 && !is_folder(node, &at)? {
            let whole = path.names().join("/");
            return Err(Refusal::failed(format!("cannot access {whole}: Not a directory")));
        }
        let Some(below) = child(node, at, name)? else { return Ok(None) };
        at = below;
    }
    Ok(Some(at))
}

/// One entry of a folder.
fn child(node: &Node, folder: Link, name: &str) -> Result<Option<Link>, Refusal> {
    let mut resolver = Resolver::new(folder.cid, [Bytes::copy_from_slice(name.as_bytes())]);
    loop {
        let supplied = match resolver.step()? {
            Step::Give(found) => return Ok(Some(Link { cid: found.cid, tsize: found.tsize.unwrap_or_default() })),
            Step::Done => return Ok(None),
            Step::Need(cid) => resolver.supply(&cid, node.block(&cid)?),
        };
        match supplied {
            Err(ReadError::NotFound { .. }) => return Ok(None),
            other => other?,
        }
    }
}

/// Whether a link leads to a folder.
pub(crate) fn is_folder(node: &Node, link: &Link) -> Result<bool, Refusal> {
    if link.cid.codec() == unixfs::CODEC_RAW {
        return Ok(false);
    }
    Ok(matches!(node.item(&link.cid)?, Item::Folder(_) | Item::Shard(_)))
}

/// A block as a link: with the size of all below it.
pub(crate) fn link_to(node: &Node, cid: Cid) -> Result<Link, Refusal> {
    let bytes = node.block(&cid)?;
    let tsize = match cid.codec() {
        unixfs::CODEC_DAG_PB => PbNode::decode(&bytes).map_err(|error| Refusal::from_error(&error))?.tsize(bytes.len()),
        _ => bytes.len() as u64,
    };
    Ok(Link { cid, tsize })
}

/// The entries of a folder by name.
pub(crate) fn entries(node: &Node, folder: &Cid) -> Result<Vec<Entry>, Refusal> {
    let mut reader = unixfs::DirReader::new(*folder);
    let mut entries = Vec::new();
    while let Some(entry) = node.next_of(&mut reader)? {
        entries.push(entry);
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn options(version: Version) -> ImportOptions {
    match version {
        Version::V0 => Profile::V0_2015.into(),
        Version::V1 => Profile::KuboCidV1.into(),
    }
}

/// A folder is changed with the choices it was made with, as far as they can be seen.
fn options_of(node: &Node, folder: &Cid) -> Result<ImportOptions, Refusal> {
    let mut options = options(folder.version());
    if let Item::Shard(shard) = node.item(folder)? {
        options.hamt.fanout = shard.fanout;
    }
    Ok(options)
}

/// Puts what `add` made into the writable folder.
pub(crate) fn link_added(node: &Node, target: &str, added: &[(String, Link)]) -> Result<(), Refusal> {
    let target = if target.is_empty() { "/" } else { target };
    let path = MfsPath::parse(target)?;
    let mut mfs = Mfs::change(node)?;
    if !path.is_folder() && added.len() > 1 {
        let what = format!("MFS destination is a file: only one entry can be copied to {target:?}");
        return Err(Refusal::failed(what));
    }
    for (name, link) in added {
        let name = name.rsplit('/').next().unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::failed("cannot add unnamed files to MFS"));
        }
        let place = match path.is_folder() {
            true => {
                check_target_folder(node, &mfs, target, &path)?;
                path.child(name)
            }
            false => path.clone(),
        };
        put_new(&mut mfs, &place, *link)?;
    }
    mfs.commit().map(|_| ())
}

fn check_target_folder(node: &Node, mfs: &Mfs<'_>, target: &str, path: &MfsPath) -> Result<(), Refusal> {
    match mfs.find(path)? {
        None => {
            Err(Refusal::failed(format!("MFS destination directory {target:?} does not exist: file does not exist")))
        }
        Some(link) if !is_folder(node, &link)? => {
            Err(Refusal::failed(format!("MFS destination {target:?} is not a directory")))
        }
        Some(_) => Ok(()),
    }
}

fn put_new(mfs: &mut Mfs<'_>, place: &MfsPath, link: Link) -> Result<(), Refusal> {
    let parent = place.parent();
    if mfs.find(&parent)?.is_none() {
        let what = format!(
            "MFS destination parent {:?} {:?} does not exist: file does not exist",
            place.to_string(),
            parent.to_string()
        );
        return Err(Refusal::failed(what));
    }
    if mfs.find(place)?.is_some() {
        let what = format!("cannot put node in path {:?}: directory already has entry by that name", place.to_string());
        return Err(Refusal::failed(what));
    }
    mfs.put(place, link, Parents::Require)
}
