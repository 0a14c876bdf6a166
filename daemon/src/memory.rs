//! Memory that is kept for the next buffer: who moves files passes buffers of a megabyte between threads, and the C
//! library's allocator either returns each to the system at once (a quarter of the processor time of an `add` went into page
//! faults) or keeps them for ever.
//!
//! Asked by the boxes that move files, at their start and when nothing is going on.

/// Buffers up to this are kept for the next one.
#[cfg(target_env = "gnu")]
const KEPT_BUFFER_BYTES: i32 = 4 << 20;
/// Free memory at the end of an arena up to this is kept, until [`give_back`].
#[cfg(target_env = "gnu")]
const KEPT_BYTES: i32 = 16 << 20;
/// Threads share arenas: each keeps memory of its own.
#[cfg(target_env = "gnu")]
const ARENAS: i32 = 2;

/// Tells the allocator to keep buffers. To be called before the first thread starts.
pub fn keep_buffers() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (nix::libc::M_MMAP_THRESHOLD, KEPT_BUFFER_BYTES),
        (nix::libc::M_TRIM_THRESHOLD, KEPT_BYTES),
        (nix::libc::M_ARENA_MAX, ARENAS),
    ] {
        // SAFETY: `mallopt` only sets parameters of the allocator, and no other thread runs yet.
        // One that it does not know is left as it was, which costs speed and nothing else.
        let _ = unsafe { nix::libc::mallopt(parameter, value) };
    }
}

/// Returns what is free to the system.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: `malloc_trim` may be called at any time from any thread; it only returns pages that nothing uses.
    let _ = unsafe { nix::libc::malloc_trim(0) };
}
