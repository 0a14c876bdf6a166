//! Why a request has no answer, with the status that says so. The words go to whoever asked.
//!
//! Asked by everything here; the boxes write it as their own kind of document.

use http::{HeaderValue, StatusCode};
use thiserror::Error;
use unixfs::{Cid, ReadError};

/// The answer no.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The path is none.
    #[error("this is no path of a gateway: ask for /ipfs/<cid>?format=raw or /ipfs/<cid>?format=car")]
    Path,
    /// The path has too many segments.
    #[error("the path has more than {0} segments: begin at the CID of a folder further down")]
    Deep(usize),
    /// The root is no CID.
    #[error("{text:?} is no CID ({cause}): check that all of it was copied")]
    Cid {
        /// What stood there.
        text: String,
        /// What is wrong with it.
        cause: String,
    },
    /// An `Accept` that cannot be read.
    #[error("the Accept header cannot be read at {0:?}: write application/vnd.ipld.car;order=dfs;dups=n")]
    Accept(String),
    /// Neither blocks nor archives were asked for.
    #[error(
        "this gateway is trustless: it gives blocks (format=raw) and archives (format=car), which you can check yourself"
    )]
    Format,
    /// A parameter of an archive that cannot be.
    #[error("{name}={value:?} is not possible for an archive: {expected}")]
    Car {
        /// The parameter.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What is possible.
        expected: &'static str,
    },
    /// A `Range` that cannot be read.
    #[error("the Range header cannot be read: write bytes=<first>-<last>")]
    Range,
    /// A `Range` beyond the end.
    #[error("the range begins after the block's {block_bytes} bytes")]
    OutOfRange {
        /// How long the block is.
        block_bytes: u64,
    },
    /// An `If-Match` that does not match.
    #[error("the block is another one than If-Match names; a CID never changes its content")]
    Precondition,
    /// A block is not here, and nobody else was to be asked.
    #[error("not all of {0} is here, and only-if-cached forbids to look elsewhere")]
    NotCached(Cid),
    /// A block is not here.
    #[error("{0} is not here: ask a server that has it")]
    Missing(Cid),
    /// A folder has no entry of this name.
    #[error("{folder} has no entry {name:?}: check the path")]
    NoEntry {
        /// The folder, the shard of it, or the file that is none.
        folder: Cid,
        /// The segment of the path.
        name: String,
    },
    /// The path goes through something that is neither folder nor file.
    #[error("{0} is neither file nor folder, and paths lead through folders only: ask for it as a block")]
    Opaque(Cid),
    /// A block on the path is damaged.
    #[error("the path cannot be followed")]
    Damaged(#[source] Box<ReadError>),
}

impl Refusal {
    /// The status that says so.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Path | Self::Cid { .. } | Self::Accept(_) | Self::Car { .. } | Self::Range => StatusCode::BAD_REQUEST,
            Self::Deep(_) => StatusCode::URI_TOO_LONG,
            Self::Format => StatusCode::NOT_ACCEPTABLE,
            Self::OutOfRange { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Precondition | Self::NotCached(_) => StatusCode::PRECONDITION_FAILED,
            Self::Missing(_) | Self::NoEntry { .. } => StatusCode::NOT_FOUND,
            Self::Opaque(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `Content-Range`, where the status calls for one.
    #[must_use]
    pub fn content_range(&self) -> Option<HeaderValue> {
        let Self::OutOfRange { block_bytes } = self else { return None };
        HeaderValue::try_from(format!("bytes */{block_bytes}")).ok()
    }
}
