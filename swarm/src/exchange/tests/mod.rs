//! The exchange between peers over loopback: ours with ours, with peers that lie or stay silent, and with a gateway.

mod between;
mod junk;
mod rig;
