//! Records: what a name points to, until when, signed by the name's key.
//!
//! Asked by whoever publishes, resolves or keeps them. The signed part is a map in DAG-CBOR (`document`), wrapped in a
//! protobuf (`wire`) that repeats it for readers from before 2021.

mod document;
mod wire;

use std::{cmp::Ordering, time::Duration};

use cid::Cid;
use prost::Message as _;
use thiserror::Error;

use crate::{
    key::{KeyError, KeyPair, PublicKey},
    moment::{Moment, MomentError},
    name::Name,
};
use document::Document;
use wire::Wire;

/// The longest record that is accepted.
pub const RECORD_BYTES_MAX: usize = 10 << 10;
/// What a record without a value points to: a CID that holds zero bytes.
const NOTHING: &str = "/ipfs/bafkqaaa";
const SIGNED_PREFIX: &[u8] = b"ipns-signature:";
/// The only kind of validity: until a moment.
const UNTIL: u64 = 0;

/// Whether readers from before 2021 can read the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compatibility {
    /// They can: everything is in the record twice.
    #[default]
    V1AndV2,
    /// They cannot, and the record is about half as long.
    V2Only,
}

/// Which signatures a record has, as Kubo shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVersions {
    /// Fields for readers from before 2021 are there too.
    V1AndV2,
    /// Only what counts today.
    V2,
}

/// What a record is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it points: a path such as `/ipfs/…`.
    pub value: String,
    /// The higher one replaces the lower one.
    pub sequence: u64,
    /// Until when it is valid.
    pub expires: Moment,
    /// For how long it may be believed without looking again.
    pub ttl: Duration,
    /// For whom it is written.
    pub compatibility: Compatibility,
}

/// A record.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    wire: Wire,
    document: Document,
}

