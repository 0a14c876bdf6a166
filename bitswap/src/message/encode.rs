//! A message to bytes: the pieces of a frame, in which blocks stay where they are.

use bytes::Bytes;
use cid::{Cid, Version};
use unixfs::{varint, wire};

use super::{Absence, Block, Entry, Extent, Message, Presence, There, WantKind, Wantlist};
use crate::Protocol;

/// Blocks of at least this size are a piece of their own; smaller ones are copied together.
const OWN_PIECE_BYTES: usize = 16 * 1024;

impl Message {
    /// The frame of this message, length first, in pieces to be written one after the other.
    ///
    /// A peer of version 1.0.0 is sent plain blocks; what it would not understand is left out.
    #[must_use]
    pub fn frame(&self, protocol: Protocol) -> Vec<Bytes> {
        let mut pieces = Pieces::default();
        if !self.wantlist.entries.is_empty() || self.wantlist.extent == Extent::Full {
            let body = wantlist_body(&self.wantlist);
            wire::put_bytes(&mut pieces.open, 1, &body);
        }
        for block in &self.blocks {
            pieces.put_block(block, protocol);
        }
        if protocol.knows_presence() {
            self.presences.iter().for_each(|presence| put_presence(&mut pieces.open, presence));
        }
        if self.pending_bytes > 0 && protocol.knows_presence() {
            wire::put_varint(&mut pieces.open, 5, u64::from(self.pending_bytes));
        }
        pieces.framed()
    }
}

/// What is written so far.
#[derive(Default)]
struct Pieces {
    done: Vec<Bytes>,
    open: Vec<u8>,
}

impl Pieces {
    fn put_block(&mut self, block: &Block, protocol: Protocol) {
        if protocol == Protocol::V1_0 {
            wire::put_bytes_head(&mut self.open, 2, block.bytes.len());
        } else {
            let prefix = prefix(&block.cid);
            let inner = wire::bytes_field_bytes(prefix.len()) + wire::bytes_field_bytes(block.bytes.len());
            wire::put_bytes_head(&mut self.open, 3, inner);
            wire::put_bytes(&mut self.open, 1, &prefix);
            wire::put_bytes_head(&mut self.open, 2, block.bytes.len());
        }
        self.put_content(&block.bytes);
    }

    fn put_content(&mut self, content: &Bytes) {
        if content.len() < OWN_PIECE_BYTES {
            self.open.extend_from_slice(content);
            return;
        }
        self.done.push(std::mem::take(&mut self.open).into());
        self.done.push(content.clone());
    }

    fn framed(mut self) -> Vec<Bytes> {
        self.done.push(self.open.into());
        let bytes: usize = self.done.iter().map(Bytes::len).sum();
        let mut head = Vec::with_capacity(varint::MAX_BYTES + self.done[0].len());
        varint::write(&mut head, bytes as u64);
        head.extend_from_slice(&self.done[0]);
        self.done[0] = head.into();
        self.done.retain(|piece| !piece.is_empty());
        self.done
    }
}

fn wantlist_body(wantlist: &Wantlist) -> Vec<u8> {
    let mut body = Vec::with_capacity(wantlist.entries.len() * 52);
    for entry in &wantlist.entries {
        put_entry(&mut body, entry);
    }
    if wantlist.extent == Extent::Full {
        wire::put_varint(&mut body, 2, 1);
    }
    body
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    let mut body = Vec::with_capacity(52);
    wire::put_bytes(&mut body, 1, &entry.cid.to_bytes());
    if entry.priority != 0 {
        wire::put_varint(&mut body, 2, sign_extended(entry.priority));
    }
    match entry.kind {
        WantKind::Block => {}
        WantKind::Have => wire::put_varint(&mut body, 4, 1),
        WantKind::Cancel => wire::put_varint(&mut body, 3, 1),
    }
    if entry.absence == Absence::Tell {
        wire::put_varint(&mut body, 5, 1);
    }
    wire::put_bytes(out, 1, &body);
}

/// Protobuf writes a negative `int32` as 64 bits.
fn sign_extended(number: i32) -> u64 {
    i64::from(number).cast_unsigned()
}

fn put_presence(out: &mut Vec<u8>, presence: &Presence) {
    let mut body = Vec::with_capacity(44);
    wire::put_bytes(&mut body, 1, &presence.cid.to_bytes());
    if presence.there == There::DontHave {
        wire::put_varint(&mut body, 2, 1);
    }
    wire::put_bytes(out, 4, &body);
}

/// What stands before the hash in a CID, from which the receiver names the block.
fn prefix(cid: &Cid) -> Vec<u8> {
    let version = u64::from(cid.version() == Version::V1);
    let mut out = Vec::with_capacity(8);
    for number in [version, cid.codec(), cid.hash().code(), u64::from(cid.hash().size())] {
        varint::write(&mut out, number);
    }
    out
}

/// Bytes that a block takes in a message, at most.
#[must_use]
pub const fn block_bytes(block_bytes: usize) -> usize {
    block_bytes + 32
}

/// Bytes that an entry takes in a message, at most for the usual CIDs.
#[must_use]
pub fn entry_bytes(entry: &Entry) -> usize {
    entry.cid.encoded_len() + 24
}

/// Bytes that a presence takes in a message, at most for the usual CIDs.
#[must_use]
pub fn presence_bytes(cid: &Cid) -> usize {
    cid.encoded_len() + 12
}
