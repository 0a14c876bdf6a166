//! `daemon`: the skeleton that every box shares. It names no box and no interface.

pub mod board;
pub mod bus;
pub mod context;
pub mod failure;
pub mod pulse;
pub mod stop;
pub mod tap;
