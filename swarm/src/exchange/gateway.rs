//! Trustless HTTP gateways: asked for single blocks that no peer has; what they give is checked.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bitswap::message::MAX_SENT_BYTES;
use bytes::Bytes;
use cid::Cid;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1::handshake,
    header::{ACCEPT, HOST},
};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};

use super::{driver::Input, secure::Secure};

/// A gateway may look for the block itself.
const WAIT: Duration = Duration::from_secs(30);
const RAW: &str = "application/vnd.ipld.raw";

/// The gateways.
pub(super) struct Gateways {
    bases: Arc<[String]>,
    /// Which is asked first; it changes when one fails.
    first: Arc<AtomicUsize>,
    secure: Secure,
}

/// Why a gateway gave no block.
#[derive(Debug, Error)]
pub(super) enum GatewayError {
    #[error("its address is none that can be asked, such as https://gateway.example.org")]
    Address,
    #[error("it cannot be reached")]
    Unreachable(#[from] io::Error),
    #[error("it is not who it should be")]
    Untrusted(#[source] io::Error),
    #[error("it does not speak HTTP")]
    Http(#[from] hyper::Error),
    #[error("it answered {0}")]
    Refused(StatusCode),
    #[error("its answer ended early or is too long")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("it gave something else")]
    Wrong(#[from] unixfs::VerifyError),
    #[error("it did not answer in time")]
    TimedOut,
}

/// Those that can be asked, without a slash at their ends. Others are told of in the log.
pub(super) fn usable(gateways: &[String]) -> Vec<String> {
    let (usable, others): (Vec<_>, Vec<_>) =
        gateways.iter().partition(|base| ["http://", "https://"].iter().any(|scheme| base.starts_with(scheme)));
    for gateway in others {
        tracing::warn!(%gateway, "gateway cannot be asked: its address begins neither with https:// nor with http://");
    }
    usable.into_iter().map(|base| base.trim_end_matches('/').to_owned()).collect()
}

impl Gateways {
    pub(super) fn new(bases: Vec<String>) -> Self {
        Self { bases: bases.into(), first: Arc::default(), secure: Secure::web() }
    }

    /// Asks one after the other, and tells the driver.
    pub(super) fn ask(&self, cid: Cid, inputs: mpsc::Sender<Input>) {
        let (bases, first, secure) = (self.bases.clone(), self.first.clone(), self.secure.clone());
        tokio::spawn(async move {
            let bytes = from_any(&secure, &bases, &first, &cid).await;
            let _ = inputs.send(Input::FromGateway(cid, bytes)).await;
        });
    }
}

async fn from_any(secure: &Secure, bases: &[String], first: &AtomicUsize, cid: &Cid) -> Option<Bytes> {
    let begun = first.load(Ordering::Relaxed);
    for at in (0..bases.len()).map(|at| (begun + at) % bases.len()) {
        let gateway = &bases[at];
        match timeout(WAIT, from_one(secure, gateway, cid)).await.unwrap_or(Err(GatewayError::TimedOut)) {
            Ok(bytes) => {
                first.store(at, Ordering::Relaxed);
                return Some(bytes);
            }
            Err(error) => {
                tracing::debug!(%gateway, %cid, error = &error as &dyn std::error::Error, "gateway gave no block");
            }
        }
    }
    None
}

pub(super) async fn from_one(secure: &Secure, base: &str, cid: &Cid) -> Result<Bytes, GatewayError> {
    let uri: Uri = format!("{base}/ipfs/{cid}?format=raw").parse().map_err(|_| GatewayError::Address)?;
    let authority = uri.authority().ok_or(GatewayError::Address)?;
    let stream = secure.connect(&uri).await?;
    let (mut send, connection) = handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await?;
    // Dropped at the end of the question, and with it the connection.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()));
    let request = request.header(HOST, authority.as_str()).header(ACCEPT, RAW).body(Empty::new());
    let answer = send.send_request(request.map_err(|_| GatewayError::Address)?).await?;
    if !answer.status().is_success() {
        return Err(GatewayError::Refused(answer.status()));
    }
    let body = Limited::new(answer.into_body(), MAX_SENT_BYTES).collect().await.map_err(GatewayError::Body)?;
    let bytes = body.to_bytes();
    unixfs::verify(cid, &bytes)?;
    Ok(bytes)
}
