//! A value (DAG-CBOR, DAG-JSON, and plain CBOR and JSON) as an answer: its block as it is, or a page that shows it.
//!
//! Asked by `visit`. Nothing is converted from one codec to another (IPIP-524): who asks for that gets the block and does
//! it, for only the block proves itself. Keeps nothing.

use bytes::Bytes;
use http::{
    HeaderValue, Response,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS},
};
use unixfs::{CODEC_CBOR, CODEC_DAG_CBOR, CODEC_DAG_JSON, CODEC_JSON, Cid};

use super::{
    Reply, Source, preview,
    resolve::{End, block},
    step::Stop,
    visit::Visit,
};
use crate::{Refusal, format::Kind, headers};

/// The format of the blocks of a codec.
pub(super) const fn kind_of(codec: u64) -> Option<Kind> {
    match codec {
        CODEC_DAG_CBOR => Some(Kind::DagCbor),
        CODEC_DAG_JSON => Some(Kind::DagJson),
        CODEC_CBOR => Some(Kind::Cbor),
        CODEC_JSON => Some(Kind::Json),
        _ => None,
    }
}

impl<S: Source> Visit<'_, S> {
    /// The value where a path ends, in the format that was asked for, if one was.
    pub(super) fn value(&self, end: &End, asked: Option<Kind>) -> Result<Reply, Stop<S::Fault>> {
        let own = kind_of(end.cid.codec());
        let bytes = block(self.source, &end.cid, self.look)?;
        if !end.within.is_empty() {
            return Err(Refusal::Within(end.cid).into());
        }
        let Some(kind) = asked.or(own).filter(|kind| own.is_some_and(|own| is_as_it_is(*kind, own))) else {
            return Err(Refusal::Conversion(end.cid).into());
        };
        if asked.is_none()
            && matches!(kind, Kind::DagCbor | Kind::DagJson)
            && self.accepts_html()
            && !self.is_download()
        {
            return self.preview(&end.cid, &bytes);
        }
        let mut all = self.headers();
        all.extend(self.life.content().map(|keep| (CACHE_CONTROL, keep)));
        all.insert(CONTENT_DISPOSITION, self.value_name(&end.cid, kind));
        all.insert(CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
        all.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        self.bytes(&bytes, all, &tag(&end.cid, kind))
    }

    fn preview(&self, cid: &Cid, bytes: &Bytes) -> Result<Reply, Stop<S::Fault>> {
        self.with_slash()?;
        let page = preview::page(&self.path.text, self.gateway_name().as_deref(), cid, bytes);
        let mut answer = Response::new(Bytes::from(page.into_string()));
        *answer.headers_mut() = self.headers();
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.headers_mut().insert(ETAG, headers::text(preview::tag(cid)));
        Ok(Reply::Whole(answer))
    }

    fn value_name(&self, cid: &Cid, kind: Kind) -> HeaderValue {
        let (ending, how) = match kind {
            Kind::Json | Kind::DagJson => ("json", "inline"),
            _ => ("cbor", "attachment"),
        };
        let name = self.query.not_empty("filename").map_or_else(|| format!("{cid}.{ending}"), str::to_owned);
        headers::disposition(if self.is_download() { "attachment" } else { how }, &name)
    }

    pub(super) fn accepts_html(&self) -> bool {
        let mut values = self.head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        values.any(|value| value.contains("text/html"))
    }
}

/// The tag of a value in a format.
pub(super) fn tag(cid: &Cid, kind: Kind) -> String {
    format!("\"{cid}.{}\"", kind.word())
}

/// Whether a block is in a format without being changed: DAG-JSON is JSON, DAG-CBOR is CBOR.
fn is_as_it_is(asked: Kind, own: Kind) -> bool {
    asked == own || matches!((asked, own), (Kind::Json, Kind::DagJson) | (Kind::Cbor, Kind::DagCbor))
}
