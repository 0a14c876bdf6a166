//! Copies of messages for whoever watches with `supervisor tap`; while nobody does, it costs one atomic read a message.

/// Where copies of messages go. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tap {}