/// Why bytes are no record, or a record is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Longer than any may be.
    #[error("record exceeds the maximum size of {RECORD_BYTES_MAX} bytes")]
    Large,
    /// Not the protobuf.
    #[error("record is malformed: no protobuf of a record")]
    Protobuf,
    /// Only the fields of before 2021.
    #[error("record is malformed: the signed part is missing")]
    Unsigned,
    /// The signed part is no map in DAG-CBOR.
    #[error("record is malformed: the signed part is no map in DAG-CBOR")]
    Document,
    /// A field of the signed part.
    #[error("record is malformed: the field {0} of the signed part is missing or of another kind")]
    Field(&'static str),
    /// Fields that are there twice must be the same.
    #[error("record is malformed: field {0:?} did not match between protobuf and CBOR")]
    Mismatch(&'static str),
    /// Another kind of validity.
    #[error("record has an unrecognized validity type")]
    Validity,
    /// The moment until which it is valid.
    #[error("record is malformed: it does not say until when it is valid")]
    Until(#[source] MomentError),
    /// Neither a path nor a CID.
    #[error("record value is not a valid content path")]
    Value,
    /// A hash is not enough to check a signature.
    #[error("public key not found: neither the record nor the name holds it")]
    NoKey,
    /// The key in the record.
    #[error("public key in the record is not valid")]
    Key(#[source] KeyError),
    /// The key belongs to another name.
    #[error("public key does not match the expected IPNS name")]
    OtherKey,
    /// Signed by somebody else, or changed.
    #[error("record signature verification failed")]
    Signature,
    /// Its time is over.
    #[error("record is expired")]
    Expired,
}

impl Record {
    /// Makes a record and signs it.
    #[must_use]
    pub fn create(key: &KeyPair, draft: &Draft) -> Self {
        let document = Document::of(draft);
        let bytes = document.encode();
        let mut wire = Wire { signature_v2: Some(key.sign(&signed(&bytes))), ..Wire::default() };
        if draft.compatibility == Compatibility::V1AndV2 {
            wire.repeat(draft);
            wire.signature_v1 = Some(key.sign(&wire.signed_v1()));
        }
        wire.document = Some(bytes);
        let public = key.public();
        if public.name().public_key().is_none() {
            wire.public_key = Some(public.encode());
        }
        Self { wire, document }
    }

    /// Reads a record. It may be anybody's: see [`Record::check`].
    ///
    /// # Errors
    ///
    /// When it is too long, or no record of today's form.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordError::Large);
        }
        let wire = Wire::decode(bytes).map_err(|_| RecordError::Protobuf)?;
        let document = Document::decode(wire.document.as_deref().unwrap_or_default())?;
        Ok(Self { wire, document })
    }

    /// The bytes of the record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.wire.encode_to_vec()
    }

    /// Whether it is the record of this name, unchanged, and valid now.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn check(&self, name: &Name, now: Moment) -> Result<(), RecordError> {
        self.check_by(&self.key_of(name)?, now)
    }

    fn check_by(&self, key: &PublicKey, now: Moment) -> Result<(), RecordError> {
        let signature = self.wire.signature_v2.as_deref().unwrap_or_default();
        let document = self.wire.document.as_deref().unwrap_or_default();
        if self.wire.encoded_len() > RECORD_BYTES_MAX {
            return Err(RecordError::Large);
        }
        if signature.is_empty() || !key.verify(&signed(document), signature) {
            return Err(RecordError::Signature);
        }
        if self.versions() == SignatureVersions::V1AndV2 {
            self.document.check_same(&self.wire)?;
        }
        if self.expires()? < now {
            return Err(RecordError::Expired);
        }
        // A negative one is refused; none at all is not.
        match self.document.ttl() {
            Err(RecordError::Field(_)) if self.document.has_ttl() => Err(RecordError::Field("TTL")),
            _ => Ok(()),
        }
    }

    /// The key that must have signed it.
    fn key_of(&self, name: &Name) -> Result<PublicKey, RecordError> {
        let bytes = self.wire.public_key.as_deref().unwrap_or_default();
        if bytes.is_empty() {
            return name.public_key().ok_or(RecordError::NoKey);
        }
        let key = PublicKey::decode(bytes).map_err(RecordError::Key)?;
        if key.name() == *name { Ok(key) } else { Err(RecordError::OtherKey) }
    }

    /// Where it points, as a path.
    ///
    /// # Errors
    ///
    /// When the value is neither a path nor a CID.
    pub fn value(&self) -> Result<String, RecordError> {
        let value = self.document.value()?;
        if value.is_empty() {
            return Ok(NOTHING.to_owned());
        }
        if value.starts_with(b"/") {
            return String::from_utf8(value.to_vec()).map_err(|_| RecordError::Value);
        }
        let cid = Cid::try_from(value).map_err(|_| RecordError::Value)?;
        Ok(format!("/ipfs/{cid}"))
    }

    /// The higher one replaces the lower one.
    ///
    /// # Errors
    ///
    /// When it has none.
    pub fn sequence(&self) -> Result<u64, RecordError> {
        self.document.sequence()
    }

    /// The kind of its validity; 0 is the only one that is known.
    ///
    /// # Errors
    ///
    /// When it has none.
    pub fn validity_type(&self) -> Result<u64, RecordError> {
        self.document.validity_type()
    }

    /// Until when it is valid.
    ///
    /// # Errors
    ///
    /// When it does not say, or in a way that is not known.
    pub fn expires(&self) -> Result<Moment, RecordError> {
        if self.document.validity_type()? != UNTIL {
            return Err(RecordError::Validity);
        }
        let text = String::from_utf8_lossy(self.document.validity()?);
        Moment::parse(&text).map_err(RecordError::Until)
    }

    /// For how long it may be believed without looking again.
    ///
    /// # Errors
    ///
    /// When it does not say.
    pub fn ttl(&self) -> Result<Duration, RecordError> {
        self.document.ttl().map(Duration::from_nanos)
    }

    /// Which signatures it has.
    #[must_use]
    pub fn versions(&self) -> SignatureVersions {
        let has = |bytes: &Option<Vec<u8>>| bytes.as_ref().is_some_and(|bytes| !bytes.is_empty());
        let repeated = has(&self.wire.signature_v1) || has(&self.wire.value);
        if repeated { SignatureVersions::V1AndV2 } else { SignatureVersions::V2 }
    }

    /// Which of two valid records of a name replaces the other: by sequence, then by how long it is valid, then by its
    /// bytes, so that everybody chooses the same.
    ///
    /// # Errors
    ///
    /// When one of them does not have these.
    pub fn compare(&self, other: &Self) -> Result<Ordering, RecordError> {
        let order = (self.sequence()?, self.expires()?).cmp(&(other.sequence()?, other.expires()?));
        Ok(order.then_with(|| self.encode().cmp(&other.encode())))
    }
}

fn signed(document: &[u8]) -> Vec<u8> {
    [SIGNED_PREFIX, document].concat()
}

/// The best of the records of a name that several peers gave: which one, and what it says. What is not valid counts for
/// nothing; one unchanged valid record among a thousand is enough.
#[must_use]
pub fn choose<'a>(name: &Name, now: Moment, records: impl IntoIterator<Item = &'a [u8]>) -> Option<(usize, Record)> {
    let mut best: Option<(usize, Record)> = None;
    for (at, bytes) in records.into_iter().enumerate() {
        let Ok(record) = Record::decode(bytes) else { continue };
        if record.check(name, now).is_err() || record.sequence().is_err() {
            continue;
        }
        let is_better = best.as_ref().is_none_or(|(_, best)| record.compare(best) == Ok(Ordering::Greater));
        if is_better {
            best = Some((at, record));
        }
    }
    best
}
