//! Reads an archive as it arrives, in pieces of any size, and checks every block.

use super::CarHeader;
use crate::cbor::{CborError, Head, Items};
use crate::varint::{self, VarintError};
use crate::{Block, Cid, VerifyError, verify};
use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

/// The most bytes of a section or header: twice what peers accept as a block.
pub const SECTION_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of the second header of version 2, after the one that says so.
const V2_HEADER_BYTES: usize = 40;
/// Where that header ends: 11 bytes say version 2, then it comes.
const V2_FRONT_BYTES: u64 = 11 + V2_HEADER_BYTES as u64;

/// What came out of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarStep {
    /// Nothing whole: push more, or finish.
    More,
    /// The front; it comes once, before any block.
    Header(CarHeader),
    /// A block; its bytes are what its CID says.
    Block(Block),
}

/// Why an archive cannot be read on. What was read before is good.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CarError {
    /// It ended within the front or a block.
    #[error("archive ends within a section: fetch it again")]
    Cut,
    /// A length that is no number.
    #[error("length of a section cannot be read: the file is damaged or no CAR archive")]
    Length(#[source] VarintError),
    /// A section that is too large or empty.
    #[error("section of {0} bytes is outside 1..={SECTION_MAX_BYTES}: split the block into smaller ones")]
    Size(u64),
    /// A front that is none.
    #[error("header of the archive cannot be read: the file is damaged or no CAR archive")]
    Header(#[source] Option<CborError>),
    /// A version from the future.
    #[error("archive has version {0}, only 1 and 2 are known: convert it")]
    Version(u64),
    /// A section without a CID.
    #[error("section of the archive does not begin with a CID: the file is damaged")]
    Cid,
    /// A block that is not what its CID says.
    #[error("block of the archive is not what its CID says")]
    Block(#[source] Box<VerifyError>),
}

/// Reads an archive as it arrives. Holds at most one section more than was pushed last.
#[derive(Debug)]
pub struct CarReader {
    buffer: BytesMut,
    at: At,
    version: u64,
    /// Bytes of the inner archive still to come; without end for version 1.
    left: u64,
}

/// Where in the archive the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Header,
    V2Header,
    Padding { bytes: u64 },
    InnerHeader,
    Sections,
}

impl Default for CarReader {
    fn default() -> Self {
        Self { buffer: BytesMut::new(), at: At::Header, version: 1, left: u64::MAX }
    }
}

impl CarReader {
    /// A reader at the start of an archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next bytes of the archive. Step until `More` before the next push.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// Takes the next whole thing out of what was pushed.
    ///
    /// # Errors
    ///
    /// When the archive cannot be read on; drop the reader.
    pub fn step(&mut self) -> Result<CarStep, CarError> {
        loop {
            let step = match self.at {
                At::Header => self.header()?,
                At::V2Header => self.v2_header()?,
                At::Padding { bytes } => self.padding(bytes),
                At::InnerHeader => self.inner_header()?,
                At::Sections => return self.block(),
            };
            match step {
                Progress::On => {}
                Progress::Out(step) => return Ok(step),
            }
        }
    }

    /// Says whether the archive ended where one may end; the caller has stepped until `More`.
    ///
    /// # Errors
    ///
    /// `Cut` when more should have come.
    pub fn finish(&self) -> Result<(), CarError> {
        let is_inner_over = self.left == 0;
        let is_between = self.buffer.is_empty() && self.left == u64::MAX;
        if self.at == At::Sections && (is_inner_over || is_between) { Ok(()) } else { Err(CarError::Cut) }
    }

    fn header(&mut self) -> Result<Progress, CarError> {
        let Some(section) = self.section()? else { return Ok(Progress::MORE) };
        let header = read_header(&section)?;
        match header.version {
            1 => self.at = At::Sections,
            2 => {
                (self.at, self.version) = (At::V2Header, 2);
                return Ok(Progress::On);
            }
            other => return Err(CarError::Version(other)),
        }
        Ok(Progress::Out(CarStep::Header(header)))
    }

    fn v2_header(&mut self) -> Result<Progress, CarError> {
        if self.buffer.len() < V2_HEADER_BYTES {
            return Ok(Progress::MORE);
        }
        self.buffer.advance(16); // Characteristics: what the index covers; nothing here needs it.
        let (from, bytes) = (self.buffer.get_u64_le(), self.buffer.get_u64_le());
        self.buffer.advance(8); // Where the index is.
        let padding = from.checked_sub(V2_FRONT_BYTES).ok_or(CarError::Header(None))?;
        self.at = At::Padding { bytes: padding };
        // A size of zero is written by streams that did not know it: the inner archive then goes to the end.
        self.left = if bytes == 0 { u64::MAX } else { bytes };
        Ok(Progress::On)
    }

    fn padding(&mut self, bytes: u64) -> Progress {
        let skipped = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.buffer.len());
        self.buffer.advance(skipped);
        let bytes = bytes - skipped as u64;
        self.at = if bytes == 0 { At::InnerHeader } else { At::Padding { bytes } };
        if bytes == 0 { Progress::On } else { Progress::MORE }
    }

    fn inner_header(&mut self) -> Result<Progress, CarError> {
        let Some(section) = self.section()? else { return Ok(Progress::MORE) };
        let inner = read_header(&section)?;
        if inner.version != 1 {
            return Err(CarError::Version(inner.version));
        }
        self.at = At::Sections;
        Ok(Progress::Out(CarStep::Header(CarHeader { version: self.version, ..inner })))
    }

    fn block(&mut self) -> Result<CarStep, CarError> {
        if self.left == 0 {
            // The index follows: nobody needs it.
            self.buffer.clear();
            return Ok(CarStep::More);
        }
        let Some(mut section) = self.section()? else { return Ok(CarStep::More) };
        let mut rest = &section[..];
        let cid = Cid::read_bytes(&mut rest).map_err(|_| CarError::Cid)?;
        section.advance(section.len() - rest.len());
        verify(&cid, &section).map_err(|error| CarError::Block(Box::new(error)))?;
        Ok(CarStep::Block(Block { cid, bytes: section }))
    }

    /// The next section without its length, once all of it is there.
    fn section(&mut self) -> Result<Option<Bytes>, CarError> {
        let (claimed, head_bytes) = match varint::read_minimal(&self.buffer) {
            Ok(read) => read,
            Err(VarintError::Cut) => return Ok(None),
            Err(error) => return Err(CarError::Length(error)),
        };
        let section_bytes = usize::try_from(claimed).ok().filter(|bytes| (1..=SECTION_MAX_BYTES).contains(bytes));
        let section_bytes = section_bytes.ok_or(CarError::Size(claimed))?;
        let whole = head_bytes + section_bytes;
        let left = self.left.checked_sub(whole as u64).ok_or(CarError::Cut)?;
        if self.buffer.len() < whole {
            self.buffer.reserve(whole - self.buffer.len());
            return Ok(None);
        }
        if self.left != u64::MAX {
            self.left = left;
        }
        self.buffer.advance(head_bytes);
        Ok(Some(self.buffer.split_to(section_bytes).freeze()))
    }
}

