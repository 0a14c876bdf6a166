//! Copies of messages for whoever watches with `supervisor tap`; while nobody does, it costs one atomic read a message.

/// Where copies of messages go. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tap {}

impl Tap {
    /// Starts. Needs a tokio runtime.
    #[must_use]
    pub fn start(_runtime_dir: &std::path::Path, _name: &str, _instance: u16) -> Self {
        Self::default()
    }
}
