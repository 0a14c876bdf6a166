//! The few lines of protobuf that DAG-PB, UnixFS and Bitswap need: a reader over one message, and writers of fields.
//!
//! Asked by `dag_pb`, `fsnode` and crate `bitswap`. Nothing is copied: a byte field is a slice of the message.

use crate::varint::{self, VarintError};
use bytes::Bytes;
use thiserror::Error;

/// Why a message is not protobuf as we accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// A number is broken.
    #[error("number in a protobuf message cannot be read: the block is damaged or of another codec")]
    Varint(#[from] VarintError),
    /// A field claims more bytes than the message has.
    #[error("protobuf field runs past the end of its message: the block is damaged or of another codec")]
    Overrun,
    /// Groups and other retired kinds of field.
    #[error("protobuf wire type {0} is not in use: the block is damaged or of another codec")]
    WireType(u8),
}

/// One field: its number and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its number in the schema.
    pub number: u64,
    /// What it holds.
    pub value: Value,
}

/// What a field holds, by its wire type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number, a flag or a choice.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// Bytes, text or a message within.
    Bytes(Bytes),
}

/// Reads the fields of one message in their order.
#[derive(Debug)]
pub struct Fields {
    message: Bytes,
    at: usize,
}

impl Fields {
    /// A reader at the front of `message`.
    #[must_use]
    pub fn of(message: &Bytes) -> Self {
        Self { message: message.clone(), at: 0 }
    }

    /// The next field, or `None` at the end of the message.
    ///
    /// # Errors
    ///
    /// When the bytes are not protobuf as we accept it; then the rest of the message means nothing.
    #[expect(clippy::should_implement_trait, reason = "a failure ends the reading, which no iterator says")]
    pub fn next(&mut self) -> Result<Option<Field>, WireError> {
        if self.at == self.message.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => Value::Bytes(self.bytes()?),
            5 => Value::Fixed32(u32::from_le_bytes(self.fixed()?)),
            other => return Err(WireError::WireType(other.to_le_bytes()[0])),
        };
        Ok(Some(Field { number: tag >> 3, value }))
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let (number, used) = varint::read(&self.message[self.at..])?;
        self.at += used;
        Ok(number)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let rest = &self.message[self.at..];
        let (bytes, _) = rest.split_first_chunk::<N>().ok_or(WireError::Overrun)?;
        self.at += N;
        Ok(*bytes)
    }

    fn bytes(&mut self) -> Result<Bytes, WireError> {
        let claimed = usize::try_from(self.varint()?).map_err(|_| WireError::Overrun)?;
        let end = self.at.checked_add(claimed).filter(|end| *end <= self.message.len()).ok_or(WireError::Overrun)?;
        let bytes = self.message.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }
}

/// Appends a varint field. All field numbers here are under 16, so a tag is one byte.
pub fn put_varint(out: &mut Vec<u8>, field: u8, number: u64) {
    out.push(field << 3);
    varint::write(out, number);
}

/// Appends the tag and the length of a byte field; the bytes themselves follow by the caller.
pub fn put_bytes_head(out: &mut Vec<u8>, field: u8, len: usize) {
    out.push(field << 3 | 2);
    varint::write(out, len as u64);
}

/// Appends a whole byte field.
pub fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    put_bytes_head(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// The size of a varint field with its tag.
#[must_use]
pub const fn varint_field_bytes(number: u64) -> usize {
    1 + varint::encoded_bytes(number)
}

/// The size of a byte field with its tag and length.
#[must_use]
pub const fn bytes_field_bytes(len: usize) -> usize {
    1 + varint::encoded_bytes(len as u64) + len
}
