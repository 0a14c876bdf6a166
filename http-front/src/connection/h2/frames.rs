//! Reads the frames of HTTP/2 as they pass, only so far as to know where they begin and end and what they cost us: whether
//! a client keeps us waiting in the middle of one, and how many it sends that ask for nothing. No socket, no clock.

/// Type, flags and length are in the first nine bytes: RFC 9113 section 4.1.
const HEAD_BYTES: usize = 9;
const PREFACE_BYTES: usize = 24;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Taken {
    /// So many frames began that ask for nothing.
    pub(super) idle: u32,
    /// Something that had begun came to its end.
    pub(super) ended: bool,
}

/// Where in a client's frames we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frames {
    place: Place,
    /// The first frame, which a client owes us with the preface, has come.
    has_begun: bool,
    /// A header has begun whose end is in a later frame.
    header_is_open: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// So many bytes of the preface are missing.
    Preface { left: usize },
    /// Between two frames, or within a frame's first bytes.
    Head { bytes: [u8; HEAD_BYTES], got: usize },
    /// Within a frame's content.
    Content { left: usize },
}

const BETWEEN: Place = Place::Head { bytes: [0; HEAD_BYTES], got: 0 };

impl Frames {
    pub(super) fn new() -> Self {
        Self { place: Place::Preface { left: PREFACE_BYTES }, has_begun: false, header_is_open: false }
    }

    /// Whether nothing is outstanding of what the client has begun to say.
    pub(super) fn is_whole(&self) -> bool {
        self.place == BETWEEN && self.has_begun && !self.header_is_open
    }

    /// Takes what has come.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Taken {
        let mut taken = Taken::default();
        while !bytes.is_empty() {
            taken.idle += u32::from(self.step(&mut bytes));
            taken.ended |= self.is_whole();
        }
        taken
    }

    /// Takes as much as belongs together; whether a frame began that asks for nothing.
    fn step(&mut self, bytes: &mut &[u8]) -> bool {
        match &mut self.place {
            Place::Preface { left } | Place::Content { left } => {
                skip(left, bytes);
                if *left == 0 {
                    self.place = BETWEEN;
                }
                false
            }
            Place::Head { bytes: head, got } => {
                let (some, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES - *got));
                head[*got..*got + some.len()].copy_from_slice(some);
                (*got, *bytes) = (*got + some.len(), rest);
                let head = (*got == HEAD_BYTES).then_some(*head);
                head.is_some_and(|head| self.begin(head))
            }
        }
    }

    /// A frame begins; whether it asks for nothing.
    fn begin(&mut self, head: [u8; HEAD_BYTES]) -> bool {
        self.has_begun = true;
        let [a, b, c, kind, flags, ..] = head;
        let left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.place = if left == 0 { BETWEEN } else { Place::Content { left } };
        if matches!(kind, HEADERS | CONTINUATION) {
            self.header_is_open = flags & END_HEADERS == 0;
        }
        match kind {
            HEADERS => false,
            DATA => left == 0 && flags & END_STREAM == 0,
            _ => true,
        }
    }
}

fn skip(left: &mut usize, bytes: &mut &[u8]) {
    let some = bytes.len().min(*left);
    *left -= some;
    *bytes = &bytes[some..];
}

/// How many frames that ask for nothing a client may still send. Window updates, pings and resets belong to HTTP/2; a
/// flood of them is answered by ending the connection. What we send earns more: who downloads much has much to update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credit {
    frames: u64,
    earned_bytes: u64,
    earned_ms: u64,
}

/// The most that can be saved.
const MOST: u64 = 1_000;
const PER_S: u64 = 100;
/// A frame of ours has at least nine bytes; so has theirs.
const BYTES_EACH: u64 = 256;

impl Credit {
    pub(super) fn new() -> Self {
        Self { frames: MOST, earned_bytes: 0, earned_ms: 0 }
    }

