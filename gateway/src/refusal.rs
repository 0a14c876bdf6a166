//! Why a request has no answer, with the status that says so. The words go to whoever asked.
//!
//! Asked by everything here; the boxes write it as their own kind of document.

use http::{HeaderValue, StatusCode};
use thiserror::Error;
use unixfs::{Cid, ItemError, ReadError};

use crate::web::RulesError;

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
    /// Neither content nor a name was asked for.
    #[error("there is nothing here: ask for /ipfs/<cid> or /ipns/<name>")]
    Nowhere,
    /// A format that nobody here has heard of.
    #[error(
        "this format is unknown here: ask for one of raw, car, tar, json, cbor, dag-json, dag-cbor and ipns-record"
    )]
    Unheard,
    /// A path that ends at a value within a block, which is no content of its own.
    #[error("the path ends within {0}: ask for that block (format=raw) and read the value yourself")]
    Within(Cid),
    /// A block is in another codec than was asked for.
    #[error("{0} is not in this format, and nothing is converted here: ask for format=raw and convert it yourself")]
    Conversion(Cid),
    /// An `index.html`, or the page of a rule, that is no file.
    #[error("{0} should be a page but is no file: make the folder again with a file in its place")]
    Index(Cid),
    /// A `_redirects` that is no file.
    #[error("_redirects of {0} is no file: make the folder again with a file in its place")]
    RulesFile(Cid),
    /// A `_redirects` that cannot be read.
    #[error("_redirects of {root} cannot be obeyed ({cause}): mend it and publish the folder again")]
    Rules {
        /// The folder.
        root: Cid,
        /// What is wrong with it.
        cause: Box<RulesError>,
    },
    /// An address that cannot be told in a header.
    #[error("the address that this leads to cannot be told: ask for it directly")]
    Location,
    /// A name that leads nowhere.
    #[error("{0:?} leads nowhere that is known: check the name, or publish it again")]
    Name(String),
    /// A record of what is no key.
    #[error("records are those of keys: ask for /ipns/<key>?format=ipns-record")]
    NoKey,
    /// A root that no name of a host can hold.
    #[error("{0} is too long for the name of a host: ask for it by path, at a gateway without subdomains")]
    Label(String),
    /// An address of another scheme.
    #[error("the parameter uri is an address of ipfs:// or ipns://")]
    Scheme,
    /// A worker that would reach into the pages of all roots.
    #[error("a service worker is not allowed here: use a gateway with subdomains")]
    ServiceWorker,
    /// A block on the path is damaged.
    #[error("the path cannot be followed")]
    Damaged(#[source] Box<ReadError>),
}

impl Refusal {
    /// The status that says so.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Path
            | Self::Cid { .. }
            | Self::Accept(_)
            | Self::Car { .. }
            | Self::Range
            | Self::Unheard
            | Self::NoKey
            | Self::Label(_)
            | Self::Scheme
            | Self::ServiceWorker => StatusCode::BAD_REQUEST,
            Self::Deep(_) => StatusCode::URI_TOO_LONG,
            Self::Format | Self::Conversion(_) => StatusCode::NOT_ACCEPTABLE,
            Self::OutOfRange { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Precondition | Self::NotCached(_) => StatusCode::PRECONDITION_FAILED,
            Self::Missing(_) | Self::NoEntry { .. } | Self::Nowhere => StatusCode::NOT_FOUND,
            Self::Opaque(_) | Self::Within(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Index(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Damaged(_) | Self::Rules { .. } | Self::RulesFile(_) | Self::Location | Self::Name(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Why a path cannot be followed.
    pub(crate) fn of_path(error: ReadError) -> Self {
        match error {
            ReadError::NotFound { folder, name } => {
                Self::NoEntry { folder, name: String::from_utf8_lossy(&name).into_owned() }
            }
            ReadError::NotAFolder(cid) | ReadError::Symlink { cid, .. } => {
                Self::NoEntry { folder: cid, name: "of any name".to_owned() }
            }
            ReadError::Item { cid, cause } if matches!(*cause, ItemError::Codec(_) | ItemError::NoContent) => {
                Self::Opaque(cid)
            }
            other => Self::Damaged(Box::new(other)),
        }
    }

    /// What is not here is no more than that, where nobody else was to be asked.
    pub(crate) fn unless_elsewhere(self) -> Self {
        match self {
            Self::Missing(cid) | Self::NoEntry { folder: cid, .. } => Self::NotCached(cid),
            other => other,
        }
    }

    /// `Content-Range`, where the status calls for one.
    #[must_use]
    pub fn content_range(&self) -> Option<HeaderValue> {
        let Self::OutOfRange { block_bytes } = self else { return None };
        HeaderValue::try_from(format!("bytes */{block_bytes}")).ok()
    }
}
