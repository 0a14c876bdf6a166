//! A request, understood.
//!
//! Asked by the boxes for each request; read by `exchange`. Keeps of the headers what conditions and ranges need.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{CACHE_CONTROL, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE},
};

use crate::{
    CarParams, ContentPath, Refusal,
    format::{self, Kind, Query},
    headers,
};

/// What the content is given as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The one block where the path ends.
    Raw,
    /// An archive of blocks.
    Car(CarParams),
}

/// A request for content.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Of what.
    pub path: ContentPath,
    /// As what.
    pub format: Format,
    /// Only the headers are wanted.
    pub(crate) is_head: bool,
    /// What is not here is not to be looked for.
    pub(crate) only_if_cached: bool,
    /// What to call it when it is saved.
    pub(crate) filename: Option<String>,
    pub(crate) location: Option<(HeaderName, HeaderValue)>,
    pub(crate) conditions: HeaderMap,
}

impl Ask {
    /// Reads a `GET` or `HEAD`; other methods are the caller's to refuse.
    ///
    /// # Errors
    ///
    /// When it cannot be answered, whatever blocks are here; the refusal says why, and its status.
    pub fn read(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Refusal> {
        let path = ContentPath::read(uri.path())?;
        let query = Query::read(uri.query().unwrap_or_default());
        let asked = format::read(&query, headers)?;
        let kind = if asked.format == Format::Raw { Kind::Raw } else { Kind::Car };
        Ok(Self {
            location: headers::location(uri.path(), &query, kind, &asked.params),
            ..Self::of(path, asked.format, method, &query, headers)
        })
    }

    /// Whether what is not here is not to be looked for.
    #[must_use]
    pub const fn is_only_if_cached(&self) -> bool {
        self.only_if_cached
    }

    /// What is asked of a path that is read already.
    pub(crate) fn of(path: ContentPath, format: Format, method: &Method, query: &Query, headers: &HeaderMap) -> Self {
        Self {
            path,
            format,
            is_head: method == Method::HEAD,
            only_if_cached: is_only_if_cached(headers),
            filename: query.not_empty("filename").map(str::to_owned),
            location: None,
            conditions: conditions(headers),
        }
    }
}

/// Whether what is not here is not to be looked for.
pub(crate) fn is_only_if_cached(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("only-if-cached"))
}

/// What conditions and ranges need of the headers.
pub(crate) fn conditions(headers: &HeaderMap) -> HeaderMap {
    let mut conditions = HeaderMap::new();
    for name in [IF_NONE_MATCH, IF_MATCH, IF_RANGE, RANGE] {
        for value in headers.get_all(&name) {
            conditions.append(&name, value.clone());
        }
    }
    conditions
}
