//! Reads the body of a request, whole, before anybody is asked about it: a slow client holds no worker.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::problem::Problem;

/// How much of a body is read, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// The most bytes.
    pub(crate) bytes: u64,
    /// All of it must have come by then.
    pub(crate) wait: Duration,
}

/// Reads all of it.
///
/// # Errors
///
/// 413 as soon as it is known to be too long: by what the header announces, before a byte is read. 408, 400.
pub(crate) async fn read(mut body: Incoming, limits: BodyLimits) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > limits.bytes {
        return Err(Problem::body_too_large(limits.bytes));
    }
    let mut gathered = Gathered::default();
    match tokio::time::timeout(limits.wait, gather(&mut body, &mut gathered, limits.bytes)).await {
        Ok(outcome) => outcome.map(|()| gathered.whole()),
        Err(_) => Err(Problem::body_too_slow(gathered.bytes(), millis(limits.wait))),
    }
}

async fn gather(body: &mut Incoming, into: &mut Gathered, limit_bytes: u64) -> Result<(), Problem> {
    while let Some(frame) = body.frame().await {
        // Trailers have no meaning here.
        let Ok(piece) = frame.map_err(|cause| Problem::body_broken(&cause))?.into_data() else { continue };
        if (into.bytes() + piece.len()) as u64 > limit_bytes {
            return Err(Problem::body_too_large(limit_bytes));
        }
        into.add(piece);
    }
    Ok(())
}

/// Pieces of a body. Most come in one, which is not copied.
#[derive(Debug, Default)]
struct Gathered {
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    fn bytes(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn add(&mut self, piece: Bytes) {
        if self.bytes() == 0 {
            self.first = piece;
            return;
        }
        self.all.extend_from_slice(&std::mem::take(&mut self.first));
        self.all.extend_from_slice(&piece);
    }

    fn whole(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_the_whole() {
        for pieces in [&[][..], &["one"], &["one", "two"], &["", "one", "", "two", "three"]] {
            let mut gathered = Gathered::default();
            pieces.iter().for_each(|piece| gathered.add(Bytes::from_static(piece.as_bytes())));
            assert_eq!(gathered.bytes(), pieces.concat().len());
            assert_eq!(gathered.whole(), pieces.concat());
        }
    }
}
