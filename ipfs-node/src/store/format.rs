//! The files of a store before anything opens them: is this ours, of a version that we read, and is the index there?
//!
//! Asked when a store is opened. LMDB answers an emptied file with a new, empty index, after which every segment would
//! look like a leftover, and a cut one with SIGBUS; so this looks first, and what is not right changes nothing.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use super::OpenError;

const FORMAT: &str = "FORMAT";
const TEXT: &str = "rookery blocks 1\n";
/// LMDB's file in the folder of the index.
const DATA: &str = "data.mdb";

/// LMDB's meta pages (64 bits, little-endian): the magic number, the last page in use, the transaction.
const META_BYTES: usize = 152;
const MAGIC: u32 = 0xbeef_c0de;
const PAGE_BYTES: u64 = 4096;

/// What is in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// No store that anybody was promised anything of.
    New,
    /// A store of this version.
    Store,
}

/// Looks at the files.
pub(super) fn inspect(folder: &Path) -> Result<Files, OpenError> {
    let path = folder.join(FORMAT);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Files::New),
        Err(cause) => return Err(OpenError::Io { path, cause }),
        Ok(found) if found != TEXT => {
            return Err(OpenError::Format { path, found: found.trim().to_owned(), expected: TEXT.trim_ascii() });
        }
        Ok(_) => {}
    }
    let data = folder.join("index").join(DATA);
    make_mappable(&data).map_err(|cause| OpenError::Damaged { path: data, cause })?;
    Ok(Files::Store)
}

/// Notes that a store is there, once its index is: from now on a missing index is damage.
pub(super) fn finish(folder: &Path) -> io::Result<()> {
    let fresh = folder.join("FORMAT.new");
    let mut file = File::create(&fresh)?;
    file.write_all(TEXT.as_bytes())?;
    file.sync_all()?;
    fs::rename(fresh, folder.join(FORMAT))?;
    File::open(folder.join("index"))?.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Checks the meta pages, and lets the file reach to the last page in use. LMDB may leave free pages at the end
/// unwritten; if a page that is in use is missing, LMDB now finds zeros and reports damage instead of dying.
fn make_mappable(data: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(data)?;
    let metas = [0, PAGE_BYTES].map(|offset| read_meta(&file, offset));
    let newest = metas.into_iter().flatten().max_by_key(|(txn, _)| *txn);
    let Some((_, last_page)) = newest else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its first pages are not those of an index"));
    };
    let needed = last_page.saturating_add(1).saturating_mul(PAGE_BYTES);
    if file.metadata()?.len() < needed { file.set_len(needed) } else { Ok(()) }
}

/// The transaction and the last page of a meta page.
fn read_meta(file: &File, offset: u64) -> Option<(u64, u64)> {
    let mut bytes = [0; META_BYTES];
    file.read_exact_at(&mut bytes, offset).ok()?;
    let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).ok();
    let magic = u32::from_le_bytes(bytes[16..20].try_into().ok()?);
    (magic == MAGIC).then(|| Some((number(144)?, number(136)?)))?
}
