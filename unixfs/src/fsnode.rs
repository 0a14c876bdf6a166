//! The UnixFS message inside a DAG-PB node: what kind of thing the node is, and its bytes or its sizes.
//!
//! Asked by the importers (encode) and the readers (decode). Accepts what other makes write: fields in any
//! order, unknown fields, packed sizes.

use crate::varint;
use crate::wire::{self, Field, Fields, Value, WireError};
use bytes::Bytes;
use thiserror::Error;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A leaf of a file, as very old software wrote it.
    Raw,
    /// A folder in one block.
    Directory,
    /// A file or a piece of one.
    File,
    /// A wrapper that names a MIME type; nobody writes it.
    Metadata,
    /// A symbolic link; its content is the target.
    Symlink,
    /// A shard of a folder.
    HamtShard,
}

/// A time of modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mtime {
    /// Seconds since 1970, negative before.
    pub seconds: i64,
    /// Nanoseconds within the second; absent when not recorded.
    pub nanoseconds: Option<u32>,
}

/// The UnixFS message, field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixFs {
    /// What the node is.
    pub kind: Kind,
    /// Bytes of the file held here, a link's target, or a shard's bit field.
    pub content: Option<Bytes>,
    /// Bytes of the file in this node and below.
    pub file_bytes: Option<u64>,
    /// Bytes of the file below each link, in order.
    pub block_bytes: Vec<u64>,
    /// Multicodec of the hash that places names in a shard.
    pub hash_type: Option<u64>,
    /// Slots per shard.
    pub fanout: Option<u64>,
    /// POSIX mode bits.
    pub mode: Option<u32>,
    /// Time of modification.
    pub mtime: Option<Mtime>,
}

/// Why a message is not UnixFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnixFsError {
    /// It is no protobuf.
    #[error("content of the node is not a UnixFS message: read the block by its own codec")]
    Wire(#[from] WireError),
    /// A field has the wrong wire type or a value out of range.
    #[error("UnixFS field {0} has a value that cannot be: treat the block as damaged")]
    Field(u64),
    /// The one required field is missing.
    #[error("UnixFS message does not say what kind it is: treat the block as damaged")]
    NoKind,
    /// A kind from the future.
    #[error("UnixFS kind {0} is unknown: newer software is needed to read it")]
    Kind(u64),
}

impl UnixFs {
    /// A message of this kind and nothing else.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            content: None,
            file_bytes: None,
            block_bytes: Vec::new(),
            hash_type: None,
            fanout: None,
            mode: None,
            mtime: None,
        }
    }

    /// A whole small file, or a leaf of a larger one.
    #[must_use]
    pub fn file(content: Bytes) -> Self {
        let file_bytes = Some(content.len() as u64);
        Self { content: Some(content).filter(|bytes| !bytes.is_empty()), file_bytes, ..Self::new(Kind::File) }
    }

    /// A symbolic link to `target`.
    #[must_use]
    pub fn symlink(target: Bytes) -> Self {
        Self { content: Some(target), ..Self::new(Kind::Symlink) }
    }

    /// The message as bytes, fields in the order of their numbers.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.content.as_ref().map_or(0, Bytes::len) + 16 + 5 * self.block_bytes.len());
        wire::put_varint(&mut out, 1, self.kind.number());
        if let Some(content) = &self.content {
            wire::put_bytes(&mut out, 2, content);
        }
        put_some(&mut out, 3, self.file_bytes);
        for bytes in &self.block_bytes {
            wire::put_varint(&mut out, 4, *bytes);
        }
        put_some(&mut out, 5, self.hash_type);
        put_some(&mut out, 6, self.fanout);
        put_some(&mut out, 7, self.mode.map(u64::from));
        if let Some(mtime) = self.mtime {
            wire::put_bytes(&mut out, 8, &mtime.encode());
        }
        out
    }

    /// Reads a message.
    ///
    /// # Errors
    ///
    /// When it is not UnixFS; each error says what is wrong.
    pub fn decode(message: &Bytes) -> Result<Self, UnixFsError> {
        let mut seen = Self::new(Kind::Raw);
        let mut kind = None;
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match field.number {
                1 => kind = Some(Kind::from_number(number(&field)?)?),
                _ => seen.take(field)?,
            }
        }
        Ok(Self { kind: kind.ok_or(UnixFsError::NoKind)?, ..seen })
    }

    fn take(&mut self, field: Field) -> Result<(), UnixFsError> {
        match field.number {
            2 => self.content = Some(bytes(field)?),
            3 => self.file_bytes = Some(number(&field)?),
            4 => take_sizes(&mut self.block_bytes, field)?,
            5 => self.hash_type = Some(number(&field)?),
            6 => self.fanout = Some(number(&field)?),
            // Only the low 32 bits are defined; the rest is dropped as every protobuf reader does.
            7 => self.mode = Some(low_half(number(&field)?)),
            8 => self.mtime = Some(Mtime::decode(&bytes(field)?)?),
            _ => {}
        }
        Ok(())
    }
}

