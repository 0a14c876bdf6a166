//! How far a transfer is: a bar on a terminal, a line now and then elsewhere. Asked by `upload` and `download`.

use std::{
    cell::Cell,
    io::Write as _,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanDuration, ProgressBar};

/// Where nobody watches, a line so often is enough.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// The progress of one transfer.
#[derive(Debug)]
pub struct Meter {
    face: Face,
    name: String,
    total_bytes: Option<u64>,
    moved_bytes: Cell<u64>,
    begun: Cell<Instant>,
    told: Cell<Instant>,
}

/// What it looks like.
#[derive(Debug)]
pub enum Face {
    /// A bar that moves.
    Bar(ProgressBar),
    /// Lines on stderr.
    Lines,
    /// Nothing.
    Hidden,
}

impl Meter {
    /// A transfer that has not begun.
    #[must_use]
    pub fn new(face: Face, name: &str, total_bytes: Option<u64>) -> Self {
        let now = Instant::now();
        let (begun, told) = (Cell::new(now), Cell::new(now));
        Self { face, name: name.to_owned(), total_bytes, moved_bytes: Cell::new(0), begun, told }
    }

    /// Begins, or begins again.
    pub fn restart(&self) {
        self.moved_bytes.set(0);
        self.begun.set(Instant::now());
        if let Face::Bar(bar) = &self.face {
            bar.reset();
        }
    }

    /// So many bytes more have moved.
    pub fn advance(&self, bytes: u64) {
        self.moved_bytes.set(self.moved_bytes.get() + bytes);
        match &self.face {
            // The marker is sent too, and is no part of the file.
            Face::Bar(bar) => bar.set_position(self.moved_bytes.get().min(self.total_bytes.unwrap_or(u64::MAX))),
            Face::Lines if self.told.get().elapsed() >= BETWEEN_LINES => {
                self.told.set(Instant::now());
                let line = line(&self.name, self.moved_bytes.get(), self.total_bytes, self.begun.get().elapsed());
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            Face::Lines | Face::Hidden => {}
        }
    }

    /// It is over; the bar goes.
    pub fn finish(&self) {
        if let Face::Bar(bar) = &self.face {
            bar.finish_and_clear();
        }
    }
}

/// `big.iso: 12 MiB of 1 GiB, 6 MiB/s, 3 minutes left`
fn line(name: &str, moved_bytes: u64, total_bytes: Option<u64>, took: Duration) -> String {
    let per_s = moved_bytes * 1000 / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let moved = HumanBytes(moved_bytes);
    match total_bytes {
        Some(total) => {
            let left = Duration::from_secs(total.saturating_sub(moved_bytes) / per_s.max(1));
            format!("{name}: {moved} of {}, {}/s, {} left", HumanBytes(total), HumanBytes(per_s), HumanDuration(left))
        }
        None => format!("{name}: {moved}, {}/s", HumanBytes(per_s)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_line_has_rate_and_time_left() {
        let said = line("big.iso", 12 * MIB, Some(1024 * MIB), Duration::from_secs(2));
        assert_eq!(said, "big.iso: 12.00 MiB of 1.00 GiB, 6.00 MiB/s, 3 minutes left");
        assert_eq!(line("-", 12 * MIB, None, Duration::from_secs(2)), "-: 12.00 MiB, 6.00 MiB/s");
    }

    #[test]
    fn a_meter_starts_again_with_every_try() {
        let meter = Meter::new(Face::Hidden, "a", Some(3));
        meter.advance(2);
        meter.restart();
        meter.advance(1);
        assert_eq!(meter.moved_bytes.get(), 1);
    }
}