enum Progress {
    On,
    Out(CarStep),
}

impl Progress {
    const MORE: Self = Self::Out(CarStep::More);
}

fn read_header(section: &[u8]) -> Result<CarHeader, CarError> {
    let broken = |error| CarError::Header(Some(error));
    let mut items = Items::of(section);
    let Head::Map(pairs) = items.head().map_err(broken)? else { return Err(CarError::Header(None)) };
    let (mut version, mut roots) = (None, Vec::new());
    for _ in 0..pairs {
        let Head::Text(len) = items.head().map_err(broken)? else { return Err(CarError::Header(None)) };
        match items.text(len).map_err(broken)? {
            "version" => version = Some(read_number(&mut items)?),
            "roots" => roots = read_roots(&mut items)?,
            _ => items.skip(&mut |_| {}).map_err(broken)?,
        }
    }
    items.finish().map_err(broken)?;
    Ok(CarHeader { version: version.ok_or(CarError::Header(None))?, roots })
}

fn read_number(items: &mut Items<'_>) -> Result<u64, CarError> {
    match items.head().map_err(|error| CarError::Header(Some(error)))? {
        Head::Unsigned(number) => Ok(number),
        _ => Err(CarError::Header(None)),
    }
}

fn read_roots(items: &mut Items<'_>) -> Result<Vec<Cid>, CarError> {
    let broken = |error| CarError::Header(Some(error));
    let Head::Array(count) = items.head().map_err(broken)? else { return Err(CarError::Header(None)) };
    let mut roots = Vec::new();
    for _ in 0..count {
        match items.head().map_err(broken)? {
            Head::Link => roots.push(items.link().map_err(broken)?),
            _ => return Err(CarError::Header(None)),
        }
    }
    Ok(roots)
}
