//! Which format was asked for, and with which parameters: `format` in the query counts more than `Accept`.
//!
//! Asked by `ask`. Keeps nothing.

use http::{HeaderMap, header::ACCEPT};

use crate::{
    CarParams, Format, Refusal,
    car::{Dups, EntityBytes, Order, Scope, check_version},
};

/// Kinds of content by which a client of gateways makes itself known; others are what any browser sends.
const OURS: [&str; 5] =
    ["application/vnd.ipld", "application/vnd.ipfs", "application/x-tar", "application/json", "application/cbor"];

/// A format that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Raw,
    Car,
    Tar,
    Json,
    Cbor,
    DagJson,
    DagCbor,
    IpnsRecord,
}

impl Kind {
    const ALL: [Self; 8] =
        [Self::Raw, Self::Car, Self::Tar, Self::Json, Self::Cbor, Self::DagJson, Self::DagCbor, Self::IpnsRecord];

    /// The word for `format`; one that is none of them is as if it were not there.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Car => "car",
            Self::Tar => "tar",
            Self::Json => "json",
            Self::Cbor => "cbor",
            Self::DagJson => "dag-json",
            Self::DagCbor => "dag-cbor",
            Self::IpnsRecord => "ipns-record",
        }
    }

    /// The content type, as `Accept` has it.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Raw => "application/vnd.ipld.raw",
            Self::Car => "application/vnd.ipld.car",
            Self::Tar => "application/x-tar",
            Self::Json => "application/json",
            Self::Cbor => "application/cbor",
            Self::DagJson => "application/vnd.ipld.dag-json",
            Self::DagCbor => "application/vnd.ipld.dag-cbor",
            Self::IpnsRecord => "application/vnd.ipfs.ipns-record",
        }
    }
}

/// What a request says of the format that it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing: what a browser wants.
    Any,
    /// This one, with the parameters that came by `Accept`.
    Kind(Kind, Vec<(String, String)>),
    /// One that nobody here knows.
    Unknown,
}

/// The query of a URI, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    pub(crate) fn read(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name, if there is something in it.
    pub(crate) fn not_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// An entry of `Accept`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Accepted {
    content_type: String,
    params: Vec<(String, String)>,
}

/// What is asked for, and what has to be told so that caches keep it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) format: Format,
    /// Parameters that came by `Accept`.
    pub(crate) params: Vec<(String, String)>,
}

/// Reads what is asked for where only what proves itself is given.
pub(crate) fn read(query: &Query, headers: &HeaderMap) -> Result<Asked, Refusal> {
    let Wish::Kind(kind, params) = wish(query, headers)? else { return Err(Refusal::Format) };
    let format = checked(kind, query, &params)?.ok_or(Refusal::Format)?;
    Ok(Asked { format, params })
}

/// The format of one of the kinds that prove themselves.
pub(crate) fn checked(kind: Kind, query: &Query, params: &[(String, String)]) -> Result<Option<Format>, Refusal> {
    Ok(match kind {
        Kind::Raw => Some(Format::Raw),
        Kind::Car => Some(Format::Car(car(query, params)?)),
        _ => None,
    })
}

/// Reads which format is wanted.
pub(crate) fn wish(query: &Query, headers: &HeaderMap) -> Result<Wish, Refusal> {
    let accepted = first_of_ours(headers)?;
    let by_query = query.not_empty("format").and_then(|word| Kind::ALL.into_iter().find(|kind| kind.word() == word));
    let by_accept = accepted.as_ref().and_then(Accepted::kind);
    let Some(kind) = by_query.or(by_accept) else {
        return Ok(if accepted.is_some() { Wish::Unknown } else { Wish::Any });
    };
    // What `Accept` says of another format says nothing of this one.
    let params = accepted.filter(|_| by_accept == Some(kind)).map(|accepted| accepted.params);
    Ok(Wish::Kind(kind, params.unwrap_or_default()))
}

impl Accepted {
    fn read(entry: &str) -> Result<Self, Refusal> {
        let mut parts = entry.split(';').map(str::trim);
        let content_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let param = |part: &str| {
            let (name, value) = part.split_once('=').ok_or_else(|| Refusal::Accept(part.to_owned()))?;
            let value = value.trim();
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            Ok((name.trim().to_ascii_lowercase(), value.to_owned()))
        };
        let params = parts.filter(|part| !part.is_empty()).map(param).collect::<Result<_, _>>()?;
        Ok(Self { content_type, params })
    }

