//! Signed comments of about 300 bytes, as a client writes them.

use std::sync::atomic::{AtomicU64, Ordering};

use ed25519_dalek::{Signer as _, SigningKey};
use proto::Topic;

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// So many different comments, signed by one key.
pub fn signed(topic: Topic, comments: usize) -> Vec<Vec<u8>> {
    let key = SigningKey::from_bytes(&[7; 32]);
    (0..comments).map(|_| sign(&key, topic)).collect()
}

fn sign(key: &SigningKey, topic: Topic) -> Vec<u8> {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let part = format!(
        "Public-Key: {}\nDate: 2026-11-20T16:{:02}:{:02}.000Z\nUser: bench\nParent: {topic}\n\nThe quick brown fox jumps \
         over the lazy dog for the {serial}th time.",
        hex(key.verifying_key().as_bytes()),
        serial / 60 % 60,
        serial % 60,
    );
    format!("Signature: {}\n{part}", hex(&key.sign(part.as_bytes()).to_bytes())).into_bytes()
}

/// A comment without a signature: for filling a store, where signing would take longer than storing.
pub fn unsigned(topic: Topic, serial: u64) -> Vec<u8> {
    format!("Date: 2026-11-20T16:00:00.000Z\nUser: bench\nParent: {topic}\n\nComment number {serial} of this bench.")
        .into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
