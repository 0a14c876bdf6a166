//! Kubo's RPC over HTTP: `POST /api/v0/<command>`, wire rules and answers as Kubo has them.
//!
//! Asked by `ipfs-shim`, by IPFS Cluster, by Kubo's own clients and by people with curl. Each call runs on a thread of
//! its own, so a command reads from top to bottom; at most [`CALLS`] run at a time.

mod answer;
pub(crate) mod body;
pub(crate) mod call;
mod cid_text;
pub(crate) mod commands;
mod guard;
mod part;
pub(crate) mod peer_text;
mod reply;
mod upload;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{HeaderMap, Request, Response, StatusCode, body::Incoming, header, http::request::Parts};
use multipart::Multipart;
use tokio::{
    sync::{Semaphore, watch},
    task,
    time::timeout,
};

use crate::{
    node::{Node, Patience},
    refusal::Refusal,
};

pub(crate) use commands::tar;
pub(crate) use guard::plain;
pub(crate) use reply::Cut;

use body::Body;
use call::{Call, Files};
use commands::Command;
use guard::Guard;
use reply::{Reply, Trailers};
use upload::Upload;

/// Calls that run at a time; more wait for their turn.
const CALLS: usize = 64;
/// How long a call waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(30);
const PREFIX: &str = "/api/v0/";

/// The RPC of a node.
#[derive(Debug, Clone)]
pub struct Rpc {
    node: Arc<Node>,
    guard: Arc<Guard>,
    turns: Arc<Semaphore>,
    /// A call was carried out since the last look.
    worked: Arc<AtomicBool>,
}

impl Rpc {
    /// The RPC of `node`, served at `address`; pages of `allow_origins` may call it too.
    #[must_use]
    pub fn new(node: Arc<Node>, address: SocketAddr, allow_origins: &[String]) -> Self {
        let guard = Arc::new(Guard::new(address.port(), allow_origins));
        Self { node, guard, turns: Arc::new(Semaphore::new(CALLS)), worked: Arc::default() }
    }

    /// Whether calls were carried out since the last look and none is now.
    pub(crate) fn has_become_idle(&self) -> bool {
        self.turns.available_permits() == CALLS && self.worked.swap(false, Ordering::Relaxed)
    }

    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path();
        if path == "/debug/metrics/prometheus" {
            let refusal = self.guard.check_reading(request.headers());
            return refusal.unwrap_or_else(|| answer::metrics(&self.node));
        }
        let Some(command) = path.strip_prefix(PREFIX).map(str::to_owned) else {
            return plain(StatusCode::NOT_FOUND, "404 page not found\n");
        };
        let asked = request.headers().clone();
        let mut answer = match self.guard.check(request.method(), &asked) {
            Some(refusal) => refuse_early(refusal, request.into_body()),
            None => match commands::find(&command) {
                Some(command) => self.call(command, request).await,
                None => refuse_early(reply::refuse(&Refusal::unknown()), request.into_body()),
            },
        };
        self.guard.add_cors(&asked, answer.headers_mut());
        answer.headers_mut().insert(header::SERVER, answer::SERVER);
        answer
    }

    async fn call(&self, command: &'static Command, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let (call, form) = match read(command, &head) {
            Ok(read) => read,
            Err(refusal) => return refuse_early(reply::refuse(&refusal), body),
        };
        let Ok(Ok(turn)) = timeout(TURN_WAIT, Arc::clone(&self.turns).acquire_owned()).await else {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "too many calls are running; try again in a few seconds\n");
        };
        self.worked.store(true, Ordering::Relaxed);
        let (reply, answer) = Reply::new(trailers(&head.headers));
        let (client, gone) = watch::channel(());
        let (node, upload) = (Arc::new(self.node_for(&call, gone)), Upload::of(form, body));
        task::spawn_blocking(move || {
            run(command, &node, &call, upload, reply);
            drop(turn);
        });
        let answer = answer.await.map(|answer| answer.map(|body| body.read_by(client)));
        answer.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "the command ended without an answer\n"))
    }
}

impl Rpc {
    /// The node as far as a call may reach: it waits no longer than its caller does.
    fn node_for(&self, call: &Call, gone: watch::Receiver<()>) -> Node {
        let patience = Patience { deadline: call.deadline(), per_wait: None, client: Some(gone) };
        match call.is_on("offline") || call.is_on("local") {
            true => self.node.waiting(patience),
            false => self.node.reaching_out(patience),
        }
    }
}

fn run(command: &Command, node: &Arc<Node>, call: &Call, mut upload: Upload, mut reply: Reply) {
    let outcome = (command.run)(node, call, &mut upload, &mut reply);
    if let Err(refusal) = &outcome {
        tracing::debug!(command = command.path, %refusal, "a command was refused");
    }
    let is_refused = outcome.is_err();
    reply.finish(outcome);
    if is_refused {
        upload.drain();
    }
}

/// What the head of a request asks of a command.
fn read(command: &Command, head: &Parts) -> Result<(Call, Option<Multipart>), Refusal> {
    let form = upload::form(header_text(&head.headers, "content-type"))?;
    let files = if form.is_some() { Files::Sent } else { Files::None };
    let call = Call::read(head.uri.query().unwrap_or_default(), files, command.args, command.options)?;
    Ok((call, form))
}

fn refuse_early(refusal: Response<Body>, body: Incoming) -> Response<Body> {
    upload::drain_beside(body);
    refusal
}

fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn trailers(headers: &HeaderMap) -> Trailers {
    // hyper sends trailers under exactly this condition.
    if header_text(headers, "te").eq_ignore_ascii_case("trailers") { Trailers::Read } else { Trailers::Ignored }
}
