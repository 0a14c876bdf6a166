//! One question to the daemon, before it is sent.

use std::fmt::Write as _;

use bytes::Bytes;
use cid::Cid;
use hyper::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, TE, USER_AGENT},
};

use super::{
    upload::{Files, Upload},
    wait::{Progress, Work},
};

const AGENT: &str = concat!("rookery-ipfs-shim/", env!("CARGO_PKG_VERSION"));

/// Options of our own daemon's API that Kubo's ignores, and its command line would refuse.
const NOT_KUBOS: [&str; 1] = ["sync"];

/// One question. Cheap to clone, so it can be asked again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) endpoint: &'static str,
    pub(super) work: Work,
    method: Method,
    path: String,
    query: String,
    pairs: Vec<(&'static str, String)>,
    files: Files,
}

impl Call {
    pub(super) fn new(endpoint: &'static str, work: Work) -> Self {
        let path = format!("/api/v0/{endpoint}");
        Self {
            endpoint,
            work,
            method: Method::POST,
            path,
            query: String::new(),
            pairs: Vec::new(),
            files: Files::default(),
        }
    }

    /// A call of a Cluster's REST API, which has methods and paths of its own; `endpoint` is its name in errors and metrics.
    pub(super) fn of_cluster(endpoint: &'static str, method: Method, path: String, work: Work) -> Self {
        Self { endpoint, work, method, path, query: String::new(), pairs: Vec::new(), files: Files::default() }
    }

    pub(super) fn cid(self, cid: &Cid) -> Self {
        self.pair("arg", &cid.to_string())
    }

    pub(super) fn option(self, name: &'static str, value: &'static str) -> Self {
        self.pair(name, value)
    }

    pub(super) fn number(self, name: &'static str, value: i32) -> Self {
        self.pair(name, &value.to_string())
    }

    pub(super) fn named_cid(self, name: &'static str, cid: &Cid) -> Self {
        self.pair(name, &cid.to_string())
    }

    /// The daemon answers from its own disk: it must not search the network for what it lacks, which may take for ever.
    pub(super) fn offline(self) -> Self {
        self.option("offline", "true")
    }

    pub(super) fn files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// Names are ours and values are ours or CIDs: nothing needs escaping.
    fn pair(mut self, name: &'static str, value: &str) -> Self {
        self.pairs.push((name, value.to_owned()));
        let mark = if self.query.is_empty() { '?' } else { '&' };
        write!(self.query, "{mark}{name}={value}").expect("a string takes all text");
        self
    }

    /// The same question to Kubo's command line: the endpoint's words, its options, its arguments.
    pub(super) fn arguments(&self) -> Vec<String> {
        let (arguments, options): (Vec<_>, Vec<_>) = self.pairs.iter().partition(|(name, _)| *name == "arg");
        let words = self.endpoint.split('/').map(str::to_owned);
        let options = options.into_iter().filter(|(name, _)| !NOT_KUBOS.contains(name));
        let options = options.map(|(name, value)| format!("--{name}={value}"));
        words.chain(options).chain(arguments.into_iter().map(|(_, value)| value.clone())).collect()
    }

    /// The files that go with it, each in pieces.
    pub(super) fn contents(&self) -> &[Vec<Bytes>] {
        self.files.contents()
    }

    pub(super) fn request(&self, rpc: &str, secret: Option<&HeaderValue>, sent: Progress) -> Request<Upload> {
        let upload = self.files.body(sent);
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("{}{}", self.path, self.query))
            .header(HOST, rpc)
            .header(USER_AGENT, AGENT)
            // Only who asks for trailers is told of a failure in the middle of an answer.
            .header(TE, HeaderValue::from_static("trailers"));
        if let Some(secret) = secret {
            request = request.header(AUTHORIZATION, secret);
        }
        if upload.left_bytes() > 0 {
            request = request.header(CONTENT_TYPE, self.files.content_type());
        }
        request.body(upload).expect("a path of our own words and CIDs is a valid one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_post_with_its_arguments_in_order() {
        let (old, new) = (unixfs::cid_raw(b"old"), unixfs::cid_raw(b"new"));
        let call = Call::new("pin/update", Work::Walk).cid(&old).cid(&new).option("unpin", "false").offline();
        let request = call.request("127.0.0.1:5001", None, Progress::default());
        assert_eq!(request.method(), "POST");
        let expected = format!("/api/v0/pin/update?arg={old}&arg={new}&unpin=false&offline=true");
        assert_eq!(request.uri().to_string(), expected);
        assert_eq!(request.headers()[TE], "trailers");
        assert_eq!(request.headers()[HOST], "127.0.0.1:5001");
        assert!(!request.headers().contains_key(CONTENT_TYPE));
        assert!(!request.headers().contains_key(AUTHORIZATION));
        let secret = HeaderValue::from_static("Bearer token");
        let request = call.request("ipfs.example.org:5001", Some(&secret), Progress::default());
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer token");
    }

    #[test]
    fn the_same_question_can_be_put_to_the_command_line() {
        let (old, new) = (unixfs::cid_raw(b"old"), unixfs::cid_raw(b"new"));
        let call = Call::new("pin/update", Work::Walk).cid(&old).cid(&new).option("unpin", "false").offline();
        let expected = ["pin", "update", "--unpin=false", "--offline=true", &old.to_string(), &new.to_string()];
        assert_eq!(call.arguments(), expected);
        let put = Call::new("block/put", Work::Import).option("cid-codec", "raw").option("sync", "false");
        assert_eq!(put.arguments(), ["block", "put", "--cid-codec=raw"]);
    }
}
