//! The protobuf around a record.
//!
//! Asked by `record`. Fields 1 to 6 are for readers from before 2021; today's read 7 to 9 only.

use prost::Message;

use super::Draft;

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Wire {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub(super) value: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) signature_v1: Option<Vec<u8>>,
    #[prost(int32, optional, tag = "3")]
    pub(super) validity_type: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) validity: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "5")]
    pub(super) sequence: Option<u64>,
    #[prost(uint64, optional, tag = "6")]
    pub(super) ttl: Option<u64>,
    /// Only where the name is too short to hold the key.
    #[prost(bytes = "vec", optional, tag = "7")]
    pub(super) public_key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(super) signature_v2: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub(super) document: Option<Vec<u8>>,
}

impl Wire {
    /// Says everything a second time.
    pub(super) fn repeat(&mut self, draft: &Draft) {
        self.value = Some(draft.value.clone().into_bytes());
        self.validity_type = Some(0);
        self.validity = Some(draft.expires.to_string().into_bytes());
        self.sequence = Some(draft.sequence);
        self.ttl = Some(super::document::nanos(draft.ttl));
    }

    /// What the old signature covers: value, validity and the name of the only kind of validity.
    pub(super) fn signed_v1(&self) -> Vec<u8> {
        let (value, validity) = (self.value.as_deref(), self.validity.as_deref());
        [value.unwrap_or_default(), validity.unwrap_or_default(), b"EOL"].concat()
    }
}
