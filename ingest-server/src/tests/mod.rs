//! The box without its neighbours: real sockets, and a stand-in for the IPFS daemon that can be away, slow or forgetful.

mod downloads;
mod resumed;
mod rig;
mod uploads;
