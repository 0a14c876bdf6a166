//! What a request says beside its path: which form it likes, which part it wants, what it brings.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod query;
