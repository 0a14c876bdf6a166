//! Comments to order, and a store to put them in.

mod converge;
mod damage;
mod decoys;
mod history;
mod keeping;
mod news;

use std::{path::Path, time::Duration};

use crate::{Incoming, Options, Writer};
use bytes::Bytes;
use ed25519_dalek::SigningKey;
use proto::{
    AnyId, Topic,
    posts::{Origin, Receipt},
    record::{Draft, Limits},
};

pub(crate) fn options() -> Options {
    Options { map_gib: 1, reserve_mib: 0, folder_history_s: 900, lock_wait: Duration::ZERO }
}

pub(crate) fn open(dir: &Path) -> Writer {
    Writer::open(dir, &options()).unwrap()
}

pub(crate) fn topic(number: u8) -> Topic {
    Topic([number; 20])
}

pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub(crate) fn incoming(topic: Topic, blob: Vec<u8>) -> Incoming {
    Incoming::read(topic, Origin::Visitor, Bytes::from(blob), Limits::NONE).unwrap()
}

pub(crate) fn from_server(topic: Topic, blob: Vec<u8>) -> Incoming {
    Incoming { origin: Origin::Server, ..incoming(topic, blob) }
}

pub(crate) fn unsigned(text: &str) -> Vec<u8> {
    Draft::new().header("User", "me").unsigned(text)
}

pub(crate) fn comment(author: u8, text: &str) -> Vec<u8> {
    Draft::new().header("Date", "2026-11-20T16:47:05Z").signed(&key(author), text)
}

pub(crate) fn edit(author: u8, target: AnyId, second: u8, text: &str) -> Vec<u8> {
    let date = format!("2026-11-20T17:00:{second:02}Z");
    Draft::new().header("Date", &date).header("Edits", &target.to_string()).signed(&key(author), text)
}

pub(crate) fn deletion(author: u8, target: AnyId) -> Vec<u8> {
    Draft::new().header("Deletes", &target.to_string()).signed(&key(author), "gone")
}

pub(crate) fn twin(blob: &[u8], number: u8) -> Vec<u8> {
    [format!("Postmark: {number}\n").as_bytes(), blob].concat()
}

/// Posts comments in one batch.
pub(crate) fn post(writer: &mut Writer, comments: &[Incoming]) -> Vec<Receipt> {
    let mut batch = writer.batch().unwrap();
    let receipts = comments.iter().map(|comment| batch.insert(comment).unwrap()).collect();
    batch.commit().unwrap();
    receipts
}

pub(crate) fn post_one(writer: &mut Writer, topic: Topic, blob: Vec<u8>) -> Receipt {
    post(writer, &[incoming(topic, blob)]).remove(0)
}
