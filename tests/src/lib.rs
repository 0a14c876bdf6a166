//! `rookery-tests`: starts the real tree, and real peers, and proves what the design promises.
//!
//! * [`setup`] and [`tree`]: a whole tree in a directory of its own, with every port chosen by the system.
//! * [`artc`]: the original clients of the ingest server, as they behave on the wire.
//! * [`begun`]: programs that are started beside a tree, as an operator would.
//! * [`browser`]: a real Chromium that is shown what the tree serves.
//! * [`bus_peer`]: one end of the bus as a process, and [`echo`]: what it is asked.
//! * [`process`]: signals by process id, and the search for processes that were left behind.
//! * [`h2_frames`]: HTTP/2 frame by frame, for those who break its rules.
//! * [`http`]: a client that hides nothing: no retry, headers and trailers as they came.
//! * [`comments`]: comments as clients write them, and what the server says about them.
//! * [`ipfscluster`]: the library by which the original ingest servers talk to what is behind them.
//! * [`live`]: somebody who reads live events as a browser does.
//! * [`kubo`]: the real IPFS daemon, to compare with.
//! * [`javascript`]: Helia, and kubo-rpc-client.
//! * [`multipart`]: what Kubo's RPC wants to be sent.
//! * [`peer`]: Kubo or our node, driven by the same words.
//! * [`skipped`]: what is said and counted when a peer is missing.
//! * [`proxy`]: a reverse proxy before the front.
//! * [`schemathesis`]: what compares the front with its description.
//! * [`sources`]: the repository itself, for the tests of the design's invariants.
//! * [`visitors`]: many clients that post and read at once.
//! * [`watchers`]: readers that miss nothing.
//! * [`wait`]: the only place where a test lets time pass.

pub mod artc;
pub mod begun;
pub mod browser;
pub mod bus_peer;
pub mod comments;
pub mod echo;
pub mod h2_frames;
pub mod http;
pub mod ipfscluster;
pub mod javascript;
pub mod kubo;
pub mod live;
pub mod multipart;
pub mod peer;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod schemathesis;
pub mod setup;
pub mod skipped;
pub mod sources;
pub mod tree;
pub mod visitors;
pub mod wait;
pub mod watchers;
