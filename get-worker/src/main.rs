//! `get-worker`: being written.
mod json;
mod page;
fn main() {}
