//! Comments to order, and a store to put them in.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::{path::Path, time::Duration};

use bytes::Bytes;
use comment_store::{Incoming, Options, Writer};
use ed25519_dalek::SigningKey;
use proto::{
    AnyId, Topic,
    posts::{Origin, Receipt},
    record::{Draft, Limits},
};

pub fn options() -> Options {
    Options { map_gib: 1, reserve_mib: 0, folder_history_s: 900, lock_wait: Duration::ZERO }
}

pub fn open(dir: &Path) -> Writer {
    Writer::open(dir, &options()).unwrap()
}

pub fn topic(number: u8) -> Topic {
    Topic([number; 20])
}

pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub fn incoming(topic: Topic, blob: Vec<u8>) -> Incoming {
    Incoming::read(topic, Origin::Visitor, Bytes::from(blob), Limits::NONE).unwrap()
}

pub fn from_server(topic: Topic, blob: Vec<u8>) -> Incoming {
    Incoming { origin: Origin::Server, ..incoming(topic, blob) }
}

pub fn unsigned(text: &str) -> Vec<u8> {
    Draft::new().header("User", "me").unsigned(text)
}

pub fn comment(author: u8, text: &str) -> Vec<u8> {
    Draft::new().header("Date", "2026-11-20T16:47:05Z").signed(&key(author), text)
}

pub fn edit(author: u8, target: impl Into<AnyIdText>, second: u8, text: &str) -> Vec<u8> {
    let date = format!("2026-11-20T17:00:{second:02}Z");
    Draft::new().header("Date", &date).header("Edits", &target.into().0).signed(&key(author), text)
}

pub fn deletion(author: u8, target: impl Into<AnyIdText>) -> Vec<u8> {
    Draft::new().header("Deletes", &target.into().0).signed(&key(author), "gone")
}

pub fn twin(blob: &[u8], number: u8) -> Vec<u8> {
    [format!("Postmark: {number}\n").as_bytes(), blob].concat()
}

pub struct AnyIdText(String);

impl From<AnyId> for AnyIdText {
    fn from(id: AnyId) -> Self {
        Self(id.to_string())
    }
}

impl From<&Receipt> for AnyIdText {
    fn from(receipt: &Receipt) -> Self {
        Self(receipt.id.to_string())
    }
}

/// Posts comments in one batch.
pub fn post(writer: &mut Writer, comments: &[Incoming]) -> Vec<Receipt> {
    let mut batch = writer.batch().unwrap();
    let receipts = comments.iter().map(|comment| batch.insert(comment).unwrap()).collect();
    batch.commit().unwrap();
    receipts
}

pub fn post_one(writer: &mut Writer, topic: Topic, blob: Vec<u8>) -> Receipt {
    post(writer, &[incoming(topic, blob)]).remove(0)
}
