//! Why a call of the IPFS daemon gave no result.

use std::{fmt, io, path::PathBuf};

use unixfs::VerifyError;

/// What a call was waiting for when its time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The connection.
    Connection,
    /// The first byte of the answer.
    FirstByte,
    /// The next byte of the answer.
    NextByte,
    /// The end of the work that the daemon reports on.
    Headway,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "connection",
            Self::FirstByte => "answer",
            Self::NextByte => "end of the answer",
            Self::Headway => "headway",
        })
    }
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The daemon has written no address.
    #[error("cannot read the IPFS daemon's address {path}, which it writes when it is up; ask again in a few seconds")]
    NoAddress {
        /// Where the address is expected.
        path: PathBuf,
        /// What the file system said.
        #[source]
        cause: io::Error,
    },
    /// What the daemon wrote is no address.
    #[error("`{text}` in {path} is no address like /ip4/127.0.0.1/tcp/5001; restart the IPFS daemon, which writes it")]
    BadAddress {
        /// Where it stands.
        path: PathBuf,
        /// What stands there, cut short.
        text: String,
    },
    /// Nobody accepts connections at the address.
    #[error("cannot connect to the IPFS daemon at {rpc}; {advice}")]
    Connect {
        /// Host and port.
        rpc: String,
        /// What to do, which differs for a daemon of this tree and one elsewhere.
        advice: &'static str,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The daemon was too slow.
    #[error("{endpoint}: no {awaited} within {waited_ms} ms; ask again later, or raise [ipfs-shim] answer_wait_ms")]
    TimedOut {
        /// The call.
        endpoint: &'static str,
        /// What was awaited.
        awaited: Awaited,
        /// How long the whole call had taken by then.
        waited_ms: u64,
    },
    /// The connection broke before the answer was complete.
    #[error("{endpoint}: the connection broke before the answer was complete; ask again")]
    Broken {
        /// The call.
        endpoint: &'static str,
        /// What the HTTP library said.
        #[source]
        cause: hyper::Error,
    },
    /// The daemon said no before it began to answer.
    #[error("{endpoint}: the IPFS daemon said no ({status}): {message}")]
    Refused {
        /// The call.
        endpoint: &'static str,
        /// The HTTP status.
        status: u16,
        /// The daemon's words.
        message: String,
    },
    /// The daemon failed after it had begun to answer: what came before must not be used.
    #[error("{endpoint}: the IPFS daemon failed in the middle of its answer: {message}")]
    Midway {
        /// The call.
        endpoint: &'static str,
        /// The daemon's words.
        message: String,
    },
    /// The answer is not what Kubo's RPC answers.
    #[error("{endpoint}: cannot make sense of the answer ({found}); check that the address is one of Kubo's RPC")]
    Nonsense {
        /// The call.
        endpoint: &'static str,
        /// What was wrong with it.
        found: String,
    },
    /// The daemon gave other bytes than those that were asked for: its disk or its index is damaged.
    #[error("the IPFS daemon gave a damaged block; run `ipfs repo verify` or empty its folder")]
    Corrupt(#[source] VerifyError),
}

impl RpcError {
    /// Whether the daemon did not get to answer, so that the same call may succeed once it is up again.
    #[must_use]
    pub fn is_down(&self) -> bool {
        match self {
            Self::NoAddress { .. } | Self::BadAddress { .. } | Self::Connect { .. } => true,
            Self::TimedOut { .. } | Self::Broken { .. } => true,
            Self::Refused { .. } | Self::Midway { .. } | Self::Nonsense { .. } | Self::Corrupt(_) => false,
        }
    }

    /// Whether nobody is there who could be asked.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::NoAddress { .. } | Self::BadAddress { .. } | Self::Connect { .. })
    }

    /// Whether the daemon says that it lacks a block.
    #[must_use]
    pub fn is_missing_block(&self) -> bool {
        let missing = |said: &str| said.contains("could not find") || said.contains("not found");
        !self.is_unknown_call() && self.said().is_some_and(missing)
    }

    /// Whether the daemon says that what should be unpinned, or moved, is not pinned.
    #[must_use]
    pub fn is_not_pinned(&self) -> bool {
        self.said().is_some_and(|said| said.contains("not pinned") || said.contains("not recursively pinned"))
    }

    /// Whether the daemon does not know the call.
    #[must_use]
    pub fn is_unknown_call(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// One word for metrics.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::NoAddress { .. } | Self::BadAddress { .. } | Self::Connect { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::Broken { .. } => "broken",
            Self::Refused { .. } | Self::Midway { .. } => "refused",
            Self::Nonsense { .. } | Self::Corrupt(_) => "nonsense",
        }
    }

    /// Whether a daemon that was ending gave the call up, so that its successor may do it.
    pub(super) fn is_interrupted(&self) -> bool {
        // Kubo's words while it ends; its parts end one after the other, and each has its own.
        let ending = [
            "context canceled",
            "repo not open",
            "repo closed",
            "shutting down",
            "node is closing",
            "process closing",
            "database closed",
            "datastore closed",
        ];
        self.is_cut() || self.said().is_some_and(|said| ending.iter().any(|words| said.contains(words)))
    }

    /// Whether the connection was cut, which a reused one may be without any fault of the daemon's.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }

    fn said(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } | Self::Midway { message, .. } => Some(message),
            _ => None,
        }
    }
}
