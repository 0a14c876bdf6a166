//! Files to DAGs: bytes are cut into chunks, chunks become leaves, leaves are laid out as a balanced tree.
//!
//! The three pieces are apart so that a caller can hash leaves on as many threads as it has; [`FileBuilder`]
//! joins them on one.

mod builder;
mod chunk;
mod layout;
mod leaf;

pub use builder::FileBuilder;
pub use chunk::Chunker;
pub use layout::Layout;
pub use leaf::{Frame, leaf, leaf_named, leaf_node, leaf_nodes, leaves};
