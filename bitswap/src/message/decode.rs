//! Bytes of a peer to a message: tolerant of what is unknown, bounded in what is kept.

use bytes::Bytes;
use cid::{Cid, multihash::Multihash};
use sha2::{Digest, Sha256};
use thiserror::Error;
use unixfs::varint;
use unixfs::wire::{Fields, Value, WireError};

use super::{
    Absence, Block, Entry, Extent, MAX_ITEMS, MAX_MESSAGE_BYTES, Message, Presence, There, WantKind, Wantlist,
};

const SHA2_256: u64 = 0x12;
const IDENTITY: u64 = 0;
const DAG_PB: u64 = 0x70;
/// In 32 of a message's bytes a block is not worth to keep all of the message in memory: it is copied.
const COPIED_BELOW: usize = 32;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// It is longer than anybody may send.
    #[error("Bitswap message has {bytes} bytes, more than the 4 MiB that are allowed: close the stream")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It holds more than anybody needs to say at once.
    #[error("Bitswap message holds over {MAX_ITEMS} items: close the stream")]
    TooMany,
    /// It is not protobuf.
    #[error("Bitswap message is not protobuf: close the stream")]
    Wire(#[from] WireError),
    /// A name in it is none.
    #[error("Bitswap message names a block by what is no CID: close the stream")]
    Cid,
}

impl Message {
    /// Reads one message. The blocks are slices of `bytes`, named by their hashes.
    ///
    /// # Errors
    ///
    /// When the bytes are no message; nothing that they said counts.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(DecodeError::TooLong { bytes: bytes.len() });
        }
        let mut message = Self::default();
        let mut fields = Fields::of(bytes);
        while let Some(field) = fields.next()? {
            match (field.number, field.value) {
                (1, Value::Bytes(inner)) => read_wantlist(&mut message.wantlist, &inner)?,
                (2, Value::Bytes(block)) => message.keep(Some(named(0, DAG_PB, &block)), block, bytes.len())?,
                (3, Value::Bytes(inner)) => {
                    let (prefix, block) = read_payload(&inner)?;
                    message.keep(name_by(&prefix, &block), block, bytes.len())?;
                }
                (4, Value::Bytes(inner)) => push(&mut message.presences, read_presence(&inner)?)?,
                (5, Value::Varint(pending)) => message.pending_bytes = u32::try_from(pending).unwrap_or(u32::MAX),
                _ => {}
            }
        }
        Ok(message)
    }

    fn keep(&mut self, cid: Option<Cid>, block: Bytes, message_bytes: usize) -> Result<(), DecodeError> {
        let Some(cid) = cid else {
            self.unnamed_blocks += 1;
            return Ok(());
        };
        let small = block.len() < message_bytes / COPIED_BELOW;
        let bytes = if small { Bytes::copy_from_slice(&block) } else { block };
        push(&mut self.blocks, Block { cid, bytes })
    }
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), DecodeError> {
    if list.len() == MAX_ITEMS {
        return Err(DecodeError::TooMany);
    }
    list.push(item);
    Ok(())
}

fn read_wantlist(wantlist: &mut Wantlist, bytes: &Bytes) -> Result<(), DecodeError> {
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(inner)) => push(&mut wantlist.entries, read_entry(&inner)?)?,
            (2, Value::Varint(full)) => wantlist.extent = if full == 0 { Extent::Changes } else { Extent::Full },
            _ => {}
        }
    }
    Ok(())
}

fn read_entry(bytes: &Bytes) -> Result<Entry, DecodeError> {
    let (mut cid, mut priority, mut cancel, mut have, mut tell) = (None, 0, false, false, false);
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(name)) => cid = Some(read_cid(&name)?),
            (2, Value::Varint(number)) => priority = low_half(number),
            (3, Value::Varint(number)) => cancel = number != 0,
            (4, Value::Varint(number)) => have = number == 1,
            (5, Value::Varint(number)) => tell = number != 0,
            _ => {}
        }
    }
    let kind = match (cancel, have) {
        (true, _) => WantKind::Cancel,
        (false, true) => WantKind::Have,
        (false, false) => WantKind::Block,
    };
    let absence = if tell { Absence::Tell } else { Absence::Silent };
    Ok(Entry { cid: cid.ok_or(DecodeError::Cid)?, priority, kind, absence })
}

fn read_payload(bytes: &Bytes) -> Result<(Bytes, Bytes), DecodeError> {
    let (mut prefix, mut block) = (Bytes::new(), Bytes::new());
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(found)) => prefix = found,
            (2, Value::Bytes(found)) => block = found,
            _ => {}
        }
    }
    Ok((prefix, block))
}

fn read_presence(bytes: &Bytes) -> Result<Presence, DecodeError> {
    let (mut cid, mut there) = (None, There::Have);
    let mut fields = Fields::of(bytes);
    while let Some(field) = fields.next()? {
        match (field.number, field.value) {
            (1, Value::Bytes(name)) => cid = Some(read_cid(&name)?),
            (2, Value::Varint(1)) => there = There::DontHave,
            _ => {}
        }
    }
    Ok(Presence { cid: cid.ok_or(DecodeError::Cid)?, there })
}

fn read_cid(bytes: &Bytes) -> Result<Cid, DecodeError> {
    Cid::try_from(&bytes[..]).map_err(|_| DecodeError::Cid)
}

/// The name of a block by the prefix that came with it; none when the hash function is not known here.
fn name_by(prefix: &[u8], block: &[u8]) -> Option<Cid> {
    let mut numbers = [0u64; 4];
    let mut rest = prefix;
    for number in &mut numbers {
        let (value, used) = varint::read(rest).ok()?;
        *number = value;
        rest = &rest[used..];
    }
    let [version, codec, hash, digest_bytes] = numbers;
    match hash {
        SHA2_256 if digest_bytes == 32 && (version == 1 || (version == 0 && codec == DAG_PB)) => {
            Some(named(version, codec, block))
        }
        IDENTITY if version == 1 => Some(Cid::new_v1(codec, Multihash::wrap(IDENTITY, block).ok()?)),
        _ => None,
    }
}

fn named(version: u64, codec: u64, block: &[u8]) -> Cid {
    let hash = Multihash::wrap(SHA2_256, &Sha256::digest(block)).expect("32 bytes fit in a multihash of 64");
    if version == 0 { Cid::new_v0(hash).expect("sha2-256 is what CIDv0 takes") } else { Cid::new_v1(codec, hash) }
}

/// Protobuf writes a negative `int32` as 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the low half is the number; what is above is its sign")]
const fn low_half(number: u64) -> i32 {
    number as i32
}