impl Kind {
    const fn number(self) -> u64 {
        match self {
            Self::Raw => 0,
            Self::Directory => 1,
            Self::File => 2,
            Self::Metadata => 3,
            Self::Symlink => 4,
            Self::HamtShard => 5,
        }
    }

    const fn from_number(number: u64) -> Result<Self, UnixFsError> {
        Ok(match number {
            0 => Self::Raw,
            1 => Self::Directory,
            2 => Self::File,
            3 => Self::Metadata,
            4 => Self::Symlink,
            5 => Self::HamtShard,
            other => return Err(UnixFsError::Kind(other)),
        })
    }
}

impl Mtime {
    fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16);
        wire::put_varint(&mut out, 1, self.seconds.cast_unsigned());
        if let Some(nanoseconds) = self.nanoseconds {
            out.push(2 << 3 | 5);
            out.extend_from_slice(&nanoseconds.to_le_bytes());
        }
        out
    }

    fn decode(message: &Bytes) -> Result<Self, UnixFsError> {
        let mut mtime = Self { seconds: 0, nanoseconds: None };
        let mut fields = Fields::of(message);
        while let Some(field) = fields.next()? {
            match (field.number, field.value) {
                (1, Value::Varint(seconds)) => mtime.seconds = seconds.cast_signed(),
                (2, Value::Fixed32(nanoseconds @ 0..1_000_000_000)) => mtime.nanoseconds = Some(nanoseconds),
                (1 | 2, _) => return Err(UnixFsError::Field(8)),
                _ => {}
            }
        }
        Ok(mtime)
    }
}

fn put_some(out: &mut Vec<u8>, field: u8, number: Option<u64>) {
    if let Some(number) = number {
        wire::put_varint(out, field, number);
    }
}

fn number(field: &Field) -> Result<u64, UnixFsError> {
    match field.value {
        Value::Varint(number) => Ok(number),
        _ => Err(UnixFsError::Field(field.number)),
    }
}

fn bytes(field: Field) -> Result<Bytes, UnixFsError> {
    match field.value {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(UnixFsError::Field(field.number)),
    }
}

/// Sizes come one per field; some writers pack them all in one.
fn take_sizes(sizes: &mut Vec<u64>, field: Field) -> Result<(), UnixFsError> {
    let packed = match field.value {
        Value::Varint(size) => {
            sizes.push(size);
            return Ok(());
        }
        Value::Bytes(packed) => packed,
        _ => return Err(UnixFsError::Field(field.number)),
    };
    let mut rest = &packed[..];
    while !rest.is_empty() {
        let (size, used) = varint::read(rest).map_err(WireError::from)?;
        sizes.push(size);
        rest = &rest[used..];
    }
    Ok(())
}

const fn low_half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn every_field_has_its_golden_bytes() {
        let message = UnixFs {
            kind: Kind::HamtShard,
            content: Some(Bytes::from_static(&[0x80])),
            file_bytes: Some(300),
            block_bytes: vec![1, 299],
            hash_type: Some(0x22),
            fanout: Some(256),
            mode: Some(0o644),
            mtime: Some(Mtime { seconds: -1, nanoseconds: Some(7) }),
        };
        let golden = [
            "0805",                       // kind
            "120180",                     // content
            "18ac02",                     // file_bytes
            "200120ab02",                 // block_bytes, one field each
            "2822",                       // hash_type
            "308002",                     // fanout
            "38a403",                     // mode
            "421008ffffffffffffffffff01", // mtime: seconds
            "1507000000",                 // mtime: nanoseconds
        ];
        assert_eq!(hex(&message.encode()), golden.concat());
    }

    #[test]
    fn packed_sizes_and_unknown_fields_are_read() {
        let message = Bytes::from_static(&[0x22, 0x02, 0x01, 0x02, 0x08, 0x02, 0x78, 0x07]);
        let read = UnixFs::decode(&message).unwrap();
        assert_eq!((read.kind, read.block_bytes), (Kind::File, vec![1, 2]));
    }

    #[test]
    fn a_message_without_a_known_kind_is_refused() {
        assert_eq!(UnixFs::decode(&Bytes::new()), Err(UnixFsError::NoKind));
        assert_eq!(UnixFs::decode(&Bytes::from_static(&[0x08, 0x09])), Err(UnixFsError::Kind(9)));
        assert_eq!(UnixFs::decode(&Bytes::from_static(&[0x0a, 0x00])), Err(UnixFsError::Field(1)));
    }
}
