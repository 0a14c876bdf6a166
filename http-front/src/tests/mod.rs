//! The front as its visitors meet it: over TCP, with boxes behind it that answer from memory.

mod boxes;
mod client;
mod drain;
mod pages;
mod rig;
mod rough;
mod surface;
