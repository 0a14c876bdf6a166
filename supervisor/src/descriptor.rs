//! `descriptor`: a descriptor that the runtime watches for something to read.

use std::{io, os::fd::OwnedFd};

use tokio::io::{Interest, unix::AsyncFd};

/// Has the runtime watch a descriptor.
///
/// # Errors
///
/// When the kernel has no room for it.
pub fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open and stays the same descriptor until it is dropped, which only the `AsyncFd` does, after
    // it has stopped watching; nobody here swaps it through `get_mut`.
    let watched = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
    watched.map_err(Into::into)
}
