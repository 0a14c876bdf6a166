//! From a request to its answer: follows the path, needs the block at its end, and knows then what to say.
//!
//! Driven by the boxes, which bring the blocks. Keeps the path's blocks, up to a limit, for the archive they begin.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{
        ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use unixfs::{Cid, ReadError, Reader as _, Resolver, Step, inline_block};

use crate::{
    Ask, CarParams, Format, Refusal, Walk,
    conditions::{Compare, names},
    headers, range,
    walk::Way,
};

/// What an exchange does next.
#[derive(Debug)]
pub enum Next {
    /// It waits for this block: supply it, or say that it is missing.
    Need(Cid),
    /// It is over.
    Answer(Answer),
}

/// An answer that is no refusal.
#[derive(Debug)]
pub enum Answer {
    /// All of it. To a `HEAD`, the body is what a `GET` would give, or none where its length is not told.
    Whole(Response<Bytes>),
    /// An archive, whose blocks are still to be walked.
    Archive(Response<()>, Box<Walk>),
}

/// The state machine.
#[derive(Debug)]
pub struct Exchange {
    ask: Ask,
    way: Way,
    at: At,
}

#[derive(Debug)]
enum At {
    Path(Resolver),
    /// At the block where the path ends, with where it was after each segment.
    End {
        cid: Cid,
        roots: Vec<Cid>,
    },
    Over(Option<Answer>),
}

impl Exchange {
    /// An exchange that begins with this request.
    #[must_use]
    pub fn new(ask: Ask) -> Self {
        let resolver = Resolver::new(ask.path.root, ask.path.segments.iter().cloned());
        let known = known_archive(&ask);
        let at = known.map_or(At::Path(resolver), |answer| At::Over(Some(answer)));
        Self { ask, way: Way::default(), at }
    }

    /// An exchange whose path is followed already.
    pub(crate) fn arrived(ask: Ask, cid: Cid, roots: Vec<Cid>) -> Result<Self, Refusal> {
        let mut exchange = Self { ask, way: Way::default(), at: At::Over(None) };
        exchange.arrive(cid, roots)?;
        Ok(exchange)
    }

    /// What was asked.
    #[must_use]
    pub const fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Goes on as far as it can with the blocks it has. After an answer it has no other.
    ///
    /// # Errors
    ///
    /// When the answer is no.
    ///
    /// # Panics
    ///
    /// When it is stepped after its answer.
    pub fn step(&mut self) -> Result<Next, Refusal> {
        loop {
            match &mut self.at {
                At::Path(resolver) => match resolver.step() {
                    Ok(Step::Need(cid)) => return Ok(Next::Need(cid)),
                    Ok(Step::Give(resolved)) => {
                        let roots = resolver.roots().to_vec();
                        self.arrive(resolved.cid, roots)?;
                    }
                    Ok(Step::Done) => unreachable!("the end of a path is given once, and then left"),
                    Err(error) => self.stray(error)?,
                },
                At::End { cid, .. } => match inline_block(cid) {
                    Some(bytes) => self.end(bytes)?,
                    None => return Ok(Next::Need(*cid)),
                },
                At::Over(answer) => return Ok(Next::Answer(answer.take().expect("an exchange has one answer"))),
            }
        }
    }

    /// Takes the block that it needs. The bytes must be that block ([`unixfs::verify`]) and are not checked again.
    ///
    /// # Errors
    ///
    /// When the answer is no.
    pub fn supply(&mut self, cid: &Cid, bytes: Bytes) -> Result<(), Refusal> {
        match &mut self.at {
            At::Path(resolver) => {
                self.way.push(*cid, bytes.clone());
                match resolver.supply(cid, bytes) {
                    Ok(()) => Ok(()),
                    Err(error) => self.stray(error),
                }
            }
            At::End { cid: end, .. } if end == cid => self.end(bytes),
            At::End { .. } | At::Over(_) => Ok(()),
        }
    }

    /// The block that it needs is not here.
    ///
    /// # Errors
    ///
    /// Always: the answer is no.
    pub fn missing(&mut self) -> Result<(), Refusal> {
        let cid = match self.step()? {
            Next::Need(cid) => cid,
            Next::Answer(answer) => {
                self.at = At::Over(Some(answer));
                return Ok(());
            }
        };
        Err(if self.ask.only_if_cached { Refusal::NotCached(cid) } else { Refusal::Missing(cid) })
    }

    /// The path is followed: the tag of a block is known before the block is.
    fn arrive(&mut self, cid: Cid, roots: Vec<Cid>) -> Result<(), Refusal> {
        self.at = At::End { cid, roots };
        if self.ask.format != Format::Raw {
            return Ok(());
        }
        let tag = headers::raw_tag(&cid);
        if names(&self.ask.conditions, IF_MATCH, &tag, Compare::Strong) == Some(false) {
            return Err(Refusal::Precondition);
        }
        if names(&self.ask.conditions, IF_NONE_MATCH, &tag, Compare::Weak) == Some(true) {
            self.at = At::Over(Some(Answer::Whole(not_modified(&self.ask, &tag))));
        }
        Ok(())
    }

