//! How a store is opened.

use std::time::Duration;

use proto::config;

/// How a store is opened. Readers and the writer should agree on `map_gib`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The address space that is reserved, once and for ever larger than the store; costs no disk and no memory.
    pub map_gib: u32,
    /// Nothing is written when the volume has less than this left.
    pub reserve_mib: u32,
    /// Superseded folder nodes are kept so long.
    pub folder_history_s: u32,
    /// How long a starting writer waits for its predecessor's lock.
    pub lock_wait: Duration,
}

impl From<&config::CommentStore> for Options {
    fn from(config: &config::CommentStore) -> Self {
        Self {
            map_gib: config.map_gib,
            reserve_mib: config.reserve_mib,
            folder_history_s: config.folder_history_s,
            lock_wait: Duration::from_secs(10),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::from(&config::CommentStore::default())
    }
}
