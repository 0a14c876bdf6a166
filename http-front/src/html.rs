//! What guards every HTML document of the front, so that nothing a stranger wrote can do anything in it.
//!
//! A document may load and ask only what comes from its own origin. It runs no script that stands in the document, sends
//! no form anywhere by itself, and tells no other site where its reader came from.

use hyper::{
    HeaderMap,
    header::{CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY},
};

pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// What every document may do. Beside it stands who may frame the document.
macro_rules! policy {
    ($($more:literal)?) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; ",
            "frame-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'",
            $("; ", $more)?
        )
    };
}

/// Whose pages may show a document in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nobody's: a page that lies over this one could make its reader press what he does not see.
    Nobody,
    /// Anybody's: the document is made for being under other people's articles.
    Anybody,
}

/// Adds the headers that guard a document.
pub(crate) fn guard(headers: &mut HeaderMap, framing: Framing) {
    let policy = match framing {
        Framing::Nobody => policy!("frame-ancestors 'none'"),
        Framing::Anybody => policy!(),
    };
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        PERMISSIONS_POLICY,
        HeaderValue::from_static("camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    );
}