    /// The path leads nowhere. An archive proves it: its blocks are those where the next segment should have been.
    fn stray(&mut self, error: ReadError) -> Result<(), Refusal> {
        if let (ReadError::Within { cid, .. }, At::Path(resolver)) = (&error, &self.at) {
            // What lies within a block is proved by the block.
            let roots = resolver.roots().to_vec();
            self.way.pop();
            return self.arrive(*cid, roots);
        }
        if self.ask.only_if_cached {
            return Err(Refusal::NotCached(self.ask.path.root));
        }
        let (Format::Car(params), true) = (self.ask.format, leads_nowhere(&error)) else {
            return Err(Refusal::of_path(error));
        };
        let walk = Walk::of_the_way(std::mem::take(&mut self.way), params.dups);
        let root = self.ask.path.root;
        self.at = At::Over(Some(self.archive(&params, &[root], walk)));
        Ok(())
    }

    fn end(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        let At::End { cid, roots } = std::mem::replace(&mut self.at, At::Over(None)) else {
            return Ok(());
        };
        let answer = match self.ask.format {
            Format::Raw => Answer::Whole(self.block(&cid, &roots, bytes)?),
            Format::Car(params) => {
                let walk = Walk::new(std::mem::take(&mut self.way), cid, bytes, &params);
                self.archive(&params, &roots, walk)
            }
        };
        self.at = At::Over(Some(answer));
        Ok(())
    }

    fn block(&self, cid: &Cid, roots: &[Cid], bytes: Bytes) -> Result<Response<Bytes>, Refusal> {
        let (tag, block_bytes) = (headers::raw_tag(cid), bytes.len() as u64);
        // RFC 9110 defines ranges for GET alone.
        let range = if self.ask.is_head { None } else { range::read(&self.ask.conditions, &tag, block_bytes)? };
        let mut answer = begun(&self.ask, &tag);
        let all = answer.headers_mut();
        all.extend(headers::raw(&self.ask, cid));
        all.insert(headers::X_IPFS_ROOTS, headers::roots(roots));
        all.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        // Servers leave it out of the answer to a HEAD where the body has no bytes.
        let given_bytes = range.as_ref().map_or(block_bytes, |range| range.end - range.start);
        all.insert(CONTENT_LENGTH, given_bytes.into());
        let Some(range) = range else { return Ok(answer.map(|()| bytes)) };
        let told = format!("bytes {}-{}/{block_bytes}", range.start, range.end - 1);
        all.insert(CONTENT_RANGE, HeaderValue::try_from(told).expect("numbers may stand in a header"));
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let index = |at: u64| usize::try_from(at).expect("a range lies within bytes that are in memory");
        Ok(answer.map(|()| bytes.slice(index(range.start)..index(range.end))))
    }

    fn archive(&self, params: &CarParams, roots: &[Cid], walk: Walk) -> Answer {
        let mut answer = begun(&self.ask, &headers::car_tag(&self.ask.path, params));
        let all = answer.headers_mut();
        all.insert(CONTENT_TYPE, headers::car_kind(params));
        all.insert(CONTENT_DISPOSITION, headers::car_name(&self.ask));
        all.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        all.insert(headers::X_IPFS_ROOTS, headers::roots(roots));
        all.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
        match self.ask.is_head {
            true => Answer::Whole(answer.map(|()| Bytes::new())),
            false => Answer::Archive(answer, Box::new(walk)),
        }
    }
}

impl Ask {
    /// The headers that a refusal of this request bears too.
    #[must_use]
    pub fn path_header(&self) -> (http::HeaderName, HeaderValue) {
        (headers::X_IPFS_PATH, headers::path(&self.path))
    }
}

/// An archive's tag is known before any block is.
fn known_archive(ask: &Ask) -> Option<Answer> {
    let Format::Car(params) = ask.format else { return None };
    let tag = headers::car_tag(&ask.path, &params);
    let is_known = names(&ask.conditions, IF_NONE_MATCH, &tag, Compare::Weak) == Some(true);
    is_known.then(|| {
        let mut answer = not_modified(ask, &tag);
        answer.headers_mut().insert(CONTENT_DISPOSITION, headers::car_name(ask));
        Answer::Whole(answer)
    })
}

fn not_modified(ask: &Ask, tag: &str) -> Response<Bytes> {
    let mut answer = begun(ask, tag);
    *answer.status_mut() = StatusCode::NOT_MODIFIED;
    answer.map(|()| Bytes::new())
}

fn begun(ask: &Ask, tag: &str) -> Response<()> {
    let mut answer = Response::new(());
    let all = answer.headers_mut();
    all.extend(headers::keep(tag));
    all.extend([ask.path_header()]);
    all.extend(ask.location.clone());
    answer
}

fn leads_nowhere(error: &ReadError) -> bool {
    matches!(error, ReadError::NotFound { .. } | ReadError::NotAFolder(_) | ReadError::Symlink { .. })
}
