//! Writing into a file: what stands before and after the new bytes is read from the old file.
//!
//! Asked by `files/write`. The folder is locked only at the end, so a slow client holds nobody up; of two writers to
//! the same file the last one wins.

use std::sync::Arc;

use bytes::Bytes;
use unixfs::{ByteRange, Cid, FileReader, ImportOptions, Item, Leaves, Link, Version};

use super::{Existing, Mfs, MfsPath, Parents, find, no_such_file, small::SmallFile};
use crate::{
    import::{FileImport, Keep},
    node::Node,
    refusal::Refusal,
    store::StoreError,
};

const ZEROS: &[u8] = &[0; 64 << 10];

/// Where and how to write.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) path: MfsPath,
    pub(crate) offset: u64,
    /// The most bytes to take of what comes.
    pub(crate) count: Option<u64>,
    pub(crate) create: bool,
    pub(crate) parents: Parents,
    /// What to do with the old bytes.
    pub(crate) truncate: bool,
    /// How a new file is laid out; `None` where the old file decides.
    pub(crate) leaves: Option<Leaves>,
    pub(crate) version: Option<Version>,
}

/// Writes what `next` gives.
pub(crate) fn write(
    node: &Arc<Node>,
    place: &Place,
    next: &mut impl FnMut() -> Result<Option<Bytes>, Refusal>,
) -> Result<(), Refusal> {
    if place.parents == Parents::Make {
        make_parents(node, &place.path)?;
    }
    let old = find(node, &place.path)?;
    if old.is_none() && !place.create {
        return Err(no_such_file());
    }
    if old.is_none() && find(node, &place.path.parent())?.is_none() {
        return Err(no_such_file());
    }
    let _protection = old.map(|old| node.store.protect(old.cid)).transpose()?;
    let old_bytes = old.map_or(Ok(0), |old| file_bytes(node, &place.path, &old.cid))?;
    let kept_bytes = if place.truncate { 0 } else { old_bytes };

    let session = Arc::new(node.store.session());
    let options = options(place, old.map(|old| old.cid));
    let mut file = FileImport::new(options, Keep::Store(Arc::clone(&session)), node.hashers.clone());
    let old = old.map(|old| old.cid);
    let mut small = SmallFile::of(place, &options, old.is_none());
    copy(node, old, 0, place.offset.min(kept_bytes), &mut file)?;
    pad(place.offset.saturating_sub(kept_bytes), &mut file)?;
    let end = place.offset + take(place.count, next, &mut |piece| small.push(piece, &mut file))?;
    copy(node, old, end.min(kept_bytes), kept_bytes.saturating_sub(end), &mut file)?;
    let link = small.finish(&options, file, &session)?;

    // One session for the file and its folders: they become durable together or not at all.
    let mut mfs = Mfs::change_with(node, session)?;
    mfs.put(&place.path, link, Parents::Require)?;
    mfs.commit().map(|_| ())
}

fn make_parents(node: &Node, path: &MfsPath) -> Result<(), Refusal> {
    let above = path.parent();
    if above.is_root() || find(node, &above)?.is_some() {
        return Ok(());
    }
    let mut mfs = Mfs::change(node)?;
    mfs.make_folder(&above, None, Parents::Make)?;
    mfs.commit().map(|_| ())
}

fn file_bytes(node: &Node, path: &MfsPath, cid: &Cid) -> Result<u64, Refusal> {
    match node.item(cid)? {
        Item::File(file) => Ok(file.file_bytes),
        _ => Err(Refusal::failed(format!("{path} was not a file"))),
    }
}

/// A file goes on as it was begun, unless the caller says otherwise.
fn options(place: &Place, old: Option<Cid>) -> ImportOptions {
    let version = place.version.unwrap_or(match old {
        Some(old) if old.codec() != unixfs::CODEC_RAW => old.version(),
        _ => Version::V0,
    });
    let mut options = super::options(version);
    let was_raw = old.is_some_and(|old| old.codec() == unixfs::CODEC_RAW);
    if let Some(leaves) = place.leaves.or(was_raw.then_some(Leaves::Raw)) {
        options.leaves = leaves;
    }
    options
}

fn copy(node: &Node, old: Option<Cid>, from: u64, bytes: u64, file: &mut FileImport) -> Result<(), Refusal> {
    let Some(old) = old.filter(|_| bytes > 0) else { return Ok(()) };
    let mut reader = FileReader::new(old, ByteRange { from, bytes: Some(bytes) });
    while let Some(piece) = node.next_of(&mut reader)? {
        file.push(piece)?;
    }
    Ok(())
}

fn pad(mut bytes: u64, file: &mut FileImport) -> Result<(), Refusal> {
    while bytes > 0 {
        let piece = usize::try_from(bytes).unwrap_or(usize::MAX).min(ZEROS.len());
        file.push(Bytes::from_static(&ZEROS[..piece]))?;
        bytes -= piece as u64;
    }
    Ok(())
}

/// Takes at most `count` bytes of what comes; gives how many there were.
fn take(
    count: Option<u64>,
    next: &mut impl FnMut() -> Result<Option<Bytes>, Refusal>,
    push: &mut impl FnMut(Bytes) -> Result<(), StoreError>,
) -> Result<u64, Refusal> {
    let (mut taken, most) = (0, count.unwrap_or(u64::MAX));
    while let Some(mut piece) = next()? {
        let left = usize::try_from(most - taken).unwrap_or(usize::MAX);
        piece.truncate(left);
        taken += piece.len() as u64;
        push(piece)?;
    }
    Ok(taken)
}

/// Copies a link to another place.
pub(crate) fn copy_link(
    node: &Node,
    link: Link,
    to: &MfsPath,
    parents: Parents,
    existing: Existing,
) -> Result<(), Refusal> {
    let mut mfs = Mfs::change(node)?;
    if parents == Parents::Make && !to.parent().is_root() {
        mfs.make_folder(&to.parent(), None, Parents::Make)?;
    }
    let put = |what: &str| Refusal::failed(format!("cp: cannot put node in path {to}: {what}"));
    match mfs.find(to)? {
        Some(_) if existing == Existing::Refuse => return Err(put("directory already has entry by that name")),
        Some(old) if super::is_folder(node, &old)? => {
            return Err(Refusal::failed(format!("cp: cannot unlink existing file: not a file: {to}")));
        }
        _ => {}
    }
    if mfs.find(&to.parent())?.is_none() {
        return Err(put("file does not exist"));
    }
    mfs.put(to, link, Parents::Require)?;
    mfs.commit().map(|_| ())
}
