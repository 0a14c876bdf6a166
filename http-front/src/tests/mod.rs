//! The front as its visitors meet it: over TCP, with boxes behind it that answer from memory.

mod boxes;
mod client;
mod crowded;
mod drain;
mod h2;
mod ipfs;
mod kept;
mod live;
mod pages;
mod raw_h2;
mod rig;
mod rough;
mod surface;
