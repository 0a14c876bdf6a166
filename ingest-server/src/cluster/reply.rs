//! What goes back: files that were added, the version, or why not. The forms are those of IPFS Cluster.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE, HeaderValue},
};
use proto::Cid;
use serde_json::{Value, json};

use super::asked::Channels;
use crate::upload::Lost;

/// The body of every answer.
pub(super) type Body = Full<Bytes>;
/// Every answer.
pub(super) type Answer = Result<Response<Body>, Infallible>;

/// How a CID is written, which the client does not say: its file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"/": "Qm…"}`, as Clusters before 1.0 had it. Their clients in Python send parts whose disposition is `file`.
    Link,
    /// As text, as Clusters have it today.
    Text,
}

impl Form {
    /// The form that the client knows, by the disposition of the part that its file came in.
    #[must_use]
    pub fn of(disposition: &str) -> Self {
        let kind = disposition.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("file") { Self::Link } else { Self::Text }
    }
}

/// A file that was added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The name that it was sent by.
    pub name: String,
    /// The name that it has now.
    pub cid: Cid,
    /// Bytes of all its blocks, which is what a Cluster tells.
    pub dag_bytes: u64,
    /// How the client wants to read it.
    pub form: Form,
}

impl Added {
    fn json(&self) -> Value {
        let cid = self.cid.to_string();
        let cid = match self.form {
            Form::Link => json!({ "/": cid }),
            Form::Text => json!(cid),
        };
        json!({ "name": self.name, "cid": cid, "size": self.dag_bytes })
    }
}

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The request.
    #[error("{1}")]
    Request(StatusCode, String),
    /// The file.
    #[error(transparent)]
    File(#[from] Lost),
}

impl Refused {
    pub(super) fn bad(why: &(impl ToString + ?Sized)) -> Self {
        Self::Request(StatusCode::BAD_REQUEST, why.to_string())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Request(status, _) => *status,
            Self::File(lost) => match lost {
                Lost::HungUp | Lost::NoTls => StatusCode::BAD_REQUEST,
                Lost::Silent(_) | Lost::TooLong(_) => StatusCode::REQUEST_TIMEOUT,
                Lost::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
                Lost::Quota(_) => StatusCode::INSUFFICIENT_STORAGE,
                Lost::Stopping | Lost::Collected => StatusCode::SERVICE_UNAVAILABLE,
                Lost::Ipfs(_) => StatusCode::BAD_GATEWAY,
                Lost::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
        }
    }
}

pub(super) fn version() -> Response<Body> {
    json_of(StatusCode::OK, &json!({ "version": env!("CARGO_PKG_VERSION") }).to_string())
}

pub(super) fn added(files: &[Added], channels: Channels) -> Response<Body> {
    let text = match channels {
        Channels::Lines => files.iter().map(|file| format!("{}\n", file.json())).collect(),
        Channels::Array => Value::from(files.iter().map(Added::json).collect::<Vec<_>>()).to_string(),
    };
    json_of(StatusCode::OK, &text)
}

pub(super) fn refused(why: &Refused) -> Response<Body> {
    let status = why.status();
    let mut answer = json_of(status, &json!({ "code": status.as_u16(), "message": why.to_string() }).to_string());
    // What the client may still be sending is not read.
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn json_of(status: StatusCode, text: &str) -> Response<Body> {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    const CID: &str = "QmZfF6C9j4VtoCsTp4KSrhYH47QMd3DNXVZBKaxJdhaPab";

    fn file(form: Form) -> Added {
        Added { name: "bytes".to_owned(), cid: CID.parse().unwrap(), dag_bytes: 30, form }
    }

    async fn text(answer: Response<Body>) -> String {
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_old_client_reads_the_cid_as_a_link_and_a_new_one_as_text() {
        let old = text(added(&[file(Form::Link)], Channels::Lines)).await;
        assert_eq!(old, format!("{{\"cid\":{{\"/\":\"{CID}\"}},\"name\":\"bytes\",\"size\":30}}\n"));
        let new = text(added(&[file(Form::Text)], Channels::Lines)).await;
        assert_eq!(new, format!("{{\"cid\":\"{CID}\",\"name\":\"bytes\",\"size\":30}}\n"));
    }

    #[tokio::test]
    async fn many_files_are_lines_or_one_array() {
        let files = [file(Form::Text), file(Form::Text)];
        assert_eq!(text(added(&files, Channels::Lines)).await.lines().count(), 2);
        let array: Value = serde_json::from_str(&text(added(&files, Channels::Array)).await).unwrap();
        assert_eq!(array.as_array().unwrap().len(), 2);
    }

    #[test]
    fn the_disposition_tells_the_form() {
        assert_eq!(Form::of("file; filename=\"a\""), Form::Link);
        assert_eq!(Form::of("form-data; name=\"file\"; filename=\"a\""), Form::Text);
        assert_eq!(Form::of(""), Form::Text);
    }

    #[tokio::test]
    async fn a_refusal_has_the_form_of_a_cluster() {
        let answer = refused(&Refused::File(Lost::TooLarge(5)));
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let body: Value = serde_json::from_str(&text(answer).await).unwrap();
        assert_eq!(body["code"], 413);
        assert!(body["message"].as_str().unwrap().contains("more than 5 bytes"));
    }
}
