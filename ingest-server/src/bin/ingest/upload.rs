//! One try at sending one file: greeting, bytes, marker, answer, and whether the answer is right.
//!
//! Asked by `attempts`. The original server looks for the marker in what one `recv(1024)` returns, and waits for ever when
//! its border falls into the marker. So where that is to be expected the marker is sent apart, after a gap in which the
//! server has read all the rest.

use std::{thread, time::Duration};

use bytes::{Buf as _, Bytes};
use ingest_server::wire::{Answer, UploadId, marker, tls_line};
use proto::Cid;
use unixfs::Profile;

use crate::{
    args::Check,
    expected::{Expected, Hashing, PROFILES, profiles_of},
    link::{Link, Server},
    meter::Meter,
    refusal::Refusal,
    source::{Opened, Source},
};

/// What the original server reads at once.
const BORDER_BYTES: u64 = 1024;
/// What may wait in the other system's memory for the server to read it.
const BACKLOG_BYTES_MAX: u64 = 6 << 20;
/// The original server, which prints every line, reads about so much in a second.
const BACKLOG_BYTES_PER_S: u64 = 4 << 20;
const GAP_MIN: Duration = Duration::from_millis(30);
/// Shorter files are sent again.
const RESUME_BYTES_MIN: u64 = 4 << 20;

/// A file that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its name on IPFS, as the server said it.
    pub cid: Cid,
    /// How many bytes it has.
    pub bytes: u64,
    /// The profile that gives the CID; none when the server was believed.
    pub profile: Option<Profile>,
}

/// What is between the last byte of the file and the marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// None: the server is known to need none.
    Never,
    /// A gap where the original server would need one.
    WhereNeeded,
    /// A gap in any case, longer by this factor: something went wrong before.
    Always(u32),
}

impl Gap {
    /// How long to wait before the marker; none to send it with the last bytes.
    fn after(self, file_bytes: u64, marker_bytes: usize) -> Option<Duration> {
        let backlog = file_bytes.min(BACKLOG_BYTES_MAX);
        let usual = Duration::from_millis(backlog * 1000 / BACKLOG_BYTES_PER_S).max(GAP_MIN);
        match self {
            Self::Never => None,
            Self::WhereNeeded if !is_cut(file_bytes, marker_bytes) => None,
            Self::WhereNeeded => Some(usual),
            Self::Always(factor) => Some(usual * factor),
        }
    }
}

/// Whether a border of whole reads falls into the marker.
fn is_cut(file_bytes: u64, marker_bytes: usize) -> bool {
    file_bytes % BORDER_BYTES + marker_bytes as u64 > BORDER_BYTES
}

/// How a file is sent.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What the upload is called, should it have to be gone on with.
    pub id: UploadId,
    /// What stands before the marker.
    pub gap: Gap,
    /// Who is told how far it is.
    pub meter: &'a Meter,
}

/// Sends a file once; `reached` is where it went on, if the server had some of it already.
///
/// # Errors
///
/// Whatever went wrong; nothing is known to be stored then.
pub fn upload(source: &Source, server: &Server, plan: &Plan<'_>, reached: &mut u64) -> Result<Stored, Refusal> {
    let opened = source.open()?;
    let mut link = Link::connect(server, server.upload_port)?;
    let token = link.greeting(server.connect_wait)?;
    if server.tls.is_some() && !token.resumes() {
        return Err(Refusal::NoTls);
    }
    link.secure(server.tls, &tls_line(&token))?;
    // A server of that kind finds the marker wherever it is cut.
    let gap = if token.resumes() { Gap::Never } else { plan.gap };
    let there = if token.resumes() && is_worth_it(source) { link.resume(&token, plan.id)? } else { 0 };
    *reached = there.max(*reached);
    let stored = Upload { source, server, gap, meter: plan.meter, link, there }.run(opened, &marker(&token));
    stored.map_err(|refusal| match refusal.may_pass() && !source.is_repeatable() {
        true => Refusal::Once(source.name(), Box::new(refusal)),
        false => refusal,
    })
}

/// Whether it saves more to go on with a broken upload than it costs to ask where.
fn is_worth_it(source: &Source) -> bool {
    source.bytes().is_some_and(|bytes| bytes >= RESUME_BYTES_MIN)
}

/// A file on its way.
struct Upload<'a> {
    source: &'a Source,
    server: &'a Server,
    gap: Gap,
    meter: &'a Meter,
    link: Link,
    /// So many bytes of it the server has already.
    there: u64,
}

/// What was sent.
struct Sent {
    bytes: u64,
    expected: Expected,
}