    fn kind(&self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.content_type() == self.content_type)
    }
}

/// The first entry of `Accept` that only clients of gateways send. Weights are not looked at, nor are they by others.
fn first_of_ours(headers: &HeaderMap) -> Result<Option<Accepted>, Refusal> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut entries = values.flat_map(|value| value.split(',')).map(str::trim);
    entries.find(|entry| OURS.iter().any(|kind| entry.starts_with(kind))).map(Accepted::read).transpose()
}

fn car(query: &Query, params: &[(String, String)]) -> Result<CarParams, Refusal> {
    let by_accept = |name| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let either = |in_query, in_accept| query.not_empty(in_query).or_else(|| by_accept(in_accept)).unwrap_or_default();
    let bytes = query.get("entity-bytes").map(EntityBytes::read).transpose()?;
    let scope = Scope::read(query.get("dag-scope"))?;
    check_version(either("car-version", "version"))?;
    let order = Order::read(either("car-order", "order"))?;
    let dups = Dups::read(either("car-dups", "dups"))?;
    Ok(CarParams { scope, bytes, order, dups })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn asked(query: &str, accept: &[&str]) -> Result<Format, Refusal> {
        let accept = accept.iter().map(|value| (ACCEPT, HeaderValue::from_str(value).unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in accept {
            headers.append(name, value);
        }
        read(&Query::read(query), &headers).map(|asked| asked.format)
    }

    fn params(query: &str, accept: &[&str]) -> CarParams {
        match asked(query, accept) {
            Ok(Format::Car(params)) => params,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_query_counts_more_than_accept() {
        assert_eq!(asked("format=raw", &["application/vnd.ipld.car"]), Ok(Format::Raw));
        assert_eq!(asked("format=", &["application/vnd.ipld.raw"]), Ok(Format::Raw));
        assert_eq!(asked("format=strange", &["application/vnd.ipld.raw"]), Ok(Format::Raw));
        assert_eq!(asked("", &["text/html, application/vnd.ipld.raw;q=0.5"]), Ok(Format::Raw));
        assert_eq!(asked("", &["text/html", "application/vnd.ipld.raw"]), Ok(Format::Raw));
    }

    #[test]
    fn what_cannot_be_checked_is_not_acceptable() {
        for (query, accept) in [
            ("", &[][..]),
            ("", &["*/*"]),
            ("", &["text/html"]),
            ("format=json", &[]),
            ("format=tar", &["application/vnd.ipld.raw"]),
            ("", &["application/vnd.ipld.dag-json, application/vnd.ipld.raw"]),
            ("", &["application/vnd.ipld.raw-ish"]),
        ] {
            assert_eq!(asked(query, accept), Err(Refusal::Format), "{query} {accept:?}");
        }
    }

    #[test]
    fn parameters_of_accept_count_where_the_query_has_none() {
        let accept = &["application/vnd.ipld.car; version=1; order=unk; dups=\"y\""];
        let both = CarParams { scope: Scope::All, bytes: None, order: Order::Unknown, dups: Dups::Sent };
        assert_eq!(params("", accept), both);
        assert_eq!(params("format=car", accept), both);
        assert_eq!(params("car-dups=n", accept), CarParams { dups: Dups::LeftOut, ..both });
        assert_eq!(params("format=car&car-order=dfs", accept).order, Order::Dfs);
        assert_eq!(params("format=car", &["application/vnd.ipld.raw;dups=y"]).dups, Dups::LeftOut);
    }

    #[test]
    fn impossible_parameters_are_refused() {
        for query in [
            "dag-scope=",
            "dag-scope=file",
            "car-version=2",
            "car-order=bfs",
            "car-dups=yes",
            "entity-bytes=x",
            "entity-bytes",
        ] {
            let refused = asked(&format!("format=car&{query}"), &[]);
            assert!(matches!(refused, Err(Refusal::Car { .. })), "{query}: {refused:?}");
        }
        assert!(asked("", &["application/vnd.ipld.car;version=2"]).is_err());
        assert!(matches!(asked("", &["application/vnd.ipld.car;version"]), Err(Refusal::Accept(_))));
        assert_eq!(asked("format=raw&dag-scope=file", &[]), Ok(Format::Raw));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(query in ".{0,60}", accept in "[ -~]{0,60}") {
            let _ = asked(&query, &[&accept]);
            let _ = asked(&format!("format=car&entity-bytes={query}"), &[&format!("application/vnd.ipld.car;{accept}")]);
        }
    }
}
