//! The configuration, in the terms of those who follow it.

use std::{sync::Arc, time::Duration};

use daemon::{crowd::Places, stop::Stop};
use proto::config::{IngestProfile, IngestServer, Rookery};
use rustls::ServerConfig;
use unixfs::{ImportOptions, Profile};

use crate::{door::Manners, patience::Patience};

/// Of the time that the supervisor gives a box to end: what is left for last words, and for the process itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What uploads and downloads go by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How bytes become blocks.
    pub options: ImportOptions,
    /// The most bytes of a file.
    pub file_bytes_max: u64,
    /// How long the IPFS daemon may be away.
    pub ipfs_wait: Duration,
    /// How long clients are waited for.
    pub patience: Patience,
    /// For clients that ask for TLS; none: they are told that there is none.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Settings {
    /// Those of a configuration.
    #[must_use]
    pub fn new(config: &IngestServer, all: &Rookery, stop: Stop) -> Self {
        let profile = match config.profile {
            IngestProfile::V0_2015 => Profile::V0_2015,
            IngestProfile::V1_2025 => Profile::V1_2025,
        };
        let patience = Patience {
            idle: Duration::from_millis(config.idle_wait_ms),
            total: Duration::from_secs(config.total_wait_s),
            stop,
            grace: drain(all).saturating_sub(LAST_WORDS),
        };
        Self {
            options: profile.into(),
            file_bytes_max: if config.file_mib == 0 { u64::MAX } else { mib(config.file_mib) },
            ipfs_wait: Duration::from_millis(config.ipfs_wait_ms),
            patience,
            tls: None,
        }
    }

    /// The same for a box that serves within TLS too.
    #[must_use]
    pub fn within(self, tls: Option<Arc<ServerConfig>>) -> Self {
        Self { tls, ..self }
    }
}

/// Who is taken in.
#[must_use]
pub fn manners(config: &IngestServer, all: &Rookery) -> Manners {
    Manners {
        connections: config.connections,
        places: Places::new(config.address_connections),
        allow: config.allow.clone(),
        drain_within: drain(all),
    }
}

/// So many MiB as bytes.
#[must_use]
pub fn mib(count: u64) -> u64 {
    count.saturating_mul(1024 * 1024)
}

/// The process has to be gone before the supervisor kills it.
fn drain(all: &Rookery) -> Duration {
    Duration::from_millis(all.supervisor.stop_wait_ms).saturating_sub(LAST_WORDS)
}