impl Upload<'_> {
    fn run(mut self, mut opened: Opened, marker: &[u8]) -> Result<Stored, Refusal> {
        let sent = thread::scope(|scope| {
            let hashing = Hashing::begin(scope, self.first_profiles());
            let bytes = self.send(&mut opened, marker, &hashing)?;
            Ok::<_, Refusal>(Sent { bytes, expected: hashing.finish() })
        })?;
        match self.link.answer(self.server.answer_wait)? {
            Answer::Refused(why) => Err(Refusal::Refused(why)),
            Answer::Kept(cid) => {
                let bytes = sent.bytes;
                Ok(Stored { cid, bytes, profile: self.judge(&cid, sent)? })
            }
        }
    }

    /// What is hashed while the bytes pass: a file can be read again for the other profiles, in the rare case.
    fn first_profiles(&self) -> &'static [Profile] {
        match self.server.check {
            Check::Believe => &[],
            Check::Compute if self.source.is_repeatable() => &PROFILES[..1],
            Check::Compute => &PROFILES,
        }
    }

    /// Sends all bytes and the marker; how many bytes there were.
    fn send(&mut self, opened: &mut Opened, marker: &[u8], hashing: &Hashing<'_>) -> Result<u64, Refusal> {
        let (mut bytes, mut last) = (0, Bytes::new());
        loop {
            let mut piece = opened.piece()?;
            if piece.is_empty() {
                break;
            }
            hashing.push(piece.clone());
            let there = self.there.saturating_sub(bytes).min(piece.len() as u64);
            bytes += piece.len() as u64;
            piece.advance(usize::try_from(there).expect("at most a piece"));
            self.meter.advance(there);
            // One piece is kept back: what ends the file may have to leave together with it.
            self.send_piece(&std::mem::replace(&mut last, piece))?;
            self.link.check()?;
        }
        self.send_end(&last, marker, bytes)?;
        Ok(bytes)
    }

    fn send_end(&mut self, last: &[u8], marker: &[u8], bytes: u64) -> Result<(), Refusal> {
        match self.gap.after(bytes, marker.len()) {
            None => self.send_piece(&[last, marker].concat()),
            Some(pause) => {
                self.send_piece(last)?;
                self.link.settle(pause)?;
                self.send_piece(marker)
            }
        }
    }

    fn send_piece(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        self.link.send(piece, |moved| self.meter.advance(moved))
    }

    /// The profile that gives this CID.
    fn judge(&self, cid: &Cid, sent: Sent) -> Result<Option<Profile>, Refusal> {
        if self.server.check == Check::Believe {
            return Ok(None);
        }
        // A CIDv1 of a file that was hashed as CIDv0 only: once more, for what can give that form.
        let is_judged = sent.expected.profile_of(cid).is_some() || sent.expected.judges(cid);
        let expected = if is_judged { sent.expected } else { self.read_again(cid, sent.bytes)? };
        let wrong = || Refusal::WrongCid { got: cid.to_string(), expected: expected.in_words() };
        expected.profile_of(cid).map(Some).ok_or_else(wrong)
    }

    fn read_again(&self, cid: &Cid, bytes: u64) -> Result<Expected, Refusal> {
        let mut opened = self.source.open()?;
        thread::scope(|scope| {
            let hashing = Hashing::begin(scope, &profiles_of(cid));
            let mut left = bytes;
            while left > 0 {
                let piece = opened.piece()?;
                if piece.is_empty() {
                    break;
                }
                // A file that has grown meanwhile was sent as it was.
                let piece = piece.slice(..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                left -= piece.len() as u64;
                hashing.push(piece);
            }
            Ok(hashing.finish())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKER_BYTES: usize = 29 + 18;

    #[test]
    fn the_marker_is_sent_apart_exactly_where_a_read_of_1024_would_cut_it() {
        let cut: Vec<u64> = (0..2048).filter(|bytes| is_cut(*bytes, MARKER_BYTES)).collect();
        let (first, second) = (978..1024, 2002..2048);
        assert_eq!(cut, first.chain(second).collect::<Vec<_>>());
        assert_eq!(Gap::WhereNeeded.after(977, MARKER_BYTES), None);
        assert_eq!(Gap::WhereNeeded.after(978, MARKER_BYTES), Some(GAP_MIN));
    }

    #[test]
    fn a_gap_lets_the_server_read_its_backlog_and_grows_with_every_failure() {
        let gap = |gap: Gap, bytes| gap.after(bytes, MARKER_BYTES).unwrap();
        assert_eq!(gap(Gap::Always(1), 4 << 20), Duration::from_secs(1));
        assert_eq!(gap(Gap::Always(4), 4 << 20), Duration::from_secs(4));
        assert_eq!(gap(Gap::Always(1), u64::MAX), gap(Gap::Always(1), BACKLOG_BYTES_MAX));
    }
}