    /// We have sent so many bytes.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.earned_bytes += bytes as u64;
        self.save(self.earned_bytes / BYTES_EACH);
        self.earned_bytes %= BYTES_EACH;
    }

    /// So many milliseconds have passed.
    pub(super) fn passed(&mut self, ms: u64) {
        self.earned_ms = self.earned_ms.saturating_add(ms.saturating_mul(PER_S));
        self.save(self.earned_ms / 1_000);
        self.earned_ms %= 1_000;
    }

    /// Takes so many away; whether there were enough.
    pub(super) fn spend(&mut self, frames: u32) -> bool {
        let left = self.frames.checked_sub(frames.into());
        self.frames = left.unwrap_or(0);
        left.is_some()
    }

    fn save(&mut self, frames: u64) {
        self.frames = MOST.min(self.frames.saturating_add(frames));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

    fn frame(kind: u8, flags: u8, content: &[u8]) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, 1], content].concat()
    }

    fn begun() -> Frames {
        let mut frames = Frames::new();
        assert_eq!(frames.take(&[PREFACE, &frame(4, 0, b"")].concat()).idle, 1);
        frames
    }

    #[test]
    fn a_client_owes_us_the_rest_of_what_it_began() {
        let mut frames = Frames::new();
        assert!(!frames.is_whole(), "a preface is owed");
        frames.take(PREFACE);
        assert!(!frames.is_whole(), "settings are owed");
        frames.take(&frame(4, 0, b"123456"));
        assert!(frames.is_whole());
        let data = frame(DATA, 0, b"12345");
        frames.take(&data[..3]);
        assert!(!frames.is_whole());
        frames.take(&data[3..12]);
        assert!(!frames.is_whole());
        assert!(frames.take(&data[12..]).ended && frames.is_whole());
        let next = [&data[..], &data[..4]].concat();
        assert!(frames.take(&next).ended && !frames.is_whole(), "one ended, one began");
    }

    #[test]
    fn a_header_is_owed_until_its_last_continuation() {
        let mut frames = begun();
        frames.take(&frame(HEADERS, END_STREAM, b"x"));
        assert!(!frames.is_whole());
        assert_eq!(frames.take(&frame(CONTINUATION, 0, b"")).idle, 1);
        assert!(!frames.is_whole());
        frames.take(&frame(CONTINUATION, END_HEADERS, b"x"));
        assert!(frames.is_whole());
    }

    #[test]
    fn what_asks_for_nothing_is_counted() {
        let rows = [
            (DATA, 0, &b"x"[..], 0),
            (DATA, END_STREAM, b"", 0),
            (DATA, 0, b"", 1),
            (HEADERS, END_HEADERS, b"x", 0),
            (2, 0, b"12345", 1),
            (3, 0, b"1234", 1),
            (4, 0, b"", 1),
            (6, 0, b"12345678", 1),
            (8, 0, b"1234", 1),
            (CONTINUATION, END_HEADERS, b"", 1),
            (0xb7, 0, b"unknown", 1),
        ];
        for (kind, flags, content, idle) in rows {
            assert_eq!(begun().take(&frame(kind, flags, content)).idle, idle, "{kind} {flags} {content:?}");
        }
    }

    #[test]
    fn credit_is_earned_by_time_and_by_what_is_sent_and_has_an_end() {
        let mut credit = Credit::new();
        assert!(credit.spend(1_000));
        assert!(!credit.spend(1));
        credit.passed(9);
        assert!(!credit.spend(1));
        credit.passed(1);
        assert!(!credit.spend(2) && !credit.spend(1), "a refused spender has nothing left");
        credit.passed(10);
        assert!(credit.spend(1));
        credit.sent(255);
        assert!(!credit.spend(1));
        credit.sent(257);
        assert!(credit.spend(1));
        credit.passed(u64::MAX);
        assert!(credit.spend(1_000) && !credit.spend(1));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(bytes in prop::collection::vec(0_u8..12, 0..600), cut in 1_usize..40) {
            let (mut whole, mut cut_up) = (begun(), begun());
            let taken = whole.take(&bytes);
            let pieces = bytes.chunks(cut).map(|piece| cut_up.take(piece));
            let sum = pieces.fold(Taken::default(), |sum, piece| Taken {
                idle: sum.idle + piece.idle,
                ended: sum.ended || piece.ended,
            });
            prop_assert_eq!((taken, whole), (sum, cut_up));
        }
    }
}
