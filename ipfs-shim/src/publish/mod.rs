//! Publishing: whatever is in the comment store gets into the IPFS daemon, and stays there.
//!
//! Asked by nobody: it looks at the store itself. Asks the daemon. Keeps, in the box's own folder, a cursor that says
//! how far it is, and a ledger of the roots that it pinned. While the daemon is down nothing queues up but the store.

mod cursor;
mod goal;
mod ledger;
mod piece;
mod plan;
mod publisher;
mod records;
mod retry;
mod store;
mod walk;

pub use goal::Goal;
pub(crate) use piece::Piece;
pub use publisher::{PublishError, Publisher, Settings};
pub use store::wait_for_store;
