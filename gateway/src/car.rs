//! What an archive is to hold: the parameters of `format=car`, from the query and from `Accept`.
//!
//! Asked by `format` (reading), `headers` (telling back) and `walk` (obeying). Keeps nothing.

use unixfs::{ByteRange, FileNode};

use crate::Refusal;

/// Which blocks below the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The one where the path ends.
    Block,
    /// All of the file, or all of the list of the folder, that begins there.
    Entity,
    /// Everything.
    All,
}

/// The order that was asked for. Blocks come depth first in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Depth first.
    Dfs,
    /// Any.
    Unknown,
}

/// Whether a block that is linked twice comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dups {
    /// It does: who reads the archive as it comes need not keep any block.
    Sent,
    /// It comes once.
    LeftOut,
}

/// A part of a file, counted from its end where negative; the last byte is within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntityBytes {
    /// The first byte.
    pub from: i64,
    /// The last byte; the file's when absent.
    pub to: Option<i64>,
}

/// The parameters of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarParams {
    /// Which blocks.
    pub scope: Scope,
    /// Which bytes of a file; only looked at with [`Scope::Entity`].
    pub bytes: Option<EntityBytes>,
    /// In which order.
    pub order: Order,
    /// How often.
    pub dups: Dups,
}

impl Scope {
    pub(crate) fn read(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            None | Some("all") => Ok(Self::All),
            Some("entity") => Ok(Self::Entity),
            Some("block") => Ok(Self::Block),
            Some(other) => Err(impossible("dag-scope", other, "block, entity or all")),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Entity => "entity",
            Self::All => "all",
        }
    }
}

impl Order {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        match text {
            "" | "dfs" => Ok(Self::Dfs),
            "unk" => Ok(Self::Unknown),
            other => Err(impossible("car-order", other, "dfs or unk")),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dfs => "dfs",
            Self::Unknown => "unk",
        }
    }
}

impl Dups {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        match text {
            "" | "n" => Ok(Self::LeftOut),
            "y" => Ok(Self::Sent),
            other => Err(impossible("car-dups", other, "y or n")),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sent => "y",
            Self::LeftOut => "n",
        }
    }
}

/// Only version 1 is written.
pub(crate) fn check_version(text: &str) -> Result<(), Refusal> {
    match text {
        "" | "1" => Ok(()),
        other => Err(impossible("car-version", other, "1")),
    }
}

impl EntityBytes {
    pub(crate) fn read(text: &str) -> Result<Self, Refusal> {
        const EXPECTED: &str = "<first>:<last> or <first>:*, both counted from the end where negative";
        let refusal = || impossible("entity-bytes", text, EXPECTED);
        let (from, to) = text.split_once(':').ok_or_else(refusal)?;
        let from: i64 = from.parse().map_err(|_| refusal())?;
        let to: Option<i64> = if to == "*" { None } else { Some(to.parse().map_err(|_| refusal())?) };
        let is_backwards = to.is_some_and(|to| (from < 0) == (to < 0) && from > to);
        if is_backwards { Err(refusal()) } else { Ok(Self { from, to }) }
    }

    /// Which bytes these are of a file; none at all when they end before they begin.
    pub(crate) fn within(self, file: &FileNode) -> ByteRange {
        let file_bytes = i128::from(file.file_bytes);
        let place = |at: i64| if at < 0 { file_bytes + i128::from(at) } else { i128::from(at) };
        let from = place(self.from).max(0);
        let bytes = self.to.map(|to| count(place(to) - from + 1));
        ByteRange { from: count(from), bytes }
    }
}

/// A number of bytes: nothing is less than none.
fn count(bytes: i128) -> u64 {
    u64::try_from(bytes.max(0)).unwrap_or(u64::MAX)
}

fn impossible(name: &'static str, value: &str, expected: &'static str) -> Refusal {
    Refusal::Car { name, value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(file_bytes: u64) -> FileNode {
        FileNode { content: bytes::Bytes::new(), parts: Vec::new(), file_bytes, mode: None, mtime: None }
    }

    fn within(text: &str, file_bytes: u64) -> (u64, Option<u64>) {
        let range = EntityBytes::read(text).unwrap().within(&file(file_bytes));
        (range.from, range.bytes)
    }

    #[test]
    fn bytes_are_counted_from_either_end() {
        assert_eq!(within("0:*", 10), (0, None));
        assert_eq!(within("3:7", 10), (3, Some(5)));
        assert_eq!(within("3:-2", 10), (3, Some(6)));
        assert_eq!(within("-4:*", 10), (6, None));
        assert_eq!(within("-4:-1", 10), (6, Some(4)));
        assert_eq!(within("-4:8", 10), (6, Some(3)));
        assert_eq!(within("-40:*", 10), (0, None));
        assert_eq!(within("20:30", 10), (20, Some(11)));
        assert_eq!(within("5:-8", 10), (5, Some(0)));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "1", "1:", ":1", "a:b", "1:2:3", "2:1", "-1:-2", "*:1", "1.5:2", "99999999999999999999:*"] {
            assert!(EntityBytes::read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_range_is_larger_than_its_numbers(from: i64, to: Option<i64>, file_bytes: u64) {
            let range = EntityBytes { from, to }.within(&file(file_bytes));
            prop_assert!(from < 0 || range.from == from.unsigned_abs());
            prop_assert!(from >= 0 || range.from <= file_bytes);
            prop_assert_eq!(to.is_none(), range.bytes.is_none());
        }
    }
}
