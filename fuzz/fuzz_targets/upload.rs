//! Whatever a client sends to the ingest server, in whatever pieces.

#![no_main]

#[path = "../entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::upload(bytes));
