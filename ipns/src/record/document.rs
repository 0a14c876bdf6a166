//! The signed part of a record: a map in DAG-CBOR. It may hold more than is known here.
//!
//! Asked by `record`.

use std::{collections::BTreeMap, time::Duration};

use ipld_core::ipld::Ipld;

use super::{Draft, RecordError, UNTIL, wire::Wire};

const VALUE: &str = "Value";
const VALIDITY: &str = "Validity";
const VALIDITY_TYPE: &str = "ValidityType";
const SEQUENCE: &str = "Sequence";
const TTL: &str = "TTL";

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document(BTreeMap<String, Ipld>);

/// Numbers are signed in Go, so no record has more.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(i64::MAX.unsigned_abs())
}

impl Document {
    pub(super) fn of(draft: &Draft) -> Self {
        let bytes = |text: String| Ipld::Bytes(text.into_bytes());
        Self(BTreeMap::from([
            (VALUE.to_owned(), bytes(draft.value.clone())),
            (VALIDITY.to_owned(), bytes(draft.expires.to_string())),
            (VALIDITY_TYPE.to_owned(), Ipld::Integer(UNTIL.into())),
            (SEQUENCE.to_owned(), Ipld::Integer(draft.sequence.into())),
            (TTL.to_owned(), Ipld::Integer(nanos(draft.ttl).into())),
        ]))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.is_empty() {
            return Err(RecordError::Unsigned);
        }
        serde_ipld_dagcbor::from_slice(bytes).map(Self).map_err(|_| RecordError::Document)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        serde_ipld_dagcbor::to_vec(&self.0).expect("a map of bytes and numbers can be written")
    }

    pub(super) fn value(&self) -> Result<&[u8], RecordError> {
        self.bytes(VALUE)
    }

    pub(super) fn validity(&self) -> Result<&[u8], RecordError> {
        self.bytes(VALIDITY)
    }

    pub(super) fn validity_type(&self) -> Result<u64, RecordError> {
        self.number(VALIDITY_TYPE)
    }

    pub(super) fn sequence(&self) -> Result<u64, RecordError> {
        self.number(SEQUENCE)
    }

    pub(super) fn ttl(&self) -> Result<u64, RecordError> {
        self.number(TTL)
    }

    pub(super) fn has_ttl(&self) -> bool {
        matches!(self.0.get(TTL), Some(Ipld::Integer(_)))
    }

    fn bytes(&self, name: &'static str) -> Result<&[u8], RecordError> {
        match self.0.get(name) {
            Some(Ipld::Bytes(bytes)) => Ok(bytes),
            _ => Err(RecordError::Field(name)),
        }
    }

    fn number(&self, name: &'static str) -> Result<u64, RecordError> {
        match self.0.get(name) {
            Some(Ipld::Integer(number)) => u64::try_from(*number).map_err(|_| RecordError::Field(name)),
            _ => Err(RecordError::Field(name)),
        }
    }

    /// What is in the record twice must say the same twice: the second is what is signed.
    pub(super) fn check_same(&self, wire: &Wire) -> Result<(), RecordError> {
        let validity_type = u64::try_from(wire.validity_type.unwrap_or_default());
        let checks = [
            (VALUE, self.bytes(VALUE)? == wire.value.as_deref().unwrap_or_default()),
            (VALIDITY, self.bytes(VALIDITY)? == wire.validity.as_deref().unwrap_or_default()),
            (VALIDITY_TYPE, Ok(self.number(VALIDITY_TYPE)?) == validity_type),
            (SEQUENCE, self.number(SEQUENCE)? == wire.sequence.unwrap_or_default()),
            (TTL, self.number(TTL)? == wire.ttl.unwrap_or_default()),
        ];
        match checks.iter().find(|(_, same)| !same) {
            Some((name, _)) => Err(RecordError::Mismatch(name)),
            None => Ok(()),
        }
    }
}
