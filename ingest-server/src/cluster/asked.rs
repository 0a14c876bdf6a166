//! What the query of `POST /add` asks for: the options of a Cluster's clients, of which those are followed that change the CID.
//!
//! Asked by `add`. An option that would make another promise than is kept here is refused, not ignored; those about
//! replication, names and origins change nothing on a single server.

use std::str::FromStr;

use unixfs::{ChunkBytes, ImportOptions, Leaves, Version};

/// A chunk that is smaller makes more names than bytes.
const CHUNK_BYTES_MIN: usize = 16 * 1024;

/// How results are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// An object per line.
    Lines,
    /// One array.
    Array,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// How bytes become blocks.
    pub options: ImportOptions,
    /// How the answer is put together.
    pub channels: Channels,
}

/// A query that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadQuery {
    /// A value that is none.
    #[error("{key}={found}: expected {expected}")]
    Value {
        /// The option.
        key: &'static str,
        /// What stood there.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// Something that this server does not do.
    #[error("{0} is not offered here; leave it out, or add the file to an IPFS Cluster")]
    NotOffered(String),
}

impl Asked {
    /// Reads a query, on top of the options that the operator chose.
    ///
    /// # Errors
    ///
    /// With the option, what stood there and what was expected.
    pub fn read(query: &str, configured: ImportOptions) -> Result<Self, BadQuery> {
        let mut options = configured;
        let mut channels = Channels::Lines;
        let mut raw_leaves = None;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*key, &*value) {
                // An empty value is an option that was not set.
                (_, "") => {}
                ("cid-version", _) => options = version(&value, options)?,
                ("raw-leaves", _) => raw_leaves = Some(flag("raw-leaves", &value)?),
                ("chunker", _) => options.chunk_bytes = chunk(&value, configured.chunk_bytes)?,
                ("stream-channels", _) => channels = lines_if(flag("stream-channels", &value)?),
                ("hash", "sha2-256") | ("layout", "balanced") | ("format", "unixfs") => {}
                ("hash" | "layout" | "format", _) => return Err(BadQuery::NotOffered(format!("{key}={value}"))),
                ("shard" | "no-pin" | "nocopy" | "wrap-with-directory", "true" | "1") => {
                    return Err(BadQuery::NotOffered(format!("{key}={value}")));
                }
                _ => {}
            }
        }
        if let Some(raw_leaves) = raw_leaves {
            options.leaves = if raw_leaves { Leaves::Raw } else { Leaves::DagPb };
        }
        Ok(Self { options, channels })
    }
}

/// As with Kubo, the leaves of a CIDv1 are raw unless something else is said.
fn version(value: &str, options: ImportOptions) -> Result<ImportOptions, BadQuery> {
    match value {
        "0" => Ok(ImportOptions { cid_version: Version::V0, leaves: Leaves::DagPb, ..options }),
        "1" => Ok(ImportOptions { cid_version: Version::V1, leaves: Leaves::Raw, ..options }),
        _ => Err(wrong("cid-version", value, "0 or 1".to_owned())),
    }
}

fn flag(key: &'static str, value: &str) -> Result<bool, BadQuery> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => bool::from_str(value).map_err(|_| wrong(key, value, "true or false".to_owned())),
    }
}

fn lines_if(streamed: bool) -> Channels {
    if streamed { Channels::Lines } else { Channels::Array }
}

/// Memory is counted in chunks of the configured size, so larger ones are not cut for anybody.
fn chunk(value: &str, configured: ChunkBytes) -> Result<ChunkBytes, BadQuery> {
    let (least, most) = (CHUNK_BYTES_MIN.min(configured.get()), configured.get());
    let bytes = value.strip_prefix("size-").and_then(|bytes| bytes.parse().ok());
    let bytes = bytes.filter(|bytes| (least..=most).contains(bytes)).and_then(|bytes| ChunkBytes::new(bytes).ok());
    bytes.ok_or_else(|| wrong("chunker", value, format!("size-{least} to size-{most}")))
}

fn wrong(key: &'static str, found: &str, expected: String) -> BadQuery {
    BadQuery::Value { key, found: found.chars().take(100).collect(), expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unixfs::Profile;

    use super::*;

    fn read(query: &str) -> Result<Asked, BadQuery> {
        Asked::read(query, Profile::V0_2015.options())
    }

    #[test]
    fn what_the_original_server_asks_for_is_the_default() {
        let asked = read("stream-channels=true&name=files").unwrap();
        assert_eq!((asked.options, asked.channels), (Profile::V0_2015.options(), Channels::Lines));
    }

    #[test]
    fn what_cluster_ctl_asks_for_is_followed() {
        let query = "chunker=size-262144&cid-version=1&expire-at=&format=unixfs&hash=sha2-256&hidden=false&layout=&local=false&\
            mode=recursive&name=&no-pin=false&nocopy=false&progress=false&raw-leaves=true&recursive=false&\
            replication-max=0&replication-min=0&shard=false&shard-size=104857600&stream-channels=true&\
            user-allocations=&wrap-with-directory=false";
        assert_eq!(read(query).unwrap().options, Profile::KuboCidV1.options());
    }

    #[test]
    fn leaves_follow_the_version_unless_something_else_is_said() {
        let leaves = |query| read(query).unwrap().options.leaves;
        assert_eq!(leaves("cid-version=1"), Leaves::Raw);
        assert_eq!(leaves("raw-leaves=false&cid-version=1"), Leaves::DagPb);
        assert_eq!(leaves("raw-leaves=true"), Leaves::Raw);
    }

    #[test]
    fn without_channels_the_answer_is_an_array() {
        assert_eq!(read("stream-channels=false").unwrap().channels, Channels::Array);
    }

    #[test]
    fn what_would_be_another_promise_is_refused() {
        for query in
            ["shard=true", "no-pin=true", "nocopy=1", "wrap-with-directory=true", "format=car", "layout=trickle"]
        {
            assert_eq!(read(query), Err(BadQuery::NotOffered(query.to_owned())));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_right() {
        let said = |query| read(query).unwrap_err().to_string();
        assert_eq!(said("cid-version=2"), "cid-version=2: expected 0 or 1");
        assert_eq!(said("chunker=size-1048576"), "chunker=size-1048576: expected size-16384 to size-262144");
        assert_eq!(said("chunker=buzhash"), "chunker=buzhash: expected size-16384 to size-262144");
        assert_eq!(said("raw-leaves=maybe"), "raw-leaves=maybe: expected true or false");
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_a_panic(query: String) {
            let _ = read(&query);
        }
    }
}
