//! A strict, small reader of DAG-CBOR: finds the links of a block, and reads the header of an archive.
//!
//! Asked by `links` and `car`. Builds no tree and never recurses, so any bytes cost no more than their length.

use crate::Cid;
use thiserror::Error;

/// The tag that marks a CID.
const LINK_TAG: u64 = 42;
/// As deep as any sane document, and little memory for one that is not.
const DEPTH_MAX: usize = 1024;

/// Why bytes are not DAG-CBOR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CborError {
    /// They end within an item.
    #[error("CBOR ends within an item: the block is damaged")]
    Cut,
    /// More bytes follow the one item that a block is.
    #[error("CBOR goes on after its item: the block is damaged")]
    Trailing,
    /// Something that DAG-CBOR forbids: other tags, padded numbers, open lengths, other floats.
    #[error("CBOR has an item starting with byte {0:#04x} that DAG-CBOR does not allow: the block is damaged")]
    Forbidden(u8),
    /// A link that is no CID.
    #[error("CBOR link is not a CID: the block is damaged")]
    Link,
    /// Text that is not UTF-8.
    #[error("CBOR text is not UTF-8: the block is damaged")]
    Text,
    /// Deeper than anyone writes.
    #[error("CBOR is nested more than {DEPTH_MAX} deep: refuse the block")]
    Depth,
}

/// The start of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    Unsigned(u64),
    Negative,
    Bytes(usize),
    Text(usize),
    Array(u64),
    Map(u64),
    Link,
    /// False, true, null or a float.
    Simple,
}

/// Reads items one after the other.
pub(crate) struct Items<'a> {
    rest: &'a [u8],
}

/// The CIDs that a DAG-CBOR block links, in order.
pub(crate) fn links(block: &[u8]) -> Result<Vec<Cid>, CborError> {
    let mut items = Items::of(block);
    let mut links = Vec::new();
    items.skip(&mut |cid| links.push(cid))?;
    items.finish()?;
    Ok(links)
}

impl<'a> Items<'a> {
    pub(crate) const fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Passes over one item with all that is in it, and shows the links on the way.
    pub(crate) fn skip(&mut self, on_link: &mut impl FnMut(Cid)) -> Result<(), CborError> {
        let mut open = vec![1u64];
        while let Some(left) = open.last_mut() {
            let Some(fewer) = left.checked_sub(1) else {
                open.pop();
                continue;
            };
            *left = fewer;
            match self.head()? {
                Head::Array(items) => open.push(items),
                Head::Map(pairs) => open.push(pairs.checked_mul(2).ok_or(CborError::Cut)?),
                Head::Bytes(len) => drop(self.take(len)?),
                Head::Text(len) => drop(self.text(len)?),
                Head::Link => on_link(self.link()?),
                Head::Unsigned(_) | Head::Negative | Head::Simple => {}
            }
            if open.len() > DEPTH_MAX {
                return Err(CborError::Depth);
            }
        }
        Ok(())
    }

    pub(crate) fn head(&mut self) -> Result<Head, CborError> {
        let first = self.take(1)?[0];
        let forbidden = CborError::Forbidden(first);
        if first >> 5 == 7 {
            return match first & 0x1f {
                20..=22 => Ok(Head::Simple),
                27 => self.take(8).map(|_| Head::Simple),
                _ => Err(forbidden),
            };
        }
        let number = self.number(first)?;
        let len = usize::try_from(number).map_err(|_| CborError::Cut);
        Ok(match first >> 5 {
            0 => Head::Unsigned(number),
            1 => Head::Negative,
            2 => Head::Bytes(len?),
            3 => Head::Text(len?),
            4 => Head::Array(number),
            5 => Head::Map(number),
            _ if number == LINK_TAG => Head::Link,
            _ => return Err(forbidden),
        })
    }

    /// The number of a head: in its first byte, or in the shortest of 1, 2, 4 or 8 bytes after it.
    fn number(&mut self, first: u8) -> Result<u64, CborError> {
        let (width, least) = match first & 0x1f {
            small @ 0..=23 => return Ok(u64::from(small)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(CborError::Forbidden(first)),
        };
        let number = self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        if number < least { Err(CborError::Forbidden(first)) } else { Ok(number) }
    }

    pub(crate) fn text(&mut self, len: usize) -> Result<&'a str, CborError> {
        std::str::from_utf8(self.take(len)?).map_err(|_| CborError::Text)
    }

    /// The CID after its tag: a byte string that begins with a zero.
    pub(crate) fn link(&mut self) -> Result<Cid, CborError> {
        let Head::Bytes(len) = self.head()? else { return Err(CborError::Link) };
        let [0, cid @ ..] = self.take(len)? else { return Err(CborError::Link) };
        let mut rest = cid;
        let cid = Cid::read_bytes(&mut rest).map_err(|_| CborError::Link)?;
        if rest.is_empty() { Ok(cid) } else { Err(CborError::Link) }
    }

    pub(crate) const fn finish(&self) -> Result<(), CborError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CborError::Trailing) }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], CborError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(CborError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Appends the head of an item of this major type.
pub(crate) fn put_head(out: &mut Vec<u8>, major: u8, number: u64) {
    let bytes = number.to_be_bytes();
    let (code, width) = match number {
        0..24 => (bytes[7], 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | code);
    out.extend_from_slice(&bytes[8 - width..]);
}

/// Appends a link.
pub(crate) fn put_link(out: &mut Vec<u8>, cid: &Cid) {
    put_head(out, 6, LINK_TAG);
    put_head(out, 2, 1 + cid.encoded_len() as u64);
    out.push(0);
    cid.write_bytes(&mut *out).expect("a vector takes all bytes");
}
