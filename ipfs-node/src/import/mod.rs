//! Bytes to blocks: files hashed on all processors, folders built of them, all of it kept in one session.
//!
//! Asked by `add`, `files/write` and `block/put`.

mod file;
mod folder;
mod hashers;
mod keep;

pub(crate) use file::FileImport;
pub(crate) use folder::{Folder, join};
pub use hashers::Hashers;
pub(crate) use keep::Keep;
