//! `POST /add`: the files of a multipart body, one after the other, each on its way to the IPFS daemon while it comes.
//!
//! Asked by the listener. Hands every file to `Uploads`. All are pinned and in the journal before the first is told.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Request, Response, body::Incoming, header::CONTENT_TYPE};
use multipart::{Event, Header, Multipart, MultipartError};
use percent_encoding::percent_decode_str;
use tokio::time::{Duration, Instant, timeout};

use super::{
    asked::Asked,
    reply::{Added, Body, Form, Refused, added, refused},
};
use crate::{
    blocks::Blocks,
    intake::Intake,
    measures::Way,
    patience::Over,
    quota::Share,
    upload::{Lost, Uploads},
};

/// The most files of one request: their answers wait for the last.
const FILES: usize = 1_024;
/// How long what a client still sends is read after it was refused, so that it comes to read why.
const DRAIN_WAIT: Duration = Duration::from_secs(2);
/// Whoever is silent for so long gives his room to others, if they wait for it.
const REST: Duration = Duration::from_millis(500);

/// A request whose files are being taken in.
struct Adding<'a, B> {
    uploads: &'a Uploads<B>,
    peer: SocketAddr,
    asked: Asked,
    multipart: Multipart,
    body: Incoming,
}

/// Takes in the files of a request.
pub(super) async fn add<B: Blocks>(
    uploads: &Uploads<B>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Body> {
    let mut adding = match Adding::of(uploads, peer, request) {
        Ok(adding) => adding,
        Err(why) => return refused(&why),
    };
    let files = uploads.settings.patience.bound(adding.files()).await.unwrap_or_else(|over| {
        Err(Refused::File(match over {
            Over::Total => Lost::TooLong(uploads.settings.patience.total),
            Over::Stopping => Lost::Stopping,
        }))
    });
    match files {
        Ok(files) => added(&files, adding.asked.channels),
        Err(why) => {
            tracing::info!(%peer, %why, "request to add was refused");
            let _ = timeout(DRAIN_WAIT, drain(&mut adding.body)).await;
            refused(&why)
        }
    }
}

async fn drain(body: &mut Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

impl<'a, B: Blocks> Adding<'a, B> {
    fn of(uploads: &'a Uploads<B>, peer: SocketAddr, request: Request<Incoming>) -> Result<Self, Refused> {
        let query = request.uri().query().unwrap_or_default();
        let asked = Asked::read(query, uploads.settings.options).map_err(|bad| Refused::bad(&bad))?;
        let content_type =
            request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let multipart = Multipart::new(content_type).map_err(|bad| Refused::bad(&bad))?;
        Ok(Self { uploads, peer, asked, multipart, body: request.into_body() })
    }

    async fn files(&mut self) -> Result<Vec<Added>, Refused> {
        let mut files = Vec::new();
        loop {
            match self.event(&mut None).await? {
                Event::Part(_) if files.len() == FILES => {
                    return Err(Refused::bad(&format!("more than {FILES} files in one request")));
                }
                Event::Part(header) => files.push(self.file(&header).await?),
                Event::End if files.is_empty() => return Err(Refused::bad("there is no file in the body")),
                Event::End => return Ok(files),
                Event::Bytes(_) | Event::PartEnd | Event::More => {}
            }
        }
    }

    async fn file(&mut self, header: &Header) -> Result<Added, Refused> {
        let kind = header.get("content-type").unwrap_or_default();
        if ["application/x-directory", "application/symlink", "multipart/"].iter().any(|other| kind.starts_with(other))
        {
            return Err(Refused::bad("only files can be added here, no folders and no links"));
        }
        let _open = self.uploads.measures.open(Way::Upload);
        let began = Instant::now();
        let kept = self.take_file(began).await;
        let outcome = match &kept {
            Ok(_) => "kept",
            Err(Refused::File(lost)) => lost.outcome(),
            Err(Refused::Request(..)) => "hung_up",
        };
        self.uploads.measures.ended(Way::Upload, outcome, began.elapsed());
        let kept = kept?;
        let name = name(header).unwrap_or_else(|| kept.cid.to_string());
        let form = Form::of(header.get("content-disposition").unwrap_or_default());
        Ok(Added { name, cid: kept.cid, dag_bytes: kept.dag_bytes, form })
    }

    async fn take_file(&mut self, began: Instant) -> Result<crate::upload::Kept, Refused> {
        let Uploads { ipfs, memory, quota, .. } = self.uploads;
        let mut intake = Some(Intake::new(ipfs.clone(), memory.clone(), self.asked.options));
        let mut share = quota.share();
        loop {
            match self.event(&mut intake).await? {
                Event::Bytes(bytes) => self.take(bytes, &mut intake, &mut share).await?,
                Event::PartEnd | Event::End => break,
                Event::Part(_) | Event::More => {}
            }
        }
        let intake = intake.expect("nobody takes it away");
        Ok(self.uploads.keep(intake, share, self.peer, began).await?)
    }

    async fn take(&self, mut bytes: Bytes, intake: &mut Option<Intake<B>>, share: &mut Share) -> Result<(), Lost> {
        let Some(intake) = intake else { return Ok(()) };
        while !bytes.is_empty() {
            intake.make_room().await?;
            let piece = bytes.split_to(bytes.len().min(intake.wanted_bytes()));
            self.uploads.take(piece, intake, share).await?;
        }
        Ok(())
    }

    /// The next event of the body; waits for more of it where there is none yet.
    async fn event(&mut self, intake: &mut Option<Intake<B>>) -> Result<Event, Refused> {
        loop {
            match self.multipart.next().map_err(|bad| Refused::bad(&bad))? {
                Event::More => {
                    let piece = self.piece(intake).await?;
                    self.multipart.push(piece);
                }
                event => return Ok(event),
            }
        }
    }

    async fn piece(&mut self, intake: &mut Option<Intake<B>>) -> Result<Bytes, Refused> {
        let (since, idle) = (Instant::now(), self.uploads.settings.patience.idle);
        loop {
            let left = idle.saturating_sub(since.elapsed());
            match timeout(left.min(REST), self.body.frame()).await {
                Ok(Some(Ok(frame))) => return Ok(frame.into_data().unwrap_or_default()),
                Ok(Some(Err(_))) => return Err(Lost::HungUp.into()),
                Ok(None) => return Err(Refused::bad(&MultipartError::Cut)),
                Err(_) if since.elapsed() >= idle => return Err(Lost::Silent(idle).into()),
                Err(_) => match intake {
                    Some(intake) if self.uploads.memory.is_short() && intake.holds_room() => {
                        intake.park().await.map_err(Lost::from)?;
                        self.uploads.measures.parked();
                    }
                    _ => {}
                },
            }
        }
    }
}

/// As Go's QueryUnescape, which is how a Cluster reads it; none when there is none.
fn name(header: &Header) -> Option<String> {
    let name = header.disposition("filename").filter(|name| !name.is_empty())?;
    let spaced = name.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().map_or(name, |text| text.into_owned()))
}
